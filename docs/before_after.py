"""Makes the strips of docs/before-after.md: `python docs/before_after.py` (some minutes on a CPU)."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

import ilvi_core
from ilvi_core.demo import make_clip
from ilvi_core.evaluate.metrics import video_psnr
from ilvi_core.evaluate.scenes import make_matte, make_scene

FRAMES, WIDTH, HEIGHT = 24, 384, 216
SHOWN = (2, 11, 20)


def walker(matte: np.ndarray) -> np.ndarray:
    """(T, H, W, 3): somebody in a striped coat, where the matte is."""
    out = np.zeros((*matte.shape, 3), np.float32)
    for picture, m in zip(out, matte, strict=True):
        rows = np.arange(len(m))[:, None, None] - np.flatnonzero(m.any(1))[0]
        picture[:] = np.where(rows % 16 < 8, np.float32([0.85, 0.2, 0.15]), np.float32([0.95, 0.9, 0.8]))
    return out


def clips() -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """name -> plate, matte, truth."""
    found = {}
    for name, seed in (("street", 0), ("street-2", 5)):
        clip = make_clip(FRAMES, WIDTH, HEIGHT, seed)
        found[name] = clip.plate, clip.matte, clip.truth
    for name, kind, seed in (("parallax", "parallax", 8), ("zoom", "zoom", 5)):
        truth = make_scene(kind, FRAMES, WIDTH, HEIGHT, seed)
        matte = make_matte(FRAMES, WIDTH, HEIGHT, seed)
        found[name] = np.where(matte[..., None] > 0, walker(matte), truth), matte, truth
    return found


def main() -> None:
    """Solve each clip with the defaults and write its strip: plate above, result below."""
    folder = Path(__file__).parent
    for name, (plate, matte, truth) in clips().items():
        eight = np.round(plate * 255).astype(np.uint8)
        done = ilvi_core.inpaint(eight, matte, "draft")
        score = video_psnr(done / np.float32(255), truth, matte > 0)
        rows = [np.hstack([frames[t] for t in SHOWN]) for frames in (eight, done)]
        strip = np.vstack(rows)[..., ::-1]
        cv2.imwrite(str(folder / f"before-after-{name}.jpg"), strip, [cv2.IMWRITE_JPEG_QUALITY, 88])
        print(f"{name}: {score:.2f} dB in the hole")  # noqa: T201


if __name__ == "__main__":
    main()
