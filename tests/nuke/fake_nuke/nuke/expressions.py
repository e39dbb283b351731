"""Nuke's expression language, as far as it is needed: one parser for knob expressions (numbers) and Expression nodes
(arrays).

https://learn.foundry.com/nuke/developers/131/pythondevguide/_autosummary/nuke.expr.html: only numbers, names of knobs,
`frame`, `t`. Pixel mathematics is in 32-bit floats:
https://learn.foundry.com/nuke/content/reference_guide/color_nodes/expression.html
"""

from __future__ import annotations

import re

import numpy as np

TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z_$][\w]*(?:\.[A-Za-z_]\w*)*)"
    r"|(?P<op>\*\*|&&|\|\||==|!=|<=|>=|[-+*/%<>!?:(),]))"
)
FUNCTIONS = {
    "abs": (1, np.abs),
    "fabs": (1, np.abs),
    "floor": (1, np.floor),
    "ceil": (1, np.ceil),
    "rint": (1, np.rint),
    "int": (1, np.trunc),
    "trunc": (1, np.trunc),
    "sqrt": (1, np.sqrt),
    "exp": (1, np.exp),
    "log": (1, np.log),
    "sin": (1, np.sin),
    "cos": (1, np.cos),
    "isnan": (1, None),
    "isinf": (1, None),
    "pow": (2, np.power),
    "fmod": (2, np.fmod),
    "min": (0, np.minimum),
    "max": (0, np.maximum),
    "clamp": (0, None),
}
BINARY = [["||"], ["&&"], ["==", "!="], ["<", ">", "<=", ">="], ["+", "-"], ["*", "/", "%"]]


class ExpressionError(RuntimeError):
    pass


def tokens_of(text: str) -> list:
    found, at = [], 0
    text = text.rstrip()
    while at < len(text):
        match = TOKEN.match(text, at)
        if not match:
            raise ExpressionError(f"cannot read the expression {text!r} at {text[at:]!r}")
        found.append((match.lastgroup, match.group(match.lastgroup)))
        at = match.end()
    return found


class Parser:
    def __init__(self, text: str) -> None:
        self.text, self.tokens, self.at = text, tokens_of(text), 0

    def peek(self):
        return self.tokens[self.at] if self.at < len(self.tokens) else ("end", "")

    def take(self, value=None):
        token = self.peek()
        if value is not None and token[1] != value:
            raise ExpressionError(f"{value!r} expected in the expression {self.text!r}")
        self.at += 1
        return token

    def parse(self):
        tree = self.ternary()
        if self.peek()[0] != "end":
            raise ExpressionError(f"junk {self.peek()[1]!r} in the expression {self.text!r}")
        return tree

    def ternary(self):
        test = self.binary(0)
        if self.peek()[1] != "?":
            return test
        self.take()
        yes = self.ternary()
        self.take(":")
        return ("if", test, yes, self.ternary())

    def binary(self, level: int):
        if level == len(BINARY):
            return self.unary()
        left = self.binary(level + 1)
        while self.peek()[0] == "op" and self.peek()[1] in BINARY[level]:
            op = self.take()[1]
            left = ("op", op, left, self.binary(level + 1))
        return left

    def unary(self):
        kind, value = self.peek()
        if kind == "op" and value in "-+!":
            self.take()
            return ("unary", value, self.unary())
        base = self.primary()
        if self.peek()[1] == "**":
            self.take()
            return ("op", "**", base, self.unary())
        return base

    def primary(self):
        kind, value = self.take()
        if kind == "number":
            return ("number", float(value))
        if kind == "name":
            if self.peek()[1] != "(":
                return ("name", value)
            self.take("(")
            args = []
            while self.peek()[1] != ")":
                args.append(self.ternary())
                if self.peek()[1] != ")":
                    self.take(",")
            self.take(")")
            return ("call", value, args)
        if value == "(":
            tree = self.ternary()
            self.take(")")
            return tree
        raise ExpressionError(f"cannot read the expression {self.text!r}")


def parse(text: str):
    return Parser(text).parse()


def names(tree) -> set:
    """Every name that an expression looks at."""
    if tree[0] == "name":
        return {tree[1]}
    parts = tree[2] if tree[0] == "call" else tree[1:]
    found = {tree[1]} if tree[0] == "call" and tree[1] not in FUNCTIONS else set()
    return found.union(*[names(part) for part in parts if isinstance(part, tuple)])


def evaluate(tree, lookup, number=np.float64):
    """The value of a parsed expression; lookup(name) and lookup(name, args) give what names stand for."""
    with np.errstate(all="ignore"):
        return step(tree, lookup, number)


def step(tree, lookup, number):
    kind = tree[0]
    if kind == "number":
        return number(tree[1])
    if kind == "name":
        return number(np.pi) if tree[1] == "pi" else lookup(tree[1])
    if kind == "if":
        test = step(tree[1], lookup, number) != 0
        if np.ndim(test) == 0:
            return step(tree[2] if test else tree[3], lookup, number)
        return np.where(test, step(tree[2], lookup, number), step(tree[3], lookup, number))
    if kind == "unary":
        value = step(tree[2], lookup, number)
        return {"-": lambda: -value, "+": lambda: value, "!": lambda: truth(value == 0, number)}[tree[1]]()
    if kind == "call":
        args = [step(part, lookup, number) for part in tree[2]]
        return call(tree[1], args, lookup, number)
    return operate(tree[1], step(tree[2], lookup, number), step(tree[3], lookup, number), number)


def truth(value, number):
    return np.where(value, number(1), number(0)) if np.ndim(value) else number(1 if value else 0)


def operate(op, a, b, number):
    if op in ("+", "-", "*"):
        return a + b if op == "+" else a - b if op == "-" else a * b
    if op == "/":
        return np.divide(a, b)
    if op == "%":
        return np.fmod(a, b)
    if op == "**":
        return np.power(a, b)
    tests = {
        "==": lambda: a == b,
        "!=": lambda: a != b,
        "<": lambda: a < b,
        ">": lambda: a > b,
        "<=": lambda: a <= b,
        ">=": lambda: a >= b,
        "&&": lambda: (a != 0) & (b != 0),
        "||": lambda: (a != 0) | (b != 0),
    }
    return truth(tests[op](), number)


def call(name, args, lookup, number):
    if name not in FUNCTIONS:
        return lookup(name, args)
    count, function = FUNCTIONS[name]
    if (count and len(args) != count) or not args:
        raise ExpressionError(f"{name}() with {len(args)} arguments")
    if name == "isnan":
        return truth(np.isnan(args[0]), number)
    if name == "isinf":
        return truth(np.isinf(args[0]), number)
    if name == "clamp":
        low, high = args[1:] if len(args) == 3 else (number(0), number(1))
        return np.minimum(np.maximum(args[0], low), high)
    if count == 0:
        out = args[0]
        for other in args[1:]:
            out = function(out, other)
        return out
    return function(*args)
