"""An installation: planned, said, made beside the old one, tried, and only then switched to."""

from __future__ import annotations

import argparse
import datetime
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from ilvi_install import environment, files, nuke, ofx, pythons, torch_build, weights
from ilvi_install.archive import family_of
from ilvi_install.places import (
    BUNDLE,
    Machine,
    command_in,
    nuke_init,
    ofx_folder,
    python_in,
    record_path,
    weights_folder,
)
from ilvi_install.pythons import Python
from ilvi_install.source import Source, find_source
from ilvi_install.state import Lock, State, load
from ilvi_install.steps import Steps, clean_environment, follow, output
from ilvi_install.torch_build import TorchBuild
from ilvi_install.words import Refused, say, size

BUNDLE_COPY = "bundle"  # in the scratch folder
ALONE_BYTES = 64 << 20  # when the environment is there already


@dataclass(frozen=True)
class Plan:
    """What is to be done. name: of the version to make; empty: the one that is there will do."""

    prefix: Path
    source: Source
    python: Python
    torch: TorchBuild
    record: Path
    name: str
    room: int  # bytes
    nuke_init: Path | None = None
    nuke_folder: Path | None = None
    ofx_folder: Path | None = None
    self_test: bool = True

    @property
    def steps(self) -> int:
        archive = self.source.archive
        made = (3 + (bool(self.torch.pip) or bool(archive))) if self.name else 1
        extras = (self.nuke_init or self.nuke_folder, self.ofx_folder, archive and archive.has(weights.FOLDER))
        return made + sum(map(bool, extras)) + bool(self.self_test) + 1


def install(machine: Machine, prefix: Path, options: argparse.Namespace) -> int:
    """Returns 0; Refused when something keeps it from being done, and then the version before still works."""
    plan = make_plan(machine, prefix, options)
    for line in describe(plan, machine):
        say(line)
    if options.dry_run:
        say("Nothing was done (--dry-run).")
        return 0
    state = load(prefix) or State(str(prefix))
    state.make_folder(prefix)
    lock = Lock(prefix / "install.lock")
    try:
        _carry_out(plan, state, machine)
    finally:
        lock.close()
    _last_words(plan, machine, state)
    return 0


def make_plan(machine: Machine, prefix: Path, options: argparse.Namespace) -> Plan:
    """Looks, and touches nothing. Refused for what cannot work."""
    state = load(prefix)
    source = find_source(options.source, options.offline)
    if machine.named("ILVI_OFFLINE") not in ("", "0") and not source.archive:
        raise Refused("ILVI_OFFLINE is set, so nothing is downloaded.", "Give --offline ARCHIVE, or unset it.", 2)
    python = pythons.choose(options.python, source.archive.python if source.archive else None)
    _check_archive(source, python)
    there = environment.is_whole(state, state.current, machine.system) if state else ""
    name = "" if there and not options.upgrade else _new_name(prefix, source)
    torch, room = TorchBuild(""), ALONE_BYTES
    if name and source.archive:
        torch, room = TorchBuild("torch of the archive"), source.archive.room
    elif name:
        torch = _choose_torch(machine, options.torch, python)
        room = torch.room
    folder = Path(os.path.abspath(os.path.expanduser(options.nuke))) if options.nuke not in ("", "~") else None
    plugins = Path(os.path.abspath(os.path.expanduser(options.ofx_dir))) if options.ofx_dir else None
    plan = Plan(
        prefix, source, python, torch, _record(machine, state, options.record), name, room,
        nuke_init(machine) if options.nuke == "~" or (state and state.nuke_init and not folder) else None,
        folder or (Path(state.nuke_folder) if state and state.nuke_folder else None),
        plugins or _ofx_again(machine, state, options.ofx, bool(name)),
        not options.no_self_test,
    )  # fmt: skip
    _check(plan, state)
    return plan


def _new_name(prefix: Path, source: Source) -> str:
    stamp = datetime.datetime.now().strftime("%Y%m%dT%H%M%S")
    return environment.free_name(State(str(prefix)), source.version, stamp)


def _record(machine: Machine, state: State | None, named: str) -> Path:
    """Where the record goes: as named now, as the environment says, or where it went before."""
    if named:
        return Path(os.path.abspath(os.path.expanduser(named)))
    if state and state.record and not machine.named("ILVI_RECORD"):
        return Path(state.record)
    return Path(os.path.abspath(record_path(machine)))


