"""Writes the knob table into docs/nuke.md: `python tests/nuke/knob_page.py`."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BEGIN, END = "<!-- knobs -->\n", "<!-- /knobs -->\n"


def main() -> None:
    sys.path[:0] = [str(Path(__file__).parent / "fake_nuke"), str(ROOT / "nuke_plugin")]
    import ilvi_nuke  # makes ilvi_core importable
    from ilvi_nuke import knob_table

    assert ilvi_nuke.MENU
    page = ROOT / "docs" / "nuke.md"
    text = page.read_text(encoding="utf-8")
    before, after = text.partition(BEGIN)[0], text.partition(END)[2]
    page.write_text(f"{before}{BEGIN}{knob_table.as_markdown()}{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
