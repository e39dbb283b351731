"""Writes what comes from `ofx_bridge.table`: plugin/parameters_table.h and the table in docs/openfx.md.

`--check` only says whether both are up to date.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # a checkout that is not installed

from ilvi_core.host.parameters import CHOICE, FILE, NUMBER, TICK, WHOLE, WORDS
from ofx_bridge.table import BUTTON, GROUPS, ROWS, SECRET_WHOLE, SECRET_WORDS, Row

ROOT = Path(__file__).resolve().parent.parent
HEADER = ROOT / "ofx_bridge" / "plugin" / "parameters_table.h"
PAGE = ROOT / "docs" / "openfx.md"
BEGIN, END = "<!-- parameters -->\n", "<!-- /parameters -->\n"


def header() -> str:
    """The text of the header."""
    lines = [
        "// Made by make_table.py from table.py and ilvi_core.host.parameters: change it there, and run it again.",
        "#pragma once",
        "",
        '#include "parameter.h"',
        "",
        "namespace ilvi {",
        "",
    ]
    for row in ROWS:
        if row.choices:
            listed = ", ".join(map(_text, row.choices))
            lines.append(f"inline constexpr const char *{row.name}_choices[] = {{{listed}}};")
    lines += ["", "// clang-format off", "inline constexpr Parameter PARAMETERS[] = {"]
    lines += [_row(row) for row in ROWS]
    lines += ["};", "", "inline constexpr Group GROUPS[] = {"]
    lines += [f"    {{{_text(name)}, {_text(label)}}}," for name, label in GROUPS.items()]
    lines += ["};", "// clang-format on", "", "}  // namespace ilvi", ""]
    return "\n".join(lines)


def _row(row: Row) -> str:
    if row.kind == CHOICE:
        default = row.choices.index(row.default)
        rest = f"{default}, {_text('')}, {row.name}_choices, {len(row.choices)}"
    elif row.kind in (WHOLE, NUMBER, TICK, SECRET_WHOLE):
        rest = f"{_number(float(row.default))}, {_text('')}, nullptr, 0"
    else:
        rest = f"0, {_text(str(row.default))}, nullptr, 0"
    limits = ", ".join(_number(value) for value in (row.low, row.high, *row.shown))
    texts = f"{_text(row.label)},\n     {_text(row.hint)},\n     "
    return f"    {{{_text(row.name)}, Kind::{row.kind}, {texts}{rest}, {limits}, {_text(row.group)}}},"


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def _text(text: str) -> str:
    return json.dumps(text)


def page() -> str:
    """The documentation with the present table."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    return before + BEGIN + as_markdown() + END + rest.partition(END)[2]


def as_markdown() -> str:
    """What a user sees of the table."""
    lines = ["| parameter | what it does | default | values |", "|---|---|---|---|"]
    for group in ("", *GROUPS):
        if group:
            lines.append(f"| **{GROUPS[group]}** | | | |")
        lines += [_line(row) for row in ROWS if row.group == group and row.kind not in (SECRET_WORDS, SECRET_WHOLE)]
    return "\n".join(lines) + "\n"


def _line(row: Row) -> str:
    default = {True: "on", False: "off"}[row.default] if row.kind == TICK else row.default
    if row.kind in (WHOLE, NUMBER):
        default = _number(float(default))
    shown = "" if row.kind == BUTTON or default == "" else f"`{default}`"
    return f"| {row.label} | {row.hint} | {shown} | {_values(row)} |"


def _values(row: Row) -> str:
    if row.kind == CHOICE:
        return ", ".join(row.choices)
    if row.kind in (WHOLE, NUMBER):
        return f"{_number(row.low)} to {_number(row.high)}"
    return {BUTTON: "button", TICK: "on, off", WORDS: "text", FILE: "path"}.get(row.kind, "read only")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only say whether they are up to date")
    check = parser.parse_args().check
    late = 0
    for path, text in ((HEADER, header()), (PAGE, page())):
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        late = 1
        if check:
            sys.stderr.write(f"{path} is out of date; run {Path(__file__).name}.\n")
        else:
            path.write_text(text, encoding="utf-8")
    return late if check else 0


if __name__ == "__main__":
    sys.exit(main())