def _ofx_again(machine: Machine, state: State | None, asked: bool, new: bool) -> Path | None:
    """The OpenFX folder that is asked for; an upgrade brings along what was installed."""
    if asked:
        return ofx_folder(machine)
    return Path(state.ofx_bundle).parent if state and state.ofx_bundle and new else None


def _choose_torch(machine: Machine, wanted: str, python: Python) -> TorchBuild:
    gpu = torch_build.find_gpu(machine) if wanted in ("auto", "cuda") else None
    own_index = bool(machine.named("PIP_INDEX_URL")) or ".index-url=" in output(
        [python.path, "-I", "-m", "pip", "config", "list"]
    )
    return torch_build.choose(wanted, machine, gpu, own_index, torch_build.is_reachable)


def _check_archive(source: Source, python: Python) -> None:
    """Refused when the archive was made for another kind of machine."""
    if not source.archive:
        return
    here = family_of(python)
    if source.archive.platform != here:
        raise Refused(f"The archive is for {source.archive.platform}, and this is {here}.", "Make one for it.", 2)


def _check(plan: Plan, state: State | None) -> None:
    parent = files.existing_parent(plan.prefix)
    if not parent.is_dir():
        raise Refused(f"{parent} is a file, so {plan.prefix} cannot be made.", "Choose another --prefix.", 2)
    if not os.access(parent, os.W_OK):
        raise Refused(f"This user may not write in {parent}.", "Choose a folder of yours with --prefix.", 2)
    foreign = [] if state or not plan.prefix.is_dir() else [each.name for each in plan.prefix.iterdir()]
    if set(foreign) - {"install.lock"}:  # what an installer has left that was killed before its first note
        raise Refused(
            f"{plan.prefix} is not empty, and ILVI's installer did not make it.", "Name a new folder with --prefix.", 2
        )
    disk = shutil.disk_usage(parent)
    if disk.total:  # some network file systems do not say
        check_room(disk.free, plan.room, parent)
    if plan.nuke_folder:
        nuke.check_folder(state, plan.nuke_folder)
    if plan.ofx_folder:
        ofx.check_place(state, plan.ofx_folder)
        packed = plan.source.archive and plan.source.archive.has(ofx.BUNDLE)
        missing = "" if packed or not plan.source.checkout else ofx.can_build()
        if missing:
            raise Refused(
                f"There is no packed OpenFX plugin, and building it needs {missing}.",
                "Install that (docs/openfx.md, Build), or use an archive that has the plugin.",
                2,
            )


def check_room(free: int, needed: int, where: Path) -> None:
    if free < needed:
        raise Refused(
            f"Installing takes about {size(needed)} in {where}, and {size(free)} are free.",
            "Make room, or choose a folder on another disk with --prefix.",
            2,
        )


def describe(plan: Plan, machine: Machine) -> list[str]:
    """The plan in words."""
    lines = [plan.source.words, f"Where:   {plan.prefix}"]
    if plan.name:
        lines += [f"Version: {plan.name}, by {plan.python.words}", f"Torch:   {plan.torch.words}"]
        lines += [f"Warning: {plan.torch.warning}"] if plan.torch.warning else []
        lines.append(f"Room:    about {size(plan.room)} while it is being made")
    else:
        lines.append("Version: the one that is there (--upgrade makes a new one)")
    lines.append(f"Record:  {plan.record}")
    lines += [f"Nuke:    a line in {plan.nuke_init}"] if plan.nuke_init else []
    lines += [f"Nuke:    {plan.nuke_folder}, for NUKE_PATH"] if plan.nuke_folder else []
    lines += [f"OpenFX:  {plan.ofx_folder / ofx.BUNDLE}"] if plan.ofx_folder else []
    return lines


