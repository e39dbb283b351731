"""Suites: what their YAML may say, and what it means."""

import re
import textwrap

import pytest
import yaml

from ilvi_core.evaluate.ours import updates_of
from ilvi_core.evaluate.store import slug
from ilvi_core.evaluate.suite import OURS, PEER
from ilvi_core.evaluate.suite_file import built_in, load_suite
from ilvi_core.host.errors import InputError

BASE = """
about: A few.
clips: {a: "demo:1", b: clips/b}
mattes: {a: "demo:2", m: mattes/m}
methods:
  Flow: {method: dip-vid-flow}
  Telea: {peer: telea}
"""


def changed(text):
    """BASE with some of its names given other values."""
    return yaml.safe_dump({**yaml.safe_load(BASE), **yaml.safe_load(text)}, sort_keys=False)


def write(folder, text, name="mine.yaml"):
    path = folder / name
    path.write_text(textwrap.dedent(text))
    return str(path)


def test_paths_start_at_the_files_folder_and_every_other_pair_is_made(tmp_path):
    suite = load_suite(write(tmp_path, BASE))
    assert suite.name == "mine"
    assert [f.id for f in suite.clips] == ["a+m@192x96", "b+a@192x96", "b+m@192x96"]  # a's own matte is no pair
    assert suite.clips[2].pair.frames == str(tmp_path / "clips/b")
    assert suite.clips[0].pair.frames == "demo:1"
    assert [(v.id, v.kind, v.method) for v in suite.variants] == [
        ("Flow", OURS, "dip-vid-flow"),
        ("Telea", PEER, "telea"),
    ]
    moved = load_suite(write(tmp_path, BASE + "data: elsewhere\n"))
    assert moved.clips[2].pair.matte == str(tmp_path / "elsewhere/mattes/m")
    assert load_suite(str(tmp_path / "mine.yaml"), "/data").clips[2].pair.matte == "/data/mattes/m"


def test_pairs_by_number_are_seeded_and_by_name_as_named(tmp_path):
    two = load_suite(write(tmp_path, BASE + "pairs: 2\nseed: 5\n"))
    assert len(two.clips) == 2
    assert two.clips == load_suite(write(tmp_path, BASE + "pairs: 2\nseed: 5\n")).clips
    named = load_suite(write(tmp_path, BASE + "pairs: [[b, m]]\nsizes: [64x64, 128x64]\n"))
    assert [f.id for f in named.clips] == ["b+m@64x64", "b+m@128x64"]
    assert named.clips[1].size == (128, 64)


def test_settings_go_preset_suite_method_vary(tmp_path):
    text = BASE.replace("{method: dip-vid-flow}", "{method: dip-vid-flow, solve: {batch: 4}, vary: {window: [1, 8]}}")
    first, second, _ = load_suite(write(tmp_path, text + "solve: {batch: 3, seed: 7}\n")).variants
    assert (first.label, first.id, first.family, first.varied) == (
        "Flow window=1",
        "Flow-window=1",
        "Flow",
        {"window": 1},
    )
    settings = second.solve_settings((128, 64))
    assert (settings.window, settings.batch, settings.seed) == (8, 4, 7)
    assert (settings.size, settings.region, settings.solve_dilate) == ((128, 64), "frame", 0)
    assert settings.learning_rate == 0.005  # the draft preset's
    assert first.match_edge  # draft's too
    assert not load_suite(write(tmp_path, BASE + "preset: paper\n")).variants[0].match_edge
    assert not load_suite(write(tmp_path, BASE + "match_edge: false\n")).variants[0].match_edge


def test_budgets_multiply_the_methods_and_say_what_they_buy(tmp_path):
    suite = load_suite(write(tmp_path, BASE + "budgets: [{passes: 40}, {updates: 300}]\n"))
    assert [v.id for v in suite.variants] == ["Flow-40-passes", "Flow-300-updates", "Telea"]
    passes, updates, _ = suite.variants
    settings = passes.solve_settings((128, 64))
    assert updates_of(passes, settings, [range(20)], 0) == 160  # 40 times 20 frames, five at a time
    assert updates_of(passes, settings, [range(1)] * 20, 0) == 40  # one network a frame: the same work
    assert updates_of(passes, settings, [range(3)], 0) == 40
    assert updates_of(updates, settings, [range(20)], 0) == 300
    seconds = load_suite(write(tmp_path, BASE + "budgets: [{seconds: 60}]\n")).variants[0]
    assert updates_of(seconds, settings, [range(10)] * 2, 0.5) == 60
    assert updates_of(load_suite(write(tmp_path, BASE)).variants[0], settings, [range(20)], 0) == 0


def test_a_suite_extends_another(tmp_path):
    write(tmp_path, BASE + "solve: {batch: 3, seed: 7}\n", "base.yaml")
    suite = load_suite(write(tmp_path, "extends: base\nsolve: {seed: 8}\nmethods: {DIP: {method: dip}}\nframes: 5\n"))
    assert [v.label for v in suite.variants] == ["Flow", "Telea", "DIP"]
    settings = suite.variants[0].solve_settings((128, 64))
    assert (settings.batch, settings.seed, suite.frames) == (3, 8, 5)
    with pytest.raises(InputError, match="extends itself"):
        load_suite(write(tmp_path, "extends: mine\n"))


