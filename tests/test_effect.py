"""The effect for Python hosts, with a strict host made of arrays and the real worker."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from test_hybrid import FRAMES, scene

from ilvi_core.host.errors import Cancelled, IlviError, InputError
from ilvi_core.host.parameters import PARAMETERS
from ofx_bridge import effect as effects
from ofx_bridge import make_table, npy, table
from ofx_bridge.effect import Effect, Image

FIRST, LAST = 5, 4 + FRAMES
SOLVE = {"size": "160x96", "remainder": "smooth"}


class Host:
    """Gives the clip's frames; refuses what no host has."""

    def __init__(self, mask=True):
        self.truth, self.matte = scene()
        self.mask, self.asked = mask, []

    def fetch(self, clip, frame):
        assert clip in (effects.SOURCE, effects.MASK)
        self.asked.append((clip, frame))
        if not FIRST <= frame <= LAST:
            return None
        t = frame - FIRST
        if clip == effects.MASK:
            return image_of(self.matte[t][..., None]) if self.mask else None
        alpha = np.ones_like(self.matte[t]) if self.mask else self.matte[t]
        return image_of(np.dstack([np.where(self.matte[t][..., None] > 0, 9.0, self.truth[t]), alpha]))


def image_of(pixels):
    return Image(pixels.shape[1], pixels.shape[0], pixels.shape[2], np.ascontiguousarray(pixels, np.float32).tobytes())


def array_of(image):
    return np.frombuffer(image.data, np.float32).reshape(image.height, image.width, image.channels)


@pytest.fixture
def make(monkeypatch):
    monkeypatch.setenv("ILVI_PYTHON", sys.executable)
    made = []

    def make(host, **more):
        made.append(Effect(host.fetch, {**SOLVE, **more.pop("values", {})}, **more))
        return made[-1]

    yield make
    for effect in made:
        effect.close()
        if effect._client is not None:
            effect._client.close()


def test_a_host_learns_clips_and_parameters():
    assert effects.describe()["identifier"] == "com.ilvi.inpaint"
    source, mask, output = effects.clips()
    assert (source.optional, mask.optional, mask.mask, output.temporal) == (False, True, True, False)
    names = [p.name for p in effects.parameters()]
    assert len(set(names)) == len(names)
    assert {"method", "preset", "solve_dilate", "comp_feather", "view", "device", "cache_dir", "worker"} <= set(names)
    assert all(p.hint for p in effects.parameters())


def test_the_plugin_and_the_page_have_the_same_parameters():
    assert make_table.HEADER.read_text(encoding="utf-8") == make_table.header(), "ofx_bridge/make_table.py writes it"
    assert make_table.PAGE.read_text(encoding="utf-8") == make_table.page(), "ofx_bridge/make_table.py writes it"
    rows = {row.name: row for row in table.ROWS}
    assert len(rows) == len(table.ROWS)
    assert set(PARAMETERS) < set(rows)
    for p in effects.parameters():
        row = rows[p.name]
        assert (row.kind, row.label, row.low, row.high) == (p.kind, p.label, p.low, p.high)
        assert set(p.choices) <= set(row.choices)
        assert row.hint.startswith(p.hint)


@pytest.mark.parametrize("mask", [True, False])
def test_inpaint_then_render(make, mask):
    host = Host(mask)
    effect = make(host)
    before = array_of(effect.render(FIRST + 3))
    plate = array_of(host.fetch(effects.SOURCE, FIRST + 3))
    assert 0.005 < (before != plate).any(-1).mean() < 0.3  # stripes
    phases = set()
    effect.inpaint(FIRST, LAST, lambda phase, done, total: phases.add(phase) or True)
    assert {"gather", "donors"} <= phases
    done = array_of(effect.render(FIRST + 3))
    hole = host.matte[3] > 0
    assert np.abs(done[..., :3] - host.truth[3])[hole].mean() < 0.05
    far = np.ones_like(hole)
    far[20:72, 55:115] = False
    np.testing.assert_array_equal(done[far], plate[far])
    np.testing.assert_array_equal(done[..., 3], plate[..., 3])
    part = array_of(effect.render(FIRST + 3, (10, 20, 50, 60)))
    np.testing.assert_array_equal(part, done[20:60, 10:50])
    # another instance of the same project, on another day
    again = make(host, solved=effect.saved())
    np.testing.assert_array_equal(array_of(again.render(FIRST + 3)), done)
    assert again._client is None
    # another view, without solving
    effect.set("view", "confidence")
    effect.rerender()
    grey = array_of(effect.render(FIRST + 3))
    assert (grey[far][:, :3] == 1).all()
    folder = effect._folder
    effect.close()
    assert not folder.exists()


def test_what_a_frame_without_a_result_shows(make):
    host = Host()
    effect = make(host, values={"unsolved": "black"})
    assert not array_of(effect.render(FIRST)).any()
    effect.set("unsolved", "fail")
    with pytest.raises(IlviError, match=f"Frame {FIRST} is not solved"):
        effect.render(FIRST)
    with pytest.raises(InputError, match="no frame 99"):
        effect.render(99)


def test_a_host_may_stop_it(make):
    effect = make(Host())
    with pytest.raises(Cancelled):
        effect.inpaint(FIRST, LAST, lambda phase, done, total: done < 3)
    with pytest.raises(IlviError, match="nothing to render again"):
        effect.rerender()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("nonsense", 1),
        ("method", "magic"),
        ("solve_dilate", -1),
        ("solve_dilate", 2.5),
        ("match_edge", 1),
        ("view", ""),
    ],
)
def test_a_wrong_value_is_said_in_words(make, name, value):
    with pytest.raises(InputError):
        make(Host()).set(name, value)


def test_npy_is_what_numpy_writes_and_reads(tmp_path):
    pixels = np.random.default_rng(0).random((3, 5, 4)).astype(np.float32)
    npy.write(tmp_path / "a.npy", pixels.shape, pixels.tobytes())
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), pixels)
    np.save(tmp_path / "b.npy", pixels)
    shape, data = npy.read(tmp_path / "b.npy")
    assert shape == pixels.shape
    np.testing.assert_array_equal(np.frombuffer(data, np.float32), pixels.ravel())
    with pytest.raises(ValueError, match="bytes"):
        npy.write(tmp_path / "c.npy", (2, 2), b"123")
    (tmp_path / "cut.npy").write_bytes((tmp_path / "b.npy").read_bytes()[:-4])
    np.save(tmp_path / "double.npy", pixels.astype(np.float64))
    (tmp_path / "other.npy").write_bytes(b"something else, longer than a header")
    for name in ("cut", "double", "other", "absent"):
        with pytest.raises(IlviError, match="cannot be read"):
            npy.read(tmp_path / f"{name}.npy")


def test_it_needs_no_numpy():
    root = Path(__file__).resolve().parent.parent
    code = "import sys, ofx_bridge.effect; print([m for m in ('numpy', 'torch', 'cv2') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
