"""The OpenFX plugin in the strict test host, with the real worker; built here with sanitizers (minutes: slow)."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from test_hybrid import FRAMES, scene

BRIDGE = Path(__file__).resolve().parent.parent / "ofx_bridge"
TOOLS = [tool for tool in ("cmake", "c++") if shutil.which(tool) is None]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(TOOLS), reason=f"{' and '.join(TOOLS)} is not installed"),
    pytest.mark.xdist_group("ofx"),
]
FIRST, LAST = 1001, 1000 + FRAMES
SOLVE = {"method": "ilvi", "size": [160, 96], "remainder": "smooth", "solve_dilate": 4, "encoding": "linear"}
# what hosts do wrong (ofx-abi.md, sections 8 to 11); with each the result is the same, or said to be unsolved
HARMLESS = (
    "no_message_suite", "missing_suite=OfxProgressSuite", "message_v2_aborts", "message_v2_broken", "bare_instance",
    "panicking_stubs=OfxMultiThreadSuite", "panicking_stubs=OfxMemorySuite", "no_file_path", "timeline_unsupported",
    "custom_unwritten", "resolve_ranges", "no_set_host", "load_twice", "context_from_host", "no_contexts",
    "no_sequence", "sequence_per_frame", "no_identity", "no_frames_needed", "actions_in_fetch",
    "new_instance_per_frame", "concurrent_renders=4", "render_thread", "double_destroy", "unknown_actions",
    "negative_rows", "padding=20", "offset_bounds=-7,11", "bounds_differ=5", "random_identifier",
    "missing_property=clip:OfxImageEffectPropFrameRate", "missing_property=image:OfxImagePropRegionOfDefinition",
    "missing_property=clip:OfxImageClipPropConnected",
)  # fmt: skip


@pytest.fixture(scope="session")
def build(tmp_path_factory):
    """The plugin and the host, compiled by gcc with the address and undefined sanitizers; ILVI_OFX_BUILD keeps it."""
    kept = os.environ.get("ILVI_OFX_BUILD", "")
    folder = Path(kept) if kept else tmp_path_factory.mktemp("ofx")
    options = ["-DCMAKE_BUILD_TYPE=RelWithDebInfo", "-DILVI_SANITIZE=address,undefined"]
    for command in (
        ["cmake", "-S", str(BRIDGE), "-B", str(folder), *options],
        ["cmake", "--build", str(folder), "-j2"],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return folder


@pytest.fixture(scope="session")
def frames(tmp_path_factory):
    """plate.####.npy (RGBA) and matte.####.npy; the folder."""
    folder = tmp_path_factory.mktemp("frames")
    truth, matte = scene(bright=1.5)
    for t in range(FRAMES):
        spoiled = np.where(matte[t][..., None] > 0, 2.0, truth[t])
        np.save(folder / f"plate.{FIRST + t}.npy", np.dstack([spoiled, np.ones_like(matte[t])]).astype(np.float32))
        np.save(folder / f"matte.{FIRST + t}.npy", matte[t].astype(np.float32))
    return folder


