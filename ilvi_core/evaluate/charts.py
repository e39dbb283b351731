"""An evaluation's charts as SVG for an HTML page: they take the page's font and ink, so light and dark both do.

matplotlib draws; no pyplot, and its settings are put back. Its legend is left to the page, where it can wrap.
"""

from __future__ import annotations

import html
import importlib
import io
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ilvi_core.evaluate.tables import Results, columns, done_methods, done_runs, mean, values
from ilvi_core.host.errors import InputError

INK, FONT = "#010203", "DejaVu Sans"  # stand-ins: in the finished SVG they are the page's
# Between 3:1 and 6:1 against white as against near black, and told apart with the common colour blindnesses.
COLOURS = ("#2f7ed8", "#d9622b", "#1f9d74", "#b35cc4", "#a8842c", "#d9477c", "#4d9db8", "#7a8290")
MARKERS = (("o", "●"), ("s", "■"), ("^", "▲"), ("D", "◆"), ("v", "▼"), ("P", "✚"), ("X", "✖"))
SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,  # a method's name may hold a $
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "axes.grid": True,
    "grid.color": INK,
    "grid.alpha": 0.13,
    "grid.linewidth": 0.6,
}
FAINTEST = 0.35  # opacity of one training curve among many


@dataclass(frozen=True)
class Series:
    """One line: its points, in order.  look: which colour and marker; a method has one in every chart."""

    label: str
    look: int
    x: list[float]
    y: list[list[float]]  # one list a panel


@dataclass(frozen=True)
class Chart:
    """legend: label, colour, glyph.  note: what the reader has to know beside the caption."""

    svg: str
    legend: list[tuple[str, str, str]]
    note: str = ""


def quality_above(results: Results, name: str) -> Chart | None:
    """Fig. 7: mean PSNR and SSIM of the clips whose complexity is at least x. None with fewer than two complexities."""
    methods, looks = main_methods(results), _looks(results)
    complexity = {c["id"]: c["complexity"]["total"] for c in results["clips"]}
    lines = []
    for method in methods:
        measured = [values(results, method["id"], metric) for metric in ("psnr", "ssim")]
        x = sorted({complexity[clip] for clip in measured[0].keys() & measured[1].keys()})
        y = [[_mean(v for clip, v in of.items() if complexity[clip] >= least) for least in x] for of in measured]
        lines.append(Series(method["label"], looks[method["id"]], x, y))
    if len({x for line in lines for x in line.x}) < 2:
        return None

    def draw(panels: Sequence[Any]) -> None:
        for line in lines:
            for axes, y in zip(panels, line.y, strict=True):
                axes.plot(line.x, y, drawstyle="steps-pre", **_style(line.look))
        for axes, title in zip(panels, ("PSNR, dB", "SSIM"), strict=True):
            axes.set_title(title, loc="left")
            axes.set_xlabel("complexity of the clips, at least")
            axes.locator_params(axis="x", nbins=5)

    note = _left_out(results, methods)
    return Chart(_svg(name, "Mean PSNR and SSIM against complexity", 2, draw), _legend(lines), note)


def quality_by_window(results: Results, name: str) -> Chart | None:
    """Fig. 10: PSNR and SSIM of the known region, the whole frame and consistency against the window's length k."""
    metrics = ("psnr_known", "psnr", "consistency_psnr", "ssim_known", "ssim", "consistency_ssim")
    budgets = len({varied(m["budget"]) for m in results["methods"] if "window" in m["varied"]}) > 1
    families: dict[str, list[dict[str, Any]]] = {}
    for method in done_methods(results):
        if "window" in method["varied"]:
            others = {k: v for k, v in method["varied"].items() if k != "window"}
            apart = [method["family"], varied(others), varied(method["budget"]) if budgets else ""]
            families.setdefault(" ".join(filter(None, apart)), []).append(method)
    lines: list[Series] = []
    for family, members in families.items():
        members.sort(key=lambda m: m["varied"]["window"])
        y = [[_mean(values(results, m["id"], metric).values()) for m in members] for metric in metrics]
        lines.append(Series(family, len(lines), [float(m["varied"]["window"]) for m in members], y))
    if not lines:
        return None
    ticks = sorted({x for line in lines for x in line.x})

    def draw(panels: Sequence[Any]) -> None:
        for line in lines:
            for axes, y in zip(panels, line.y, strict=True):
                axes.plot(line.x, y, **_style(line.look))
        for axes, title in zip(panels, ("Known region", "Whole frame", "Consistency", "", "", ""), strict=True):
            axes.set_title(title, loc="left")
            _log_ticks(axes, ticks)
        for axes, title in zip(panels[::3], ("PSNR, dB", "SSIM"), strict=True):
            axes.set_ylabel(title)
        for axes in panels[3:]:
            axes.set_xlabel("window length k, frames")

    return Chart(_svg(name, "Quality against window length", 6, draw), _legend(lines))