def _carry_out(plan: Plan, state: State, machine: Machine) -> None:
    if environment.roll_back(state):
        say("What an interrupted run has left is removed.")
    state.work.mkdir(exist_ok=True)
    state.save()
    steps = Steps(plan.steps, state.work, plan.prefix / "install.log")
    name = plan.name or state.current
    try:
        if plan.name:
            environment.make(state, name, plan.python, plan.torch, plan.source, steps, machine.system)
        bundle = _plugin_of_hosts(plan, state, machine, steps)
        if plan.self_test:
            with steps.step("Self-test: a small clip, solved by the worker"):
                environment.try_out(state, name, machine.system, steps, state.work / "try")
    except BaseException:
        environment.roll_back(state)
        raise
    python = python_in(state.version(name), machine.system)
    with steps.step(f"Switching to {name}"):
        environment.write_record(state, plan.record, name, plan.source.version, machine.system)
        _connect(plan, state, name, bundle)
    weights.bring(state, plan.source, python, weights_folder(machine), steps)
    environment.prune(state, machine)
    files.remove(state.work)
    with steps.step("ilvi doctor"):
        # what it finds (a folder without room, say) is told; the installation stands
        named = {"ILVI_RECORD": str(plan.record), "ILVI_PYTHON": ""}
        follow([str(python), "-I", "-c", environment.RUN, "doctor"], clean_environment(named), plan.prefix)


def _plugin_of_hosts(plan: Plan, state: State, machine: Machine, steps: Steps) -> Path | None:
    """The OpenFX plugin, kept in the version's folder, so that --use has it too."""
    if not plan.ofx_folder:
        return None
    kept = state.version(plan.name or state.current) / BUNDLE
    with steps.step("The OpenFX plugin"):
        if not kept.is_dir():
            found = ofx.get_bundle(plan.source, machine, state.work, steps)
            shutil.copytree(found, state.work / BUNDLE_COPY)
            os.replace(state.work / BUNDLE_COPY, kept)
    return kept


def _connect(plan: Plan, state: State, name: str, bundle: Path | None) -> None:
    """The hosts' side of the switch; each part can be done again."""
    if plan.nuke_init:
        nuke.add_line(state, plan.nuke_init, state.version(name) / environment.PLUGIN)
        say(f"      {plan.nuke_init}")
    if plan.nuke_folder:
        nuke.put_folder(state, state.version(name) / environment.PLUGIN, plan.nuke_folder)
        say(f"      {plan.nuke_folder}")
    if plan.ofx_folder and bundle:
        ofx.put_bundle(state, bundle, plan.ofx_folder)
        say(f"      {plan.ofx_folder / ofx.BUNDLE}")


def _last_words(plan: Plan, machine: Machine, state: State) -> None:
    command = command_in(state.version(state.current), machine.system)
    link = command_in(plan.prefix / "current", machine.system)
    say(f"ILVI is installed. Try: {link if link.exists() else command} demo")
    if plan.nuke_folder:
        say(f"Nuke finds it by NUKE_PATH={plan.nuke_folder}")
    if plan.record != Path(os.path.abspath(record_path(machine))):
        say(f"Hosts find it by ILVI_RECORD={plan.record}")


def list_versions(prefix: Path) -> int:
    """`--list`."""
    state = load(prefix)
    if state is None:
        say(f"Nothing of ILVI is installed in {prefix}.")
        return 0
    for name in state.versions:
        say(f"{'*' if name == state.current else ' '} {name}  {state.version(name)}")
    return 0


def use_version(machine: Machine, prefix: Path, name: str) -> int:
    """`--use`: switch to a version that is kept."""
    state = load(prefix)
    if state is None or name not in state.versions:
        raise Refused(f"There is no version {name} in {prefix}.", "--list says which there are.", 2)
    version = environment.is_whole(state, name, machine.system)
    if not version:
        raise Refused(f"Version {name} does not run.", "Install it again.")
    lock = Lock(prefix / "install.lock")
    try:
        environment.write_record(state, Path(state.record), name, version, machine.system)
        if state.nuke_init:
            nuke.add_line(state, Path(state.nuke_init), state.version(name) / environment.PLUGIN)
        if state.nuke_folder:
            nuke.put_folder(state, state.version(name) / environment.PLUGIN, Path(state.nuke_folder))
        if state.ofx_bundle and (state.version(name) / BUNDLE).is_dir():
            ofx.put_bundle(state, state.version(name) / BUNDLE, Path(state.ofx_bundle).parent)
    finally:
        lock.close()
    say(f"ILVI {name} is used from now on.")
    return 0
