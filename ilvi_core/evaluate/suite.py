"""What an evaluation runs: clips at sizes, methods with settings and budgets (`suite_file.py` reads them from YAML)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ilvi_core.evaluate.composed import Pair
from ilvi_core.host.checks import make
from ilvi_core.host.job import SolveSettings
from ilvi_core.settings import laid_over

OURS, PEER = "ours", "peer"
BUDGETS = ("updates", "passes", "seconds")
BUDGETED = ("max_updates", "dip_updates", "epochs")  # what a budget decides
# what the clips and their sizes decide, the same for every method
GIVEN = ("method", "size", "region", "matte_channel", "matte_invert", "matte_threshold", "solve_dilate")


@dataclass(frozen=True)
class Footage:
    """A pair at a size.  id: the name of its folder."""

    id: str
    pair: Pair
    size: tuple[int, int]


@dataclass(frozen=True)
class Variant:
    """A method with its settings and its budget: one row of a table.

    kind: ours or peer.  settings: what goes over the preset.  budget: at most one of updates (of each network), passes
    (how often each frame goes through a network: as often for every method) and seconds (of training, for the
    clip), and its value.  varied: what was set by `vary`; family: the label without it.
    """

    id: str
    label: str
    kind: str
    method: str
    about: str = ""
    preset: str = "draft"
    settings: dict[str, Any] = field(default_factory=dict)
    budget: dict[str, float] = field(default_factory=dict)
    varied: dict[str, Any] = field(default_factory=dict)
    family: str = ""
    match_edge: bool = False

    def solve_settings(self, size: tuple[int, int]) -> SolveSettings:
        """Every setting but what the budget decides: the whole frame at the working size, the hole as it is."""
        given = {"matte_channel": "luminance", "matte_invert": False, "matte_threshold": 0.0, "solve_dilate": 0}
        own = {**self.settings, **given, "region": "frame", "size": list(size), "method": self.method}
        return make(SolveSettings, laid_over(self.preset, own, {})[0])


@dataclass(frozen=True)
class Suite:
    """What `ilvi evaluate` runs.  row: px from the top for Fig. 5, None: chosen.  players: clips shown as players."""

    name: str
    about: str
    seed: int
    frames: int
    clips: tuple[Footage, ...]
    variants: tuple[Variant, ...]
    row: int | None = None
    players: int = 6