def quality_in_time(results: Results, name: str) -> Chart | None:
    """In-hole PSNR against seconds: a point for each method, the mean over its clips, and its training curves."""
    runs = done_runs(results)
    methods = [m for m in done_methods(results) if values(results, m["id"], "psnr_hole")]
    if not methods:
        return None
    looks = _looks(results)
    trained = [m for m in main_methods(results) if m in methods]
    curves = {m["id"]: [run["stages"] for (_, of), run in runs.items() if of == m["id"]] for m in trained}

    def draw(panels: Sequence[Any]) -> None:
        for method in methods:
            look = _style(looks[method["id"]])
            for stages in curves.get(method["id"], []):
                alpha = max(FAINTEST, 0.7 / len(curves[method["id"]]))
                x, y = ([s[key] for s in stages if s["seconds"] > 0] for key in ("seconds", "psnr_hole"))
                panels[0].plot(x, y, color=look["color"], alpha=alpha, lw=1.4)
            measured = values(results, method["id"], "psnr_hole")
            seconds = values(results, method["id"], "seconds", measured)
            panels[0].plot(mean(seconds.values()), mean(measured.values()), **{**look, "markersize": 8, "zorder": 3})
        panels[0].set_xscale("log")
        low, high = panels[0].get_xlim()
        ticks = [digit * 10.0**power for power in range(-3, 8) for digit in (1, 2, 3, 5)]
        _log_ticks(panels[0], [tick for tick in ticks if low <= tick <= high])
        panels[0].set_xlabel("seconds")
        panels[0].set_ylabel("PSNR in the hole, dB")

    lines = [Series(m["label"], looks[m["id"]], [], []) for m in methods]
    return Chart(_svg(name, "PSNR in the hole against seconds", 1, draw), _legend(lines))


def settings_tried(results: Results, name: str) -> list[tuple[str, Chart]]:
    """Family -> a dot chart of its methods, of those that vary something else than the window alone."""
    families: dict[str, list[dict[str, Any]]] = {}
    for method in done_methods(results):
        families.setdefault(method["family"], []).append(method)
    charts: list[tuple[str, Chart]] = []
    for family, members in families.items():
        if any(set(m["varied"]) - {"window"} for m in members):
            of = [m for m in members if set(m["varied"]) != {"window"}]
            charts.append((family, _dots(results, of, f"{name}-{len(charts)}", family)))
    return charts


def main_methods(results: Results) -> list[dict[str, Any]]:
    """The methods to draw lines of: without those that only vary another one, where any are left."""
    methods = done_methods(results)
    return [m for m in methods if not m["varied"]] or methods


def varied(settings: dict[str, Any]) -> str:
    """What a method varies, as text."""
    return ", ".join(f"{key} {value}" for key, value in settings.items())


def _dots(results: Results, methods: Sequence[dict[str, Any]], name: str, family: str) -> Chart:
    shown = columns(results, ("psnr_hole", "psnr", "consistency_psnr"))
    labels = [m["label"].removeprefix(family).strip() or "as it is" for m in methods]

    def draw(panels: Sequence[Any]) -> None:
        for axes, column in zip(panels, shown, strict=True):
            points = [_mean(values(results, m["id"], column.name).values()) for m in methods]
            axes.plot(points, range(len(methods)), ls="", marker="o", color=COLOURS[0], markersize=7)
            axes.set_yticks(range(len(methods)), labels if axes is panels[0] else [""] * len(labels))
            axes.set_ylim(len(methods) - 0.5, -0.5)
            axes.locator_params(axis="x", nbins=5)
            axes.set_title(f"{column.title}, {column.unit}".strip(" ,"), loc="left")

    return Chart(_svg(name, f"Settings tried for {family}", 3, draw, height=1.0 + 0.3 * len(methods)), [])


def _left_out(results: Results, shown: Sequence[dict[str, Any]]) -> str:
    """A sentence about the methods that are done and not drawn, or nothing."""
    count = len(done_methods(results)) - len(shown)
    return f"{count} methods that only vary a setting are left out." if count else ""


def _mean(numbers: Iterable[float]) -> float:
    """Not a number, a gap in a line, of nothing."""
    value = mean(numbers)
    return float("nan") if value is None else value


def _looks(results: Results) -> dict[str, int]:
    return {method["id"]: index for index, method in enumerate(results["methods"])}


def _style(index: int) -> dict[str, Any]:
    marker, _ = MARKERS[index % len(MARKERS)]
    return {"color": COLOURS[index % len(COLOURS)], "marker": marker, "markersize": 5, "linewidth": 1.6}


def _legend(lines: Iterable[Series]) -> list[tuple[str, str, str]]:
    return [(one.label, COLOURS[one.look % len(COLOURS)], MARKERS[one.look % len(MARKERS)][1]) for one in lines]


def _log_ticks(axes: Any, ticks: Sequence[float]) -> None:
    axes.set_xscale("log")
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_xticks([], minor=True)


def library(name: str) -> Any:
    """A module that only the report needs. InputError when it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        whole = name.split(".")[0]
        raise InputError(f"{whole} is not installed.", "Install it with: pip install 'ilvi[evaluate]'.") from error


def _svg(name: str, alt: str, panels: int, draw: Callable[[Sequence[Any]], None], height: float = 3.2) -> str:
    """An <svg> element for the inside of an HTML page. name: unique on that page. InputError as from `library`."""
    matplotlib = library("matplotlib")
    figures, canvases = library("matplotlib.figure"), library("matplotlib.backends.backend_svg")
    across = min(panels, 3)
    down = panels // across
    with matplotlib.rc_context({**SETTINGS, "svg.hashsalt": name, "font.family": [FONT]}):
        figure = figures.Figure(figsize=(9.6, height * down), layout="constrained")
        canvases.FigureCanvasSVG(figure)
        draw(figure.subplots(down, across, squeeze=False).ravel().tolist())
        target = io.StringIO()
        figure.savefig(target, format="svg", transparent=True, metadata={"Date": None})
    return _for_page(target.getvalue(), name, alt)


def _for_page(svg: str, name: str, alt: str) -> str:
    """Without header, addresses and fixed size; ids of its own; the page's ink and font."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'(url\(#|href="#)', rf"\g<1>{name}-", svg).replace("xlink:href", "href")
    svg = svg.replace(INK, "currentColor").replace(f"'{FONT}'", "var(--font)")
    box = re.search(r'viewBox="[^"]*"', svg)
    inside = svg[svg.index(">") + 1 :]
    return f'<svg {box.group() if box else ""} role="img" aria-label="{html.escape(alt)}" class="plot">{inside}'
