"""The moving average of a network's weights."""

from __future__ import annotations

import torch

from ilvi_core.network import EncoderDecoder


class WeightAverage:
    """The exponential moving average of a network's weights over its updates; ours, the paper speaks of none.

    Bias-corrected, as Adam's moments are: the decayed sums start from 0, and `apply` divides by the decayed sum of ones
    that is kept as the last of them. Begun from the first update's weights it would still hold much of them, which is
    noise, at the end of a short training. All of it is on the device, so that no update waits for a count.
    """

    def __init__(self, network: EncoderDecoder, decay: float) -> None:
        self._weights = [p.detach() for p in network.parameters()]
        self._one = torch.ones((), device=self._weights[0].device)
        self._share = 1 - decay
        self.sums = [torch.zeros_like(w) for w in (*self._weights, self._one)]

    def add(self) -> None:
        """Count the network's present weights."""
        torch._foreach_lerp_(self.sums, [*self._weights, self._one], self._share)

    def apply(self) -> None:
        """Make the average the network's weights; they stay where nothing has been counted yet."""
        if self.sums[-1]:
            for weight, kept in zip(self._weights, self.sums, strict=False):
                torch.div(kept, self.sums[-1], out=weight)
