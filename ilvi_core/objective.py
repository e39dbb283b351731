"""What one update minimises: the loss terms of one batch (eq. 2), and the weights they are summed with."""

from __future__ import annotations

from torch import Tensor

from ilvi_core import losses, methods
from ilvi_core.host.job import FLOW_INTERVALS, SolveSettings
from ilvi_core.network import flow_channel
from ilvi_core.schedule import Batch
from ilvi_core.window import Window


class Objective:
    """The terms of a method on a window; which ones there are depends on the method, the weights and the data."""

    def __init__(self, method: methods.Method, settings: SolveSettings, window: Window, vgg: object = None) -> None:
        self._window, self._vgg = window, vgg
        self._gradient, self._average = settings.consistency_gradient, settings.loss_average
        weights = {
            methods.RECONSTRUCTION: settings.reconstruction_weight,
            methods.FLOW: settings.flow_weight if window.flows else 0.0,
            methods.CONSISTENCY: settings.consistency_weight if window.flows else 0.0,
            methods.PERCEPTUAL: settings.perceptual_weight if window.features else 0.0,
            methods.GUARD: settings.guard_weight,
        }
        # L_r is always there: it says how training goes, even at weight 0
        self.weights = {n: weights[n] for n in method.terms if weights[n] > 0 or n == methods.RECONSTRUCTION}

    def weights_at(self, done: float) -> dict[str, float]:
        """The weights when the share `done` (0..1) of the updates is done: eq. 2's are fixed, the guard fades to 0.

        Early it keeps the network from putting something bright into the hole; late it would only blur.
        """
        if methods.GUARD not in self.weights:
            return self.weights
        return {**self.weights, methods.GUARD: self.weights[methods.GUARD] * (1 - done)}

    def terms(self, batch: Batch, frames: Tensor, picture: Tensor, flow: Tensor | None) -> dict[str, Tensor]:
        """The unweighted terms, by name.

        frames: (N,) long on the device, the batch's frames.  picture: (N, 3, h, w).  flow: (N, 12, h, w) or None.
        """
        window = self._window
        known = window.known.index_select(0, frames)
        target = window.plate.index_select(0, frames)
        found = {methods.RECONSTRUCTION: losses.reconstruction_loss(picture, target, known, self._average)}
        directions = [d for d in batch.directions if (batch.interval, d) in window.flows]
        if flow is not None and len(batch.frames) > 1 and directions:
            each = [self._flow_terms(batch.interval, d, frames, picture, flow) for d in directions]
            found.update(losses.mean_terms(each))
        if methods.PERCEPTUAL in self.weights:
            targets = {layer: all_frames.index_select(0, frames) for layer, all_frames in window.features.items()}
            features = self._vgg(picture)  # type: ignore[operator]
            found[methods.PERCEPTUAL] = losses.perceptual_loss(features, targets, known, self._average)
        if methods.GUARD in self.weights:
            found[methods.GUARD] = losses.guard_loss(picture, target, known, self._average)
        return found

    def _flow_terms(
        self, interval: int, backward: bool, frames: Tensor, picture: Tensor, flow: Tensor
    ) -> dict[str, Tensor]:
        """L_f and L_c over the batch's pairs of neighbours, in one direction."""
        window = self._window
        data = window.flows[interval, backward]
        here, there = (slice(1, None), slice(None, -1)) if backward else (slice(None, -1), slice(1, None))
        channel = flow_channel(FLOW_INTERVALS.index(interval), backward)
        generated = flow[here, channel : channel + 2]
        references = frames[here]
        found = {}
        if methods.FLOW in self.weights:
            found[methods.FLOW] = losses.flow_loss(
                generated,
                data.target.index_select(0, references),
                data.believed.index_select(0, references),
                self._average,
            )
        if methods.CONSISTENCY in self.weights:
            found[methods.CONSISTENCY] = losses.consistency_loss(
                picture[here],
                picture[there],
                generated * data.scale,
                data.reliable.index_select(0, references),
                window.grid,
                self._gradient,
                self._average,
            )
        return found
