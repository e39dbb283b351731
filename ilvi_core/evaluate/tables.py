"""An evaluation's numbers as tables: means over clips, the best of a column, and what the paper reports."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ilvi_core.evaluate.measure import AS_PLATE, HIGHER, Column

Results = dict[str, Any]

NO_VALUE, NOT_MEASURED = "–", "not measured"
WARP_UNIT = 1e-4  # what E_warp is shown in: a mean square of 0..1 values has too many zeros to compare by eye
GIB = 2**30
UNEVEN = "Bold is the best among those measured on the same, most, clips; means over other clips do not compare."


@dataclass(frozen=True)
class Cell:
    """value: None = not measured.  clips: those it is the mean of.  note: what has to be known about it."""

    text: str
    value: float | None = None
    clips: frozenset[str] = frozenset()
    best: bool = False
    note: str = ""


@dataclass(frozen=True)
class Row:
    """kind: ours, peer or reported.  note: '2 of 3 clips' where it is not all of them."""

    label: str
    kind: str
    cells: tuple[Cell, ...]
    note: str = ""


@dataclass(frozen=True)
class Table:
    """groups: headings over the columns, each with how many it spans.  notes: sentences to print below."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    groups: tuple[tuple[str, int], ...] = ()
    notes: tuple[str, ...] = ()


Part = tuple[Column, frozenset[str]]  # a column, and the clips that it is a mean over

# Zhang et al., ICCV 2019, Table 1: FID, consistency PSNR and SSIM, PSNR and SSIM.
REPORTED_1 = (
    ("DIP", (22.3, 18.8, 0.532, 25.2, 0.926)),
    ("DIP-Vid", (16.1, 23.6, 0.768, 28.7, 0.956)),
    ("DIP-Vid-3DCN", (12.1, 26.7, 0.871, 30.9, 0.966)),
    ("DIP-Vid-Flow", (10.4, 28.1, 0.895, 32.1, 0.969)),
)
# Table 2: PSNR and SSIM of all clips, the complex half, the simple half.
REPORTED_2 = (
    ("Yu et al.", (24.9, 0.929, 24.7, 0.926, 25.1, 0.931)),
    ("Wang et al.", (26.0, 0.914, 25.3, 0.908, 26.6, 0.920)),
    ("Newson et al.", (30.6, 0.962, 30.9, 0.963, 30.4, 0.960)),
    ("Huang et al.", (32.3, 0.971, 31.6, 0.968, 33.0, 0.974)),
    ("Zhang et al. (the paper)", (32.1, 0.969, 31.9, 0.970, 32.2, 0.968)),
)
COLUMNS_1 = ("fid", "consistency_psnr", "consistency_ssim", "psnr", "ssim")
GROUPS_1 = (("", 1), ("Consistency", 2), ("Whole frame", 2))
GROUPS_2 = (("All", 2), ("Complex", 2), ("Simple", 2))
COSTS = (
    Column("seconds", "Time", "s", "", "seconds of the method's own work, without measuring"),
    Column("updates", "Updates", "", "", "updates of the network, of all networks where there are several"),
    Column("peak_bytes", "Peak memory", "GiB", "", "the most memory the run held"),
)


def done_runs(results: Results) -> dict[tuple[str, str], dict[str, Any]]:
    """(clip, method) -> the run, of those that are done."""
    return {(run["clip"], run["method"]): run for run in results["runs"] if run["status"] == "done"}


def counts(results: Results) -> dict[str, int]:
    """Runs that are done, failed, missing, and wanted: all but those that were left out."""
    by_status = Counter(run["status"] for run in results["runs"])
    wanted = len(results["clips"]) * len(results["methods"]) - len(results["left_out"])
    missing = wanted - sum(by_status.values())
    return {"done": by_status["done"], "failed": by_status["failed"], "missing": missing, "wanted": wanted}


def done_methods(results: Results) -> list[dict[str, Any]]:
    """The methods that are done on a clip at least, in the suite's order."""
    made = {method for _, method in done_runs(results)}
    return [method for method in results["methods"] if method["id"] in made]


def values(results: Results, method: str, name: str, clips: Iterable[str] | None = None) -> dict[str, float]:
    """clip -> what was measured there, without the clips that have no such value. name: a metric or a cost."""
    wanted = None if clips is None else set(clips)
    found = {}
    for (clip, of), run in done_runs(results).items():
        value = run["metrics"].get(name, run.get(name))
        if of == method and value is not None and (wanted is None or clip in wanted):
            found[clip] = float(value)
    return found


def mean(numbers: Iterable[float]) -> float | None:
    """None of nothing."""
    listed = list(numbers)
    return sum(listed) / len(listed) if listed else None


def number(name: str, value: float | None) -> str:
    """As it is printed in the metric's column."""
    if value is None:
        return NOT_MEASURED if name.startswith("fid") else NO_VALUE
    if not math.isfinite(value):
        return str(value)
    if name.startswith("warp"):
        return f"{value / WARP_UNIT:.2f}"
    if "ssim" in name:
        return f"{value:.3f}"
    if name == "peak_bytes":
        return f"{value / GIB:.2f}"
    if name == "updates" or (name == "seconds" and value >= 10):
        return f"{value:,.0f}"
    return f"{value:.1f}" if name.startswith("fid") else f"{value:.2f}"


def rank(better: str, value: float) -> float:
    """Smaller is better. nearer 1: by the ratio, so that 1/2 is as far as 2."""
    if better == AS_PLATE:
        return abs(math.log(value)) if value > 0 else math.inf
    return -value if better == HIGHER else value


