"""RAFT (Teed and Deng, ECCV 2020), torchvision's, from an imported weight file: optical flow between two frames."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn import functional
from torchvision.models import optical_flow

from ilvi_core.host.errors import DeviceError, InputError
from ilvi_core.weights import WeightFile, read_weights

STEP = 8  # the feature encoder's stride: sides have to be multiples
BATCH = 8  # pairs
SMALLEST = 128  # pixels; below it the correlation pyramid's fourth level would be a single cell
_BUILDERS = {"raft_large": optical_flow.raft_large, "raft_small": optical_flow.raft_small}


class RaftFlow:
    """Flow from frame a to frame b: b at (x + u, y + v) shows what a shows at (x, y).

    file: a WeightFile of kind raft_large or raft_small.  updates: RAFT's iterations.
    Memory grows with the square of the pixel count: all pairs of 1/8 size cells, 4 bytes each (1920x1080: 5 GB and
    more). Errors: InputError for a file of another kind, or one that cannot be used.
    """

    def __init__(self, file: WeightFile, device: torch.device | str = "cpu", updates: int = 12) -> None:
        if file.kind not in _BUILDERS:
            raise InputError(f"{file.file_name} holds {file.kind} weights, expected RAFT.", "Import a RAFT file.")
        self.device = torch.device(device)
        self.updates = updates
        # On the meta device, so that the global random state that training starts from is not touched.
        with torch.device("meta"):
            model = _BUILDERS[file.kind](weights=None)
        state = {key: x.float() if x.is_floating_point() else x for key, x in read_weights(file).items()}
        model.load_state_dict(state, assign=True)
        self.model = model.requires_grad_(False).to(self.device).eval()

    def __call__(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """a, b: (H, W, 3) float32, RGB in 0..1, any size.  Returns (H, W, 2) float32, pixels: u right, v down.

        Errors: ValueError for shapes that do not fit; DeviceError when the GPU's memory is too small.
        """
        return self.pairs([(a, b)])[0]

    def pairs(self, several: Sequence[tuple[np.ndarray, np.ndarray]]) -> list[np.ndarray]:
        """The same for several pairs of one size, BATCH of them at once on a GPU."""
        first = several[0][0]
        for a, b in several:
            if a.ndim != 3 or a.shape[2] != 3 or a.shape != b.shape or a.shape != first.shape:
                raise ValueError(f"a and b have shapes {a.shape} and {b.shape}, expected one shape (H, W, 3)")
        size = BATCH if self.device.type == "cuda" else 1
        return [flow for n in range(0, len(several), size) for flow in self._batch(several[n : n + size])]

    def _batch(self, several: Sequence[tuple[np.ndarray, np.ndarray]]) -> list[np.ndarray]:
        height, width = several[0][0].shape[:2]
        top, bottom = _margins(height)
        left, right = _margins(width)
        try:
            with torch.inference_mode():
                stack = np.stack([picture for pair in several for picture in pair]).astype(np.float32, copy=False)
                frames = (
                    torch.from_numpy(stack).to(self.device).permute(0, 3, 1, 2) * 2 - 1
                )  # RAFT was trained on -1..1
                frames = functional.pad(frames, (left, right, top, bottom), mode="replicate")
                flow = self.model(frames[::2], frames[1::2], num_flow_updates=self.updates)[-1]
                flow = flow[..., top : top + height, left : left + width].permute(0, 2, 3, 1)
                return [np.ascontiguousarray(one) for one in flow.float().cpu().numpy()]
        except torch.OutOfMemoryError as error:
            hint = "Use a smaller working size, or a machine with more GPU memory."
            raise DeviceError(f"RAFT needs more memory than {self.device} has for {width}x{height}.", hint) from error


def _margins(size: int) -> tuple[int, int]:
    """Pixels to add before and after a side of `size`, for a multiple of STEP that is at least SMALLEST."""
    extra = max(SMALLEST, -(-size // STEP) * STEP) - size
    return extra // 2, extra - extra // 2
