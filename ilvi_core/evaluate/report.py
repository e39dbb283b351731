"""An evaluation as one HTML page that needs nothing else: tables, charts, players and the paper's figures."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from ilvi_core.evaluate import charts, figures, tables
from ilvi_core.evaluate.composed import Composed
from ilvi_core.evaluate.players import data_uri, hatched, player_of, sprites
from ilvi_core.evaluate.store import read_features, read_fills, read_stages, result_of, run_folder
from ilvi_core.files import publish
from ilvi_core.host.errors import IlviError
from ilvi_core.report import duration

REPORT, TEMPLATE = "report.html", "report.html.j2"

LoadClip = Callable[[str], Composed]
Named = list[tuple[str, np.ndarray]]  # caption, picture


@dataclass(frozen=True)
class Picture:
    """uri: data.  below: a second picture under the first."""

    uri: str
    alt: str
    caption: str
    below: str = ""


@dataclass(frozen=True)
class Strip:
    """Pictures side by side."""

    title: str
    pictures: list[Picture]


@dataclass
class Shown:
    """What is shown of the first clips, gathered clip by clip.  problems: sentences about what could not be read."""

    players: list[dict[str, Any]] = field(default_factory=list)
    slices: list[Strip] = field(default_factory=list)
    stages: list[Strip] = field(default_factory=list)
    encoder: list[Strip] = field(default_factory=list)
    vgg: list[Strip] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def write_report(folder: Path, results: tables.Results, load_clip: LoadClip, command: str) -> Path:
    """folder/report.html, whole or not at all. load_clip: from a clip's id in the results.  command: what made it.

    InputError when jinja2 or matplotlib is absent. What a run should have left and has not is said in the page.
    """
    template = _template()
    shown = Shown()
    players = results["suite"]["players"]
    for clip in results["clips"][: max(players, 1)]:
        _show_clip(shown, folder, results, clip, load_clip)
    first, second = tables.table_1(results), tables.table_2(results)
    page = template.render(
        results=results,
        command=command,
        counts=tables.counts(results),
        failed=[run for run in results["runs"] if run["status"] == "failed"],
        left_out=results["left_out"],
        measured_how=_measured_how(results),
        label={m["id"]: m["label"] for m in results["methods"]},
        took=duration(results["seconds"]),
        shown=shown,
        players=shown.players[:players],
        player_methods=[{"id": m["id"], "label": m["label"]} for m in results["methods"]],
        tables=[
            (first, tables.reported(tables.REPORTED_1, first)),
            (second, tables.reported(tables.REPORTED_2, second)),
        ],
        full=tables.full_table(results),
        per_clip=[(clip["id"], tables.clip_table(results, clip["id"])) for clip in results["clips"]],
        above=charts.quality_above(results, "above"),
        windows=charts.quality_by_window(results, "windows"),
        in_time=charts.quality_in_time(results, "time"),
        settings=charts.settings_tried(results, "settings"),
        warnings=Counter(text for run in results["runs"] for text in run["warnings"]),
        wheel=data_uri(figures.flow_wheel(), ".png"),
        no_value=tables.NO_VALUE,
    )
    path = folder / REPORT
    publish(path, (page.strip() + "\n").encode())
    return path


def check_libraries() -> None:
    """InputError when jinja2 or matplotlib is absent: before hours of work, not after."""
    charts.library("jinja2")
    charts.library("matplotlib")


def _template() -> Any:
    jinja2 = charts.library("jinja2")
    house = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, lstrip_blocks=True)
    text = resources.files("ilvi_core.evaluate").joinpath(TEMPLATE).read_text(encoding="utf-8")
    return house.from_string(text, {"varied": charts.varied})


def _measured_how(results: tables.Results) -> dict[str, str]:
    """By metric what a run noted beside its value: counts, sizes, choices; of the first that did."""
    found: dict[str, str] = {}
    for run in tables.done_runs(results).values():
        for name, note in run["notes"].items():
            if run["metrics"].get(name) is not None:
                found.setdefault(name, f"On {run['clip']}: {note}.")
    return found


def _show_clip(shown: Shown, folder: Path, results: tables.Results, record: dict[str, Any], load: LoadClip) -> None:
    """Add a clip's player and pictures; each run's frames are in memory one after another."""
    try:
        clip = load(record["id"])
    except IlviError as error:
        shown.problems.append(f"{record['id']} cannot be shown: {error}")
        return
    middle = len(clip.truth) // 2
    row = results["suite"]["row"]
    row = figures.slice_row(clip.holes) if row is None else min(row, clip.truth.shape[1] - 1)
    slices: Named = [("plate", figures.time_slice(hatched(clip), row))]
    player = player_of(record, clip)
    drawn = {method["id"] for method in charts.main_methods(results)}
    for method, run, frames in _results_of(shown, folder, results, record["id"], clip):
        player["results"][method["id"]] = {"uri": sprites(frames), "note": _score(run)}
        if method["id"] in drawn:
            slices.append((method["label"], figures.time_slice(frames, row)))
            where = run_folder(folder, record["id"], method["id"])
            title = f"{record['id']}, {method['label']}"
            try:
                _show_stages(shown, title, read_stages(where), clip)
                _show_features(shown, title, read_features(where), clip, frames)
            except (ValueError, KeyError) as error:
                shown.problems.append(f"{title}: what was kept of the training cannot be shown: {error}.")
    if not player["results"]:
        return
    player["start"] = max(player["results"], key=lambda m: _preference(results, record["id"], m))
    shown.players.append(player)
    marked: Named = [(f"frame {middle + 1}, with the row", figures.row_marked(clip.truth[middle], row))]
    slices.append(("truth", figures.time_slice(clip.truth, row)))
    shown.slices.append(Strip(record["id"], [_picture(p, caption, record["id"]) for caption, p in marked + slices]))


def _results_of(
    shown: Shown, folder: Path, results: tables.Results, clip_id: str, clip: Composed
) -> Iterator[tuple[dict[str, Any], dict[str, Any], np.ndarray]]:
    """Method, run and composed frames of each run that is done and can be read."""
    runs = tables.done_runs(results)
    for method in results["methods"]:
        run = runs.get((clip_id, method["id"]))
        if run is None:
            continue
        try:
            fills = read_fills(run_folder(folder, clip_id, method["id"]), len(clip.truth))
            frames = result_of(clip, fills, run["match_edge"])
        except (IlviError, ValueError) as error:
            shown.problems.append(f"{clip_id}, {method['label']} cannot be shown: {error}")
            continue
        yield method, run, frames


def _show_stages(shown: Shown, title: str, stages: dict[str, np.ndarray] | None, clip: Composed) -> None:
    if stages is None:
        return
    pictures = []
    for updates, seconds, frame, flow in figures.stage_strip(stages, clip.holes[int(stages["frame"])]):
        caption = f"{updates:,} updates, {duration(seconds)}"
        pictures.append(_picture(frame, caption, title, flow))
    scale = f"; the wheel's rim is {figures.flow_scale(stages['flow'][-1]):.1f} px" if "flow" in stages else ""
    shown.stages.append(Strip(f"{title}, frame {int(stages['frame']) + 1}{scale}", pictures))


def _show_features(
    shown: Shown, title: str, features: dict[str, np.ndarray] | None, clip: Composed, frames: np.ndarray
) -> None:
    if features is None:
        return
    patch = figures.reference_patch(features, clip.holes, frames)
    for key, strips in (("encoder", shown.encoder), ("vgg", shown.vgg)):
        if key in features:
            maps = figures.similarity_maps(features, key, frames, patch)
            strips.append(Strip(title, [_picture(p, f"frame {index + 1}", title) for index, p in maps]))


def _score(run: dict[str, Any]) -> str:
    """A run's quality in a line, under the player."""
    parts = (("psnr_hole", "in the hole"), ("psnr", "whole frame"))
    found = [(run["metrics"].get(name), where) for name, where in parts]
    return " · ".join(f"{value:.2f} dB {where}" for value, where in found if value is not None)


def _preference(results: tables.Results, clip: str, method: str) -> tuple[bool, float]:
    """Which result a player begins with: the best in the hole, ours before peers."""
    kind = next(m["kind"] for m in results["methods"] if m["id"] == method)
    value = tables.done_runs(results)[clip, method]["metrics"].get("psnr_hole")
    return kind == "ours", -math.inf if value is None else value


def _picture(picture: np.ndarray, caption: str, title: str, below: np.ndarray | None = None) -> Picture:
    return Picture(data_uri(picture), f"{title}: {caption}", caption, "" if below is None else data_uri(below))
