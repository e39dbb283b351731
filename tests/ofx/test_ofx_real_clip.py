"""A clip of ../shared/data through the OpenFX plugin and the real worker: the frames of `ilvi render`, bit for bit."""

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from ilvi_core.matte import grow

CLIP = Path(__file__).resolve().parents[3] / "shared" / "data" / "clips" / "tennis"
FIRST, LAST = 10, 19
FRAMES = range(FIRST, LAST + 1)
RANGE = f"first={FIRST} last={LAST}"
SIZE = (144, 80)  # the working size, a third of the clip's: a minute or two for all three ways

pytestmark = [
    pytest.mark.slow,
    pytest.mark.ofx,
    pytest.mark.skipif(not CLIP.is_dir(), reason="../shared/data/clips is not on this machine"),
]


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """The folder of what `ilvi render` gives of the same frames and settings."""
    place = tmp_path_factory.mktemp("expected")
    job = {
        "ilvi_job": 1,
        "plate": {"path": f"{CLIP}/frames/%05d.jpg"},
        "matte": {"path": f"{CLIP}/masks/%05d.png"},
        "output": f"{place}/%05d.png",
        "frames": f"{FIRST}-{LAST}",
        "solve": {"size": list(SIZE), "encoding": "encoded"},
        "comp": {"comp_dilate": 1, "comp_feather": 2, "match_edge": True},
    }
    (place / "job.json").write_text(json.dumps(job))
    command = [sys.executable, "-m", "ilvi_core.cli", "render", str(place / "job.json"), "--quiet"]
    subprocess.run(command, check=True, env={**os.environ, "ILVI_CACHE": str(place / "cache")})
    return place


def commands(host, way):
    clips = [
        f"clip Source files={CLIP}/frames/%05d.jpg {RANGE}",
        f"clip Mask files={CLIP}/masks/%05d.png {RANGE}",
    ]
    render = f"render {RANGE} out={host.out}/%05d.png"
    custom = ["set range custom", f"set first {FIRST}", f"set last {LAST}"]
    size = f"set size {SIZE[0]}x{SIZE[1]}"
    if way == "button":
        return [*clips, size, "press inpaint", render]
    if way == "playback":
        return [*clips, size, *custom, "set frames_from playback", render, render]
    files = [f"set plate_files {CLIP}/frames/%05d.jpg", f"set matte_files {CLIP}/masks/%05d.png"]
    return [clips[0], size, *custom, *files, render]


@pytest.mark.parametrize("way", ["button", "playback", "files"])
def test_a_real_clip_as_ilvi_render_has_it(real_host, expected, way):
    code, answers, errors = real_host.run_files(*commands(real_host, way), limit=900)
    assert code == 0, errors
    assert answers.messages == []
    assert set(answers.renders) == {"kOfxStatOK"}
    changed = 0.0
    for frame in FRAMES:
        shown = cv2.imread(str(real_host.out / f"{frame:05d}.png"), cv2.IMREAD_UNCHANGED)
        wanted = cv2.imread(str(expected / f"{frame:05d}.png"), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(shown, wanted, err_msg=f"frame {frame}")
        plate = cv2.imread(str(CLIP / "frames" / f"{frame:05d}.jpg"))
        matte = cv2.imread(str(CLIP / "masks" / f"{frame:05d}.png"), cv2.IMREAD_GRAYSCALE) > 127
        far = ~grow(matte, 8)
        np.testing.assert_array_equal(shown[far], plate[far])
        changed += float(np.abs(shown[matte].astype(float) - plate[matte]).mean()) / len(FRAMES)
    assert changed > 10  # 8-bit levels: the player is gone
