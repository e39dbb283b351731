"""The paper's four methods (section 4.1, the supplement's section 3) and ours, as data; they share a training loop."""

from __future__ import annotations

from dataclasses import dataclass

RECONSTRUCTION, FLOW, CONSISTENCY, PERCEPTUAL = "reconstruction", "flow", "consistency", "perceptual"
GUARD = "guard"  # ours, 0 in the paper preset; every method can have it


@dataclass(frozen=True)
class Method:
    """What one method is made of."""

    name: str
    about: str
    dims: int = 2  # of the network's convolutions
    single_frame: bool = False  # one network a frame, and the best of its states is the result
    flow: bool = False  # the flow branch; batches at several intervals
    terms: tuple[str, ...] = (RECONSTRUCTION, GUARD)  # of eq. 2, and the guard
    share: float = 1.0  # of the supplement's channels that the network has
    version: int = 1  # raised when the same settings give other fills: the cache solves again


METHODS = {
    method.name: method
    for method in (
        Method(
            "ilvi",
            "known pixels of other frames first, then learning for what no frame shows (ours)",
            flow=True,
            terms=(RECONSTRUCTION, FLOW, CONSISTENCY, PERCEPTUAL, GUARD),
            version=2,
        ),
        Method("dip", "Deep Image Prior: one network for each frame", single_frame=True),
        Method("dip-vid", "one network for the whole window, image loss alone"),
        Method("dip-vid-3dcn", "the same with 3D convolutions", dims=3),
        Method(
            "dip-vid-flow",
            "picture and flow generated together, held consistent (the paper's own)",
            flow=True,
            terms=(RECONSTRUCTION, FLOW, CONSISTENCY, PERCEPTUAL, GUARD),
        ),
    )
}