class Host:
    """One run of the test host for each call."""

    def __init__(self, build, frames, place):
        self.build, self.frames, self.out = build, frames, place / "out"
        self.environment = {
            **os.environ,
            "ILVI_PYTHON": sys.executable,
            "ILVI_CACHE": str(place / "cache"),
            "ILVI_LOG": str(place / "log"),
            "XDG_DATA_HOME": str(place / "data"),
            "ASAN_OPTIONS": "detect_leaks=1",
        }

    def run(self, act, before=(), depth="float", components="rgba", context="Filter", values=()):
        """The answers; fails on a violation, a leak, or a command that could not be carried out."""
        shutil.rmtree(self.out, ignore_errors=True)
        self.out.mkdir(parents=True)
        source = f"npy={self.frames}/plate.%04d.npy first={FIRST} last={LAST}"
        script = [
            *before,
            f"load {self.build}/Ilvi.ofx.bundle/Contents/Linux-x86-64/Ilvi.ofx",
            f"context {context}",
            f"clip Source {source} depth={depth} components={components}",
            f"clip Mask npy={self.frames}/matte.%04d.npy first={FIRST} last={LAST} depth=byte components=alpha",
            "create",
            "set size 160x96",
            "set remainder smooth",
            *(f"set {name} {value}" for name, value in values),
            *act,
        ]
        done = subprocess.run(
            [self.build / "ilvi_testhost"],
            input="\n".join(script),
            capture_output=True,
            text=True,
            env=self.environment,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, (done.returncode, done.stderr[-3000:], done.stdout[-2000:])
        return [json.loads(line) for line in done.stdout.splitlines()]

    def frame(self, number):
        return np.load(self.out / f"out.{number}.npy")

    @property
    def render(self):
        return f"render first={FIRST} last={LAST} out={self.out}/out.%04d.npy"


@pytest.fixture
def host(build, frames, tmp_path):
    return Host(build, frames, tmp_path)


@pytest.fixture(scope="session")
def expected(frames, tmp_path_factory):
    """What `ilvi render` gives of the same frames."""
    place = tmp_path_factory.mktemp("expected")
    job = {
        "ilvi_job": 1,
        "plate": {"path": f"{frames}/plate.####.npy"},
        "matte": {"path": f"{frames}/matte.####.npy"},
        "output": f"{place}/out.####.npy",
        "solve": {**SOLVE, "matte_channel": "luminance"},
        "comp": {"comp_dilate": 1, "comp_feather": 2, "match_edge": True},
    }
    (place / "job.json").write_text(json.dumps(job))
    command = [sys.executable, "-m", "ilvi_core.cli", "render", str(place / "job.json"), "--quiet"]
    subprocess.run(command, check=True, env={**os.environ, "ILVI_CACHE": str(place / "cache")})
    return {frame: np.load(place / f"out.{frame}.npy") for frame in range(FIRST, LAST + 1)}


def assert_expected(host, expected):
    for frame, picture in expected.items():
        np.testing.assert_array_equal(host.frame(frame), picture)


def messages(answers):
    return [event["text"] for answer in answers for event in answer.get("events", []) if event["event"] == "message"]


def test_the_table_is_made_from_the_shared_one():
    subprocess.run([sys.executable, str(BRIDGE / "make_table.py"), "--check"], check=True)


def test_the_host_itself(build):
    script = BRIDGE / "tests_cpp" / "check_testhost.py"
    done = subprocess.run([sys.executable, script, str(build)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def test_by_button_it_is_what_ilvi_render_gives(host, expected):
    answers = host.run(["press inpaint", host.render])
    assert_expected(host, expected)
    assert any(event["event"] == "progressStart" for answer in answers for event in answer["events"])


def test_by_playback_it_is_what_ilvi_render_gives(host, expected):
    values = [("range", "custom"), ("first", FIRST), ("last", LAST), ("frames_from", "playback")]
    host.run([host.render, host.render], values=values, context="General")
    assert_expected(host, expected)


def test_by_files_it_is_what_ilvi_render_gives(host, expected):
    values = [(f"{name}_files", f"{host.frames}/{name}.####.npy") for name in ("plate", "matte")]
    host.run([host.render], values=values)
    assert_expected(host, expected)


def test_a_saved_project_renders_at_once(host, expected, tmp_path):
    host.run(["press inpaint", f"save {tmp_path}/project"])
    begun = host.run([f"restore {tmp_path}/project", host.render])
    assert_expected(host, expected)
    assert not any(event["event"] == "progressStart" for answer in begun for event in answer["events"])


@pytest.mark.parametrize("components", ["rgba", "rgb", "alpha"])
@pytest.mark.parametrize("depth", ["byte", "short", "half", "float"])
def test_every_depth_keeps_what_is_not_replaced(host, depth, components):
    host.run(
        ["set unsolved black", host.render, "set unsolved mark", "press inpaint", host.render], (), depth, components
    )
    solved = {frame: host.frame(frame) for frame in range(FIRST, LAST + 1)}
    host.run(["misbehave none", host.render], (), depth, components, values=[("unsolved", "mark"), ("method", "dip")])
    _, matte = scene()
    inner = np.zeros(matte.shape[1:], bool)
    inner[8:-8, 8:-8] = True  # within the stripes of what is not solved
    for t in range(FRAMES):
        near = matte[t] > 0
        for axis in (0, 1):
            near = np.logical_or.reduce([np.roll(near, s, axis) for s in range(-6, 7)])
        np.testing.assert_array_equal(solved[FIRST + t][inner & ~near], host.frame(FIRST + t)[inner & ~near])


@pytest.mark.parametrize("word", HARMLESS)
def test_what_hosts_do_wrong(host, expected, word):
    host.run(["press inpaint", host.render, host.render], [f"misbehave {word}"])
    assert_expected(host, expected)


@pytest.mark.parametrize("word", ["thumbnails", "drafts"])
def test_thumbnails_and_drafts_start_nothing(host, word):
    values = [("range", "custom"), ("first", FIRST), ("last", LAST), ("frames_from", "playback")]
    host.run([host.render, host.render], [f"misbehave {word}"], values=values)
    assert not list(Path(host.environment["ILVI_CACHE"]).glob("*/manifest.json"))


def test_a_user_who_cancels_is_obeyed(host):
    answers = host.run(["press inpaint", host.render], ["misbehave progress_cancel_after=3"])
    assert not list(Path(host.environment["ILVI_CACHE"]).glob("*/manifest.json"))
    assert answers[-1]["frames"][0]["status"] == "kOfxStatOK"


@pytest.mark.parametrize("profile", ["mlt", "resolve", "fusion", "nuke", "natron", "openfx-runner"])
def test_profiles_of_hosts(host, profile):
    """They render, whatever they can and cannot do; nothing leaks, nothing is violated."""
    answers = host.run(["press inpaint", host.render, host.render], [f"host {profile}"])
    assert all(frame["status"] == "kOfxStatOK" for frame in answers[-1]["frames"])


def test_a_worker_that_is_not_there_is_said_in_words(host):
    host.environment["ILVI_PYTHON"] = "/nowhere/python"
    answers = host.run(["press inpaint", "set unsolved fail", f"render frame={FIRST}", "destroy", "unload"])
    assert any("/nowhere/python" in text for text in messages(answers))
