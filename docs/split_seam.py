"""Does a split show where its windows meet? `python docs/split_seam.py CLIP OUT [FRAMES]`, CLIP as in DATA/clips.

The clip is solved whole, in windows that are cut hard where they meet, and in windows that are faded into one another;
of each result the paper's consistency (section 4.1) in the hole, of every frame and the next.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from ilvi_core.cache import Cache
from ilvi_core.evaluate.consistency import consistency
from ilvi_core.host.job import FrameRange, ImageSequence, Job
from ilvi_core.host.split import Split
from ilvi_core.images import read_still
from ilvi_core.pipeline import render

SPLITS = {"whole": None, "cut hard": Split(12, 0), "faded": Split(18, 6)}
SIZE = (384, 192)  # that it is solved at
SAMPLES = 20  # patches of a frame


def main(clip: Path, out: Path, count: int) -> None:
    first = min(int(path.stem) for path in (clip / "frames").iterdir())
    frames = range(first, first + count)
    mattes = [read_still(clip / "masks" / f"{frame:05d}.png", "matte").rgb() for frame in frames]
    holes = np.stack(mattes)[..., 0] > 0.5
    for name, split in SPLITS.items():
        job = Job(
            ImageSequence(f"{clip}/frames/%05d.jpg"),
            ImageSequence(f"{clip}/masks/%05d.png"),
            f"{out}/{name}/f.%05d.png",
            FrameRange(frames[0], frames[-1]),
            solve={"size": SIZE},
            split=split,
        )
        # a cache of its own: windows would be taken from the whole solve
        done = render(job, cache=Cache(out / f"cache {name}")).frames
        shown = np.stack([read_still(done[frame], "result").rgb() for frame in frames])
        at = [consistency(shown[n : n + 2], holes[n : n + 2], samples_per_frame=SAMPLES).psnr for n in range(count - 1)]
        spans = [] if split is None else split.windows(frames[0], frames[-1])
        # pairs of which one frame is in two windows, or which lie on either side of a cut
        joint = {n for (_, end), (start, _) in zip(spans, spans[1:], strict=False) for n in range(start - 1, end + 1)}
        near = [at[frame - frames[0]] for frame in sorted(joint) if frame < frames[-1]]
        far = [value for n, value in enumerate(at) if n + frames[0] not in joint]
        sys.stdout.write(
            f"{name}: lowest at the joints {min(near, default=float('nan')):.2f} dB, elsewhere {min(far):.2f}; "
            f"mean {np.mean(at):.2f}\n"
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve(), int(sys.argv[3]) if len(sys.argv) > 3 else 24)