def columns(results: Results, names: Sequence[str] | None = None) -> list[Column]:
    """Of what was measured, in the order of `names` where they are given; E_warp in its own unit."""
    known = {
        m["name"]: Column(
            m["name"],
            m["title"],
            "10⁻⁴" if m["name"].startswith("warp") else m["unit"],
            m["better"],
            m["described"],
        )
        for m in results["measured"]
    }
    return list(known.values()) if names is None else [known.get(name, Column(name, name)) for name in names]


def table_1(results: Results) -> Table:
    """FID, consistency and quality, the mean over clips; section 4.1."""
    return _grouped(_table(results, _over_all(results, columns(results, COLUMNS_1))), GROUPS_1)


def table_2(results: Results) -> Table:
    """PSNR and SSIM of all clips and of the two halves by complexity; section 4.2."""
    parts = []
    for half in ("", "complex", "simple"):
        clips = frozenset(c["id"] for c in results["clips"] if half in ("", c["half"]))
        parts += [(column, clips) for column in columns(results, ("psnr", "ssim"))]
    return _grouped(_table(results, parts), GROUPS_2)


def full_table(results: Results) -> Table:
    """Everything measured and what it cost, the mean over clips."""
    return _table(results, _over_all(results, [*columns(results), *COSTS]))


def clip_table(results: Results, clip: str) -> Table:
    """Everything measured on one clip, of the methods that are done there."""
    only = {**results, "runs": [run for run in results["runs"] if run["clip"] == clip]}
    only["clips"] = [c for c in results["clips"] if c["id"] == clip]
    return full_table(only)


def reported(rows: Sequence[tuple[str, Sequence[float]]], like: Table) -> Table:
    """The paper's figures under the columns of one of our tables; with the paper's digits, and nothing best."""
    listed = [
        Row(label, "reported", tuple(Cell(f"{n:.3f}" if n < 1 else f"{n:.1f}", n) for n in numbers))
        for label, numbers in rows
    ]
    return Table(like.columns, tuple(listed), like.groups)


def ordering(results: Results, name: str) -> tuple[list[tuple[str, float]], list[str]]:
    """Label and mean of each method that has the metric, best first; over the clips, also returned, that all have."""
    found = [(m["label"], values(results, m["id"], name)) for m in done_methods(results)]
    found = [(label, of) for label, of in found if of]
    common = [c["id"] for c in results["clips"] if found and all(c["id"] in of for _, of in found)]
    if not common:
        return [], []
    better = columns(results, [name])[0].better
    means = [(label, sum(of[clip] for clip in common) / len(common)) for label, of in found]
    return sorted(means, key=lambda pair: rank(better, pair[1])), common


def _grouped(table: Table, groups: tuple[tuple[str, int], ...]) -> Table:
    """Under headings a column needs only the last word of its title."""
    short = tuple(replace(column, title=column.title.split()[-1]) for column in table.columns)
    return replace(table, columns=short, groups=groups)


def _over_all(results: Results, chosen: Iterable[Column]) -> list[Part]:
    clips = frozenset(c["id"] for c in results["clips"])
    return [(column, clips) for column in chosen]


def _table(results: Results, parts: Sequence[Part]) -> Table:
    total = len(results["clips"])
    rows: list[Row] = []
    notes: dict[str, None] = {}
    for method in done_methods(results):
        count = sum(of == method["id"] for _, of in done_runs(results))
        cells = tuple(_cell(results, method["id"], column, clips) for column, clips in parts)
        rows.append(Row(method["label"], method["kind"], cells, f"{count} of {total} clips" if count < total else ""))
        noted = [(column.title, cell.note) for (column, _), cell in zip(parts, cells, strict=True) if cell.note]
        notes.update({note if note.startswith(title) else f"{title}: {note}": None for title, note in noted})
    marked, uneven = _mark_best(rows, [column.better for column, _ in parts])
    if uneven:
        notes[UNEVEN] = None
    return Table(tuple(column for column, _ in parts), marked, notes=tuple(notes))


def _cell(results: Results, method: str, column: Column, clips: frozenset[str]) -> Cell:
    """A value that is of fewer clips than the method is done on says so."""
    found = values(results, method, column.name, clips)
    runs = [run for (clip, of), run in done_runs(results).items() if of == method and clip in clips]
    absent = [run["notes"].get(column.name, "") for run in runs if run["clip"] not in found]
    value = mean(found.values())
    note = next(filter(None, absent), "")
    if found and absent:
        note = f"measured on {len(found)} of {len(runs)} clips. {note}".strip()
    return Cell(number(column.name, value) if runs else NO_VALUE, value, frozenset(found), note=note)


def _mark_best(rows: Sequence[Row], betters: Sequence[str]) -> tuple[tuple[Row, ...], bool]:
    """The best of each column marked, among equals of clips; True where a value was left out of that.

    What prints like the best is best too, but where all print alike nothing is.
    """
    grid, uneven = [list(row.cells) for row in rows], False
    for index, better in enumerate(betters):
        if not better:
            continue
        measured = [line[index] for line in grid if line[index].value is not None]
        most = max((cell.clips for cell in measured), key=len, default=frozenset())
        equals = [cell for cell in measured if cell.clips == most]
        uneven |= len(equals) < len(measured)
        if len({cell.text for cell in equals}) < 2:
            continue
        best = min(equals, key=lambda cell: rank(better, cell.value or 0.0)).text
        for line in grid:
            cell = line[index]
            line[index] = replace(cell, best=cell.clips == most and cell.text == best)
    return tuple(replace(row, cells=tuple(line)) for row, line in zip(rows, grid, strict=True)), uneven
