"""The little TCL that scripts and file names hold: words, quoting, [value x], [python {...}].

The form of scripts is that of .nk files in public (`addUserKnob {1 data l "" +INVISIBLE}`, `data "\\{\\"r\\":
\\[...]"`); commands: https://learn.foundry.com/nuke/developers/131/tclreference/ (address unverified).
"""

from __future__ import annotations

import re

from .core import host

PLAIN = re.compile(r"[A-Za-z0-9_./:%#+,@*=~^|<>!?&()-]+\Z")
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}


class TclError(RuntimeError):
    pass


def quote(text: str) -> str:
    """A string as one word of a script, such that unquote gives exactly it back."""
    if PLAIN.match(text) and not text.startswith("#"):
        return text
    out = ['"']
    for char in text:
        if char in '\\"[]${}':
            out.append("\\" + char)
        elif char == "\n":
            out.append("\\n")
        elif char == "\r":
            out.append("\\r")
        elif char == "\t":
            out.append("\\t")
        elif ord(char) < 32 or ord(char) == 127:
            out.append(f"\\x{ord(char):02x}")
        else:
            out.append(char)
    return "".join(out) + '"'


def words(text: str, lines: bool = False) -> list:
    """The words of a list; with lines, the list of commands, each a list of words. A word is (kind, text)."""
    commands, now, at, size = [], [], 0, len(text)
    while at < size:
        char = text[at]
        if lines and char in "\n;":
            if now:
                commands.append(now)
            now, at = [], at + 1
        elif char.isspace():
            at += 1
        elif lines and char == "#" and not now:
            while at < size and text[at] != "\n":
                at += 1
        elif char == "{":
            end = brace_end(text, at)
            now.append(("brace", text[at + 1 : end]))
            at = end + 1
        elif char == '"':
            value, at = quoted(text, at + 1)
            now.append(("quote", value))
        else:
            value, at = bare(text, at, lines)
            now.append(("bare", value))
    if now:
        commands.append(now)
    return commands if lines else (commands[0] if commands else [])


def brace_end(text: str, at: int) -> int:
    depth = 0
    while at < len(text):
        char = text[at]
        if char == "\\":
            at += 2
            continue
        depth += (char == "{") - (char == "}")
        if not depth:
            return at
        at += 1
    raise TclError("missing close-brace")


def escape(text: str, at: int):
    char = text[at]
    if char == "x":
        return chr(int(text[at + 1 : at + 3], 16)), at + 3
    return ESCAPES.get(char, char), at + 1


def quoted(text: str, at: int):
    out = []
    while at < len(text):
        char = text[at]
        if char == "\\":
            value, at = escape(text, at + 1)
            out.append(value)
        elif char == '"':
            return "".join(out), at + 1
        else:
            out.append(char)
            at += 1
    raise TclError("missing quote")


def bare(text: str, at: int, lines: bool):
    out, depth = [], 0
    while at < len(text):
        char = text[at]
        if char == "\\" and at + 1 < len(text):
            value, at = escape(text, at + 1)
            out.append(value)
            continue
        if not depth and (char.isspace() or (lines and char == ";")):
            break
        depth += (char == "[") - (char == "]")
        out.append(char)
        at += 1
    return "".join(out), at


def substitute(text: str, core, frame=None, view=None) -> str:
    """[commands] and $gui of a text replaced by what they give, in the context of a node."""
    out, at = [], 0
    while at < len(text):
        char = text[at]
        if char == "\\" and at + 1 < len(text):
            out.append(text[at + 1])
            at += 2
        elif char == "[":
            depth, end = 0, at
            while end < len(text):
                if text[end] == "\\":
                    end += 2
                    continue
                depth += (text[end] == "[") - (text[end] == "]")
                if not depth:
                    break
                end += 1
            else:
                raise TclError(f"missing close-bracket in {text!r}")
            out.append(command(text[at + 1 : end], core, frame, view))
            at = end + 1
        elif text.startswith("$gui", at):
            out.append("1" if host.gui else "0")
            at += 4
        else:
            out.append(char)
            at += 1
    return "".join(out)


def command(text: str, core, frame, view) -> str:
    found = words(text)
    if not found:
        return ""
    values = [value if kind == "brace" else substitute(value, core, frame, view) for kind, value in found]
    name, rest = values[0], values[1:]
    if name in ("value", "knob") and len(rest) == 1:
        from .lookup import find_knob

        knob, field = find_knob(core, rest[0])
        return knob._tcl(field, frame, view, name == "value")
    if name == "python":
        return python(rest, core)
    if name == "file" and rest[:1] == ["dirname"] and len(rest) == 2:
        return rest[1].rpartition("/")[0] or "."
    if name == "getenv" and len(rest) == 1:
        import os

        return os.environ.get(rest[0], "")
    raise TclError(f'invalid command name "{name}" (the fake knows value, knob, python, file dirname, getenv)')


def python(rest: list, core) -> str:
    """[python {expression}] and [python -execlocal {code that sets ret}]."""
    import nuke

    scope = {"nuke": nuke, "__builtins__": __builtins__}
    host.nodes_now.append(core)
    try:
        if rest[:1] == ["-execlocal"]:
            exec(" ".join(rest[1:]), scope)
            value = scope.get("ret", "")
        else:
            value = eval(" ".join(rest), scope)
    except Exception as error:
        raise TclError(f"[python]: {type(error).__name__}: {error}") from error
    finally:
        host.nodes_now.pop()
    if isinstance(value, bool):
        value = int(value)
    return str(value)