def test_names_of_every_kind_have_folders_of_their_own(tmp_path):
    text = """
    clips: {1: "demo:1", "ночь": "demo:2", "a/b": "demo:3", con: "demo:4"}
    mattes: {2: "demo:5"}
    methods:
      день: {peer: telea}
      утро: {peer: membrane}
    """
    suite = load_suite(write(tmp_path, text))
    assert suite.clips[0].id == "1+2@192x96"
    assert load_suite(write(tmp_path, text + "pairs: [[1, 2]]\n")).clips == suite.clips[:1]
    names = [v.id for v in suite.variants] + [f.id for f in suite.clips]
    assert len(set(names)) == 6
    assert all(re.fullmatch(r"[A-Za-z0-9.@=+_-]+", name) for name in names)
    assert slug("con") != "con"
    assert slug("x" * 300) != slug("x" * 299)
    assert len(slug("x" * 300)) < 120


def test_yaml_merges_are_understood(tmp_path):
    text = BASE + "solve: &s {batch: 3}\nmatch_edge: true\n"
    text = text.replace("{method: dip-vid-flow}", "{<<: *m, solve: null}").replace("about: A few.", "about: &a A few.")
    text = text.replace("methods:\n", "methods:\n  First: &m {method: dip-vid}\n")
    assert [v.method for v in load_suite(write(tmp_path, text)).variants] == ["dip-vid", "dip-vid", "telea"]


@pytest.mark.parametrize("name", built_in())
def test_the_built_in_suites_can_be_read(name):
    suite = load_suite(name)
    assert suite.about
    assert suite.clips
    assert any(v.kind == OURS for v in suite.variants)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("metods: {}", "no setting 'metods'. Did you mean 'methods'"),
        ("clips: {}", "names no clips"),
        ("clips: [a]", "expected names and values"),
        ("clips: {a: 3}", "a is '3', expected a path"),
        ("methods: {A: {}}", "neither or both"),
        ("methods: {A: {peer: telea, method: dip}}", "neither or both"),
        ("methods: {A: {peer: none}}", "no peer 'none'"),
        ("methods: {A: {method: none}}", "no method 'none'"),
        ("methods: {A: dip}", "method A is 'dip'"),
        ("methods: {A: {peer: telea}, a: {peer: telea}}", "two methods have the name"),
        ("methods: {A: {method: dip, solve: {colour: 1}}}", "no setting 'colour'"),
        ("methods: {A: {method: dip, preset: none}}", "no preset 'none'"),
        ("pairs: [[a, none]]", "no setting 'none'"),
        ("pairs: [[a]]", "pairs holds"),
        ("pairs: 9", "9 pairs are asked for"),
        ("pairs: [[a, m], [a, m]]", "two clips have the name a\\+m@192x96"),
        ("sizes: [5x5]", "size is 5"),
        ("sizes: [big]", "size is 'big'"),
        ("budgets: [100]", "a budget is '100'"),
        ("budgets: [{hours: 1}]", "no setting 'hours'"),
        ("budgets: [{passes: many}]", "is no number"),
        ("budgets: [{updates: 0}]", "updates is 0"),
        ("seed: x", "seed is 'x'"),
        ("frames: -1", "frames is '-1'"),
        ("solve: {batch: 0}", "batch is 0"),
        ("seed: true", "seed is 'True'"),
        ("row: text", "row is 'text'"),
        ("row: -3", "row is '-3'"),
        ("row: 96", "row is 96, expected 0 to 95"),
        ("about: null", "about is 'None'"),
        ("data: 3", "data is '3'"),
        ("sizes: []", "sizes is empty"),
        ("match_edge: 'no'", "match_edge is 'no', expected true or false"),
        ("solve: {size: 64x64}", "size cannot be set: the suite's clips and sizes decide it"),
        ("methods: {A: {method: dip, vary: {method: [dip, dip-vid]}}}", "method cannot be set"),
        ("methods: {A: {method: dip, vary: {window: []}}}", "vary: window is empty"),
        ("methods: {A: {method: dip, vary: window}}", "expected names and values"),
        ("methods: {A: {method: dip, solve: [1]}}", "expected names and values"),
        ("methods: {A: {method: dip, match_edge: 'no'}}", "match_edge is 'no'"),
        ("methods: {A: {method: dip, budgets: [{updates: 5}], vary: {max_updates: [1, 2]}}}", "the budget decides it"),
        ("methods: {A: {method: dip, budgets: [{updates: 2.9}]}}", "2.9 updates is no whole number"),
        ("methods: {A: {peer: telea, solve: {batch: 2}}}", "no setting 'solve'"),
        ("methods: {A: {peer: [telea]}}", "no peer"),
        ("methods: {A: null}", "method A is 'None'"),
        ("[\n", "it cannot be read"),
        ("methods: {A: {peer: telea}, A: {peer: membrane}}", "'A' comes twice"),
    ],
)
def test_what_does_not_fit_is_a_sentence(tmp_path, change, said):
    with pytest.raises(InputError, match=f"Suite mine.yaml: .*{said}"):
        load_suite(write(tmp_path, change if "[\n" in change or "twice" in said else changed(change)))


def test_no_such_suite(tmp_path):
    with pytest.raises(InputError, match="no suite nothing") as caught:
        load_suite("nothing")
    assert "procedural" in caught.value.hint
    with pytest.raises(InputError, match="There is no suite"):
        load_suite(str(tmp_path / "procedural"))
