"""Presets over defaults, a job's own values over those; what the host part repeats must agree with the engine."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import yaml

import ilvi_core
from ilvi_core import methods, perceptual, settings
from ilvi_core.host.errors import InputError
from ilvi_core.host.job import (
    METHOD_NAMES,
    PERCEPTUAL_LAYERS,
    PRESET_NAMES,
    CompSettings,
    ImageSequence,
    Job,
    SolveSettings,
)


def a_job(**changes: object) -> Job:
    return Job(ImageSequence("p"), ImageSequence("m"), "o", **changes)  # type: ignore[arg-type]


def test_names_that_the_host_repeats() -> None:
    assert tuple(methods.METHODS) == METHOD_NAMES
    assert all(method.name == name for name, method in methods.METHODS.items())
    folder = Path(ilvi_core.__file__).parent / "presets"
    assert {path.stem for path in folder.iterdir()} == set(PRESET_NAMES)
    assert all(path.suffix == ".yaml" for path in folder.iterdir())
    assert tuple(perceptual.LAYERS) == PERCEPTUAL_LAYERS


@pytest.mark.parametrize("name", PRESET_NAMES)
def test_every_preset_resolves(name: str) -> None:
    record = settings.preset(name)
    assert set(record) - {"ilvi"} == {"about", "solve", "comp"}
    for method in ["dip-vid", *(["ilvi"] if "ilvi" in record else [])]:
        solve, comp = settings.resolve(a_job(preset=name, solve={"method": method}))
        over = record["ilvi"] if method == "ilvi" else {"solve": {}, "comp": {}}
        for chosen, section in ((solve, "solve"), (comp, "comp")):
            for key, value in {**record[section], **over[section], "method": method}.items():
                if key != "method" or section == "solve":
                    assert getattr(chosen, key) == (tuple(value) if isinstance(value, list) else value)


@pytest.mark.parametrize("name", ["draft", "production"])
def test_ilvi_is_the_method_unless_another_is_named(name: str) -> None:
    assert settings.resolve(a_job(preset=name))[0].method == "ilvi"


def test_the_paper_preset_refuses_the_method_that_is_not_the_papers() -> None:
    with pytest.raises(InputError, match="not in it") as caught:
        settings.resolve(a_job(preset="paper", solve={"method": "ilvi"}))
    assert "draft" in caught.value.hint


def test_paper_preset_is_the_defaults() -> None:
    assert settings.resolve(a_job(preset="paper")) == (SolveSettings(), CompSettings())


def test_the_job_goes_over_the_preset() -> None:
    solve, comp = settings.resolve(a_job(solve={"max_updates": 7, "size": "64x48"}, comp={"comp_feather": 0}))
    record = settings.preset("draft")
    assert (solve.max_updates, solve.size, comp.comp_feather) == (7, (64, 48), 0.0)
    assert solve.solve_dilate == record["solve"]["solve_dilate"]
    assert comp.comp_dilate == record["comp"]["comp_dilate"]


def test_unknown_preset() -> None:
    for ask in (settings.preset, settings.describe):
        with pytest.raises(InputError, match=r"no preset '\.\./x'\. There are draft"):
            ask("../x")


def test_split() -> None:
    assert settings.split({"seed": "1", "comp_feather": "2"}) == ({"seed": "1"}, {"comp_feather": "2"})
    for wrong, right in (("sede", "seed"), ("comp_fether", "comp_feather"), ("match_edges", "match_edge")):
        with pytest.raises(InputError, match=f"no setting '{wrong}'. Did you mean '{right}'"):
            settings.split({wrong: "1"})
    names = [{f.name for f in dataclasses.fields(kind)} for kind in (SolveSettings, CompSettings)]
    assert not names[0] & names[1]  # a name in both would be set twice


def test_parse_set() -> None:
    found = settings.parse_set(["seed=3", " size = 64x48 ", "matte_channel=a=b", "noise="])
    assert found == {"seed": "3", "size": "64x48", "matte_channel": "a=b", "noise": ""}
    for item in ("seed", "=3", ""):
        with pytest.raises(InputError, match="is no setting") as caught:
            settings.parse_set([item])
        assert "--set key=value" in caught.value.hint


def test_as_yaml_comes_back() -> None:
    solve, comp = SolveSettings(method="dip", size=(64, 48), noise=1e-5), CompSettings(comp_feather=1.5)
    record = yaml.safe_load(settings.as_yaml(solve, comp))
    assert SolveSettings(**record["solve"]) == solve
    assert CompSettings(**record["comp"]) == comp
    again = a_job(preset="draft", solve=record["solve"], comp=record["comp"])
    assert settings.resolve(again) == (solve, comp)


@pytest.mark.parametrize("name", PRESET_NAMES)
def test_describe_shows_every_setting_and_its_meaning(name: str) -> None:
    text = settings.describe(name)
    record = yaml.safe_load(text)
    solve, comp = settings.resolve(a_job(preset=name))
    assert SolveSettings(**record["solve"]) == solve
    assert CompSettings(**record["comp"]) == comp
    assert text.startswith(f"# {settings.preset(name)['about'].strip()}")
    for line in text.splitlines():
        if line.startswith("  "):
            assert len(line.partition(" # ")[2]) > 3, line
    # a value copied from what is shown is taken on the command line
    for key, value in record["solve"].items():
        shown = next(line for line in text.splitlines() if line.startswith(f"  {key}:")).split(": ")[1]
        typed = shown.partition(" #")[0].strip().strip("'")
        assert settings.resolve(a_job(preset=name, solve={key: typed}))[0] == solve, (key, value)
