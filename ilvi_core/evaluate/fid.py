"""FID (section 4.1): how far the frames, as Inception sees them, are from all true frames. `pip install ilvi[fid]`.

The network and its reading of frames are torch-fidelity's (Apache-2.0), the weights those of the original FID, Google's
Inception of 2015-12-05. Where either is missing there is no number, but a sentence.
"""

from __future__ import annotations

import hashlib
import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ilvi_core.evaluate.metrics import check_video
from ilvi_core.host.errors import InputError
from ilvi_core.weights import weights_folder

# One content under the names of torch-fidelity's and of pytorch-fid's releases; they end in how its SHA-256 begins.
FILE_NAMES = ("weights-inception-2015-12-05-6726825d.pth", "pt_inception-2015-12-05-6726825d.pth")
PUBLISHED = "6726825d"
LAYER = "2048"  # the pooled features before the classifier: what "FID" means without further words
BATCH = 8  # frames at once: 299x299 each


@dataclass(frozen=True)
class Fid:
    """pooled, a_frame: from 0 on, or None when they could not be had.  described: how they were, or why not.

    pooled: the frames as one set against all true frames, the usual FID (None for a single frame). a_frame: the paper's
    words by the letter, each frame alone (a set of one has no spread) against all true frames, averaged.
    """

    pooled: float | None
    a_frame: float | None
    described: str


class Extractor:
    """Inception's features of frames.  described: which weights, in words."""

    def __init__(self, path: Path | None = None, device: str = "cpu") -> None:
        """path: a weight file; None = the published one, in the weights folder ($ILVI_WEIGHTS).  device: as torch says.

        Errors: InputError when torch-fidelity or the weights are absent, or the weights are damaged.
        """
        import torch

        try:
            library = importlib.import_module("torch_fidelity.feature_extractor_inceptionv3")
        except ImportError as error:
            raise InputError("torch-fidelity is not installed.", "Install it with: pip install 'ilvi[fid]'.") from error
        path = _published() if path is None else path
        try:
            sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
            if path.name in FILE_NAMES and not sha256.startswith(PUBLISHED):
                raise ValueError(f"its SHA-256 begins with {sha256[:8]}, expected {PUBLISHED}")
            torch.load(path, map_location="cpu", weights_only=True)  # the library's own reader would run code in it
            network = library.FeatureExtractorInceptionV3(
                "inception", [LAYER], feature_extractor_weights_path=str(path)
            )
        except Exception as error:  # what a damaged file makes the unpickler raise has no common base
            reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200].rstrip(".:")
            raise InputError(f"{path} cannot be used: {reason}.", f"Fetch {FILE_NAMES[0]} again.") from error
        self.described = f"Inception of 2015-12-05, layer {LAYER}"
        if not sha256.startswith(PUBLISHED):
            self.described = f"layer {LAYER} of {path.name} ({sha256[:8]}), which is not FID's: no other FID compares"
        self._device = torch.device(device)
        self._network: Any = network.to(self._device)

    def features(self, frames: np.ndarray) -> np.ndarray:
        """(T, 2048) float64. frames: (T, H, W, 3) float, 0..1; made 8 bits first, as FID's pictures always are."""
        import torch

        check_video(frames)
        found = []
        with torch.inference_mode():
            for start in range(0, len(frames), BATCH):
                codes = np.round(np.clip(frames[start : start + BATCH], 0, 1) * 255).astype(np.uint8)
                batch = torch.from_numpy(np.ascontiguousarray(codes.transpose(0, 3, 1, 2))).to(self._device)
                found.append(self._network(batch)[0].double().cpu().numpy())
        return np.concatenate(found)


def fid(frames: np.ndarray, truth: np.ndarray, path: Path | None = None, device: str = "cpu") -> Fid:
    """FID of a video's frames against all true frames, or why there is none. Section 4.1; Heusel et al. 2017.

    frames: (T, H, W, 3), truth: (N, H', W', 3) float, 0..1; N >= 2.  path, device: as for `Extractor`. For many videos
    take the truth's features once, by `Extractor` and `fid_of_features`. Raises ValueError for other shapes.
    """
    check_video(frames)
    check_video(truth, least=2)
    try:
        extractor = Extractor(path, device)
    except InputError as error:
        return Fid(None, None, f"FID was not measured: {error}")
    return fid_of_features(extractor.features(frames), extractor.features(truth), extractor.described)


def fid_of_features(frames: np.ndarray, truth: np.ndarray, described: str) -> Fid:
    """FID from the features of frames (T, D) and of all true frames (N, D), N >= 2; described: which features."""
    pooled = frechet_distance(frames, truth) if len(frames) > 1 else None
    a_frame = float(np.square(frames - truth.mean(axis=0)).sum(axis=1).mean() + truth.var(axis=0, ddof=1).sum())
    sizes = f"{len(frames)} frames against {len(truth)} true ones"
    few = "; so few frames make it too large: compare only equal numbers" if len(frames) <= frames.shape[1] else ""
    return Fid(pooled, a_frame, f"{described}; {sizes}{few}")


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """|mean_a - mean_b|^2 + tr(A + B - 2 (A B)^(1/2)) of the Gaussians with the means and covariances of two sets.

    a: (N, D), b: (M, D) features; N, M >= 2.  With A = X'X and B = Y'Y the root's trace is the sum of the singular
    values of X Y': exact, however few the features are, where a matrix root of A B loses digits. Errors: ValueError.
    """
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or min(len(a), len(b)) < 2:
        raise ValueError(f"expected two sets of at least two features of one length, not {a.shape} and {b.shape}")
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    x, y = ((s - s.mean(axis=0)) / np.sqrt(len(s) - 1) for s in (a, b))
    root = np.linalg.svd(x @ y.T, compute_uv=False).sum()
    means = np.square(a.mean(axis=0) - b.mean(axis=0)).sum()
    return float(max(0.0, means + np.square(x).sum() + np.square(y).sum() - 2 * root))


def _published() -> Path:
    folder = weights_folder()
    for name in FILE_NAMES:
        if (folder / name).is_file():
            return folder / name
    raise InputError(f"There is no {FILE_NAMES[0]} in {folder}.", "Put it there, or set ILVI_WEIGHTS to its folder.")
