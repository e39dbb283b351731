"""An evaluation in short: a page of GitHub markdown and a contact sheet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from ilvi_core.evaluate import tables
from ilvi_core.evaluate.composed import Composed
from ilvi_core.evaluate.store import read_fills, result_of, run_folder
from ilvi_core.files import publish
from ilvi_core.host.errors import IlviError
from ilvi_core.report import duration
from ilvi_core.sheet import contact_sheet

TEXT, SHEET = "summary.md", "summary.png"
MAIN = ("psnr_hole", "ssim_hole", "psnr", "ssim", "consistency_psnr", "warp_hole", "seam", "fid", "seconds")
COLUMNS = 4  # frames on the sheet


def write_summary(folder: Path, results: tables.Results, load_clip: Callable[[str], Composed], command: str) -> None:
    """folder/summary.md and, where any run is done and can be read, folder/summary.png; each whole or not at all.

    load_clip: from a clip's id in the results.  command: what makes this evaluation.
    """
    said = _sheet(folder, results, load_clip)
    publish(
        folder / TEXT, "\n\n".join([_head(results), said, _table(results), _where(results, command)]).encode() + b"\n"
    )


def _head(results: tables.Results) -> str:
    """Title, what it is, whether it is whole, and the order of the methods."""
    suite, counts = results["suite"], tables.counts(results)
    parts = [f"# {_escaped(suite['name'])}", _escaped(suite["about"])]
    if not results["finished"] or counts["missing"]:
        parts.append(f"**Unfinished:** {counts['missing']} of {counts['wanted']} runs have not been made.")
    failed = [run for run in results["runs"] if run["status"] == "failed"]
    labels = {method["id"]: method["label"] for method in results["methods"]}
    if failed:
        named = ["- " + _escaped(f"{run['clip']}, {labels[run['method']]}: {run['error']}") for run in failed]
        parts.append("\n".join([f"**Failed:** {len(failed)} of {counts['wanted']} runs.", "", *named]))
    parts += [_order(results, "psnr_hole", "PSNR in the hole"), _order(results, "psnr", "PSNR of the whole frame")]
    return "\n\n".join(filter(None, parts))


def _order(results: tables.Results, name: str, title: str) -> str:
    ordered, clips = tables.ordering(results, name)
    if not ordered:
        return f"By {title} there is no order: no clip has it of every method."
    all_of = len(results["clips"])
    over = f"{len(clips)} {'clip' if len(clips) == 1 else 'clips'}"
    over += f" of {all_of}, those that every method has" if len(clips) < all_of else ""
    chain = " > ".join(f"{_escaped(label)} ({tables.number(name, value)} dB)" for label, value in ordered)
    return f"By {title}, the mean over {over}: {chain}."


def _table(results: tables.Results) -> str:
    """The main measures, a method a row; the best of a column is bold."""
    full = tables.full_table(results)
    chosen = [index for name in MAIN for index, column in enumerate(full.columns) if column.name == name]
    heads = [full.columns[index] for index in chosen]
    titles = [f"{c.title}, {c.unit}" if c.unit else c.title for c in heads]
    lines = [_line(["Method", *map(_escaped, titles)]), "|---|" + "---:|" * len(heads)]
    for row in full.rows:
        cells = [f"**{cell.text}**" if cell.best else cell.text for cell in (row.cells[index] for index in chosen)]
        lines.append(_line([_escaped(f"{row.label} ({row.note})" if row.note else row.label), *cells]))
    shown = {column.title for column in heads}
    notes = [f"- {_escaped(n)}" for n in full.notes if n == tables.UNEVEN or n.split(":")[0] in shown]
    return "\n".join(lines) + ("\n\n" + "\n".join(notes) if notes else "")


def _where(results: tables.Results, command: str) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    machine = results["machine"]
    return "\n".join(
        [
            f"- Device: {_escaped(machine['device'])} ({_escaped(machine['cpu'])}, {_escaped(machine['platform'])})",
            f"- Commit: {results['commit'] or 'unknown'}; {_escaped(versions)}",
            f"- Made: {results['made']}, {duration(results['seconds'])} of work ({results['seconds']:.0f} s)",
            f"- Clips: {len(results['clips'])}; seed {results['suite']['seed']}",
            "- Command:",
            "",
            f"      {command}",
        ]
    )


def _sheet(folder: Path, results: tables.Results, load_clip: Callable[[str], Composed]) -> str:
    """Write the sheet of the first clip that has a run; the line that shows it, or why there is none."""
    runs = tables.done_runs(results)
    first = next((c["id"] for c in results["clips"] if any(clip == c["id"] for clip, _ in runs)), None)
    if first is None:
        return "There is no picture: no run is done."
    try:
        clip = load_clip(first)
        at = np.unique(np.linspace(0, len(clip.truth) - 1, COLUMNS + 2)[1:-1].round().astype(int))
        rows = {"plate": clip.plate[at]}
        for method in results["methods"]:
            run = runs.get((first, method["id"]))
            if run is not None:
                fills = read_fills(run_folder(folder, first, method["id"]), len(clip.truth))
                rows[method["label"]] = result_of(clip, fills, run["match_edge"])[at]
    except (IlviError, ValueError) as error:
        return f"There is no picture: {_escaped(str(error))}"
    rows["truth"] = clip.truth[at]
    numbers = [int(index) + 1 for index in at]
    sheet = contact_sheet(rows, numbers, outline=clip.holes[at])
    publish(folder / SHEET, cv2.imencode(".png", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))[1].tobytes())
    shown = _escaped(f"Frames {', '.join(map(str, numbers))} of {first}: the plate, each method's result, the truth")
    return f"![{shown}]({SHEET})"


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _escaped(text: str) -> str:
    """Text in which markdown and HTML see nothing of theirs."""
    for character in "\\`*_[]|":
        text = text.replace(character, "\\" + character)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\n", " ")
