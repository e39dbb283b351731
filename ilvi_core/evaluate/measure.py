"""Every number of one result, and what each of them means."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ilvi_core.evaluate.composed import Composed
from ilvi_core.evaluate.consistency import consistency
from ilvi_core.evaluate.metrics import video_psnr, video_ssim
from ilvi_core.evaluate.seam import seam_visibility
from ilvi_core.evaluate.warping import visible_flow, warping_error

VERSION = 1  # raised when a number would come out differently: results are measured again, not solved again
HIGHER, LOWER, AS_PLATE = "higher", "lower", "nearer 1"


@dataclass(frozen=True)
class Column:
    """name: of the metric.  better: higher, lower, nearer 1, or empty: nothing is best.  described: in words."""

    name: str
    title: str
    unit: str = ""
    better: str = ""
    described: str = ""


COLUMNS = (
    Column("psnr", "PSNR", "dB", HIGHER, "composed frame against the truth, mean over frames (100 dB at most each)"),
    Column("ssim", "SSIM", "", HIGHER, "composed frame; 11x11 Gaussian window, mean over channels, pixels and frames"),
    Column("psnr_hole", "PSNR in the hole", "dB", HIGHER, "over the pixels of the hole alone"),
    Column("ssim_hole", "SSIM in the hole", "", HIGHER, "the map of SSIM averaged over the pixels of the hole"),
    Column(
        "consistency_psnr", "Consistency PSNR", "dB", HIGHER, "section 4.1; it can reward blur, see docs/evaluate.md"
    ),
    Column("consistency_ssim", "Consistency SSIM", "", HIGHER, "the same with SSIM"),
    Column(
        "warp", "E_warp", "", LOWER, "squared difference to the next frame, warped back by the truth's flow, visible"
    ),
    Column("warp_hole", "E_warp in the hole", "", LOWER, "the same over the pixels of the hole"),
    Column("seam", "Seam", "", AS_PLATE, "steps across the hole's edge relative to the plate's own near it; 1: unseen"),
    Column(
        "seam_coarse", "Seam, coarse", "", AS_PLATE, "the same at a quarter of the size: an offset of the whole fill"
    ),
    Column("fid", "FID", "", LOWER, "the result's frames as a set against all true frames of the suite"),
    Column("fid_frame", "FID, each frame", "", LOWER, "the paper's words: each frame alone against all true frames"),
    Column(
        "psnr_known", "PSNR of the known", "dB", HIGHER, "what was generated, uncomposited, where the plate is known"
    ),
    Column("ssim_known", "SSIM of the known", "", HIGHER, "the same with SSIM"),
)


class Measurer:
    """Measures results of one clip; the truth's flow is estimated once."""

    def __init__(self, clip: Composed, seed: int) -> None:
        self._clip, self._seed = clip, seed
        self._flow: tuple[np.ndarray, np.ndarray] | None = None

    def measure(self, result: np.ndarray, fills: np.ndarray | None) -> tuple[dict[str, float | None], dict[str, str]]:
        """Metrics by name, and notes by name; without FID, which is of all clips.

        result: (T, h, w, 3) float32, composed.  fills: the same uncomposited, None for a method that has none.
        """
        clip = self._clip
        found: dict[str, float | None] = {
            "psnr": video_psnr(result, clip.truth),
            "ssim": video_ssim(result, clip.truth),
            "psnr_hole": video_psnr(result, clip.truth, clip.holes),
            "ssim_hole": video_ssim(result, clip.truth, clip.holes),
            "psnr_known": None if fills is None else video_psnr(fills, clip.truth, ~clip.holes),
            "ssim_known": None if fills is None else video_ssim(fills, clip.truth, ~clip.holes),
        }
        notes = {} if fills is not None else dict.fromkeys(("psnr_known", "ssim_known"), "it generates the hole alone")
        self._in_time(result, found, notes)
        try:
            seam = seam_visibility(result, clip.holes)
            found |= {"seam": seam.fine, "seam_coarse": seam.coarse}
            notes["seam"] = seam.described
        except ValueError as error:
            found |= {"seam": None, "seam_coarse": None}
            notes["seam"] = str(error)
        return found, notes

    def _in_time(self, result: np.ndarray, found: dict[str, float | None], notes: dict[str, str]) -> None:
        names = ("consistency_psnr", "consistency_ssim", "warp", "warp_hole")
        found |= dict.fromkeys(names)
        try:
            steady = consistency(result, self._clip.holes, seed=self._seed)
            found |= {"consistency_psnr": steady.psnr, "consistency_ssim": steady.ssim}
            notes["consistency_psnr"] = steady.described
            if self._flow is None:
                self._flow = visible_flow(self._clip.truth)
            warp = warping_error(result, self._clip.holes, *self._flow)
            found |= {"warp": warp.full, "warp_hole": warp.hole}
            notes["warp"] = warp.described
        except ValueError as error:  # a single frame, or no hole before the last
            notes |= {name: str(error) for name in names if found[name] is None}
