"""Values from command lines, JSON and YAML brought to a field's type. Standard library and pytest only."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ilvi_core.host.checks import check_names, make, normalise, one_of, within
from ilvi_core.host.errors import InputError


@dataclass(frozen=True)
class Sample:
    count: int
    share: float = 0.5
    on: bool = False
    word: str = "a"
    sides: tuple[int, ...] = (1,)
    names: tuple[str, ...] = field(default_factory=tuple)

    def __post_init__(self) -> None:
        normalise(self)


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("count", "7", 7),
        ("count", 7.0, 7),
        ("share", "1e-3", 0.001),
        ("share", 2, 2.0),
        ("on", "Yes", True),
        ("on", "off", False),
        ("word", Path("x"), "x"),
        ("sides", "384x192", (384, 192)),
        ("sides", "384X192", (384, 192)),
        ("sides", "1, 3,5", (1, 3, 5)),
        ("sides", "[1, 3]", (1, 3)),
        ("sides", [4, 5.0], (4, 5)),
        ("sides", "", ()),
        ("names", "p,q", ("p", "q")),
        ("names", ["p"], ("p",)),
    ],
)
def test_normalise(name: str, given: object, expected: object) -> None:
    found = getattr(make(Sample, {"count": 1, name: given}), name)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("count", 1.5, "a whole number"),
        ("count", "1.5", "a whole number"),
        ("count", float("inf"), "a whole number"),
        ("count", [1], "a whole number"),
        ("share", "inf", "a number"),
        ("share", True, "a number"),
        ("share", "a", "a number"),
        ("on", "2", "true or false"),
        ("on", 0, "true or false"),
        ("word", 1, "text"),
        ("word", None, "text"),
        ("sides", [1.5], "whole numbers, comma between"),
        ("sides", [[1]], "whole numbers, comma between"),
        ("sides", None, "whole numbers, comma between"),
        ("names", 3, "words, comma between"),
    ],
)
def test_normalise_refuses(name: str, given: object, expected: str) -> None:
    with pytest.raises(InputError) as caught:
        make(Sample, {"count": 1, name: given})
    assert caught.value.message == f"{name} is '{given}', expected {expected}."
    assert caught.value.hint == f"Correct the value of {name}."


def test_make_names_what_is_wrong() -> None:
    with pytest.raises(InputError, match=r"There is no setting 'cuont'\. Did you mean 'count'\?"):
        make(Sample, {"cuont": 1})
    with pytest.raises(InputError, match=r"There is no setting 'zzzz'\. Known are count, share"):
        make(Sample, {"zzzz": 1})
    with pytest.raises(InputError, match="There is no setting '3'"):
        make(Sample, {3: 1})
    with pytest.raises(InputError) as caught:
        make(Sample, {"share": 1})
    assert caught.value.message == "'count' is missing."
    values: Any
    for values in (None, [], "count", 3):
        with pytest.raises(InputError, match="is no set of settings"):
            make(Sample, values)


def test_a_fault_in_the_program_is_not_called_a_missing_setting() -> None:
    @dataclass(frozen=True)
    class Broken:
        count: int = 1

        def __post_init__(self) -> None:
            raise TypeError("a real fault")

    with pytest.raises(TypeError, match="a real fault"):
        make(Broken, {})


def test_check_names_one_of_within() -> None:
    check_names(["a"], ["a", "b"])
    with pytest.raises(InputError, match="no setting 'c'"):
        check_names(["a", "c"], ["a", "b"])
    sample = Sample(1, word="b")
    one_of(sample, "word", ("a", "b"))
    with pytest.raises(InputError) as caught:
        one_of(sample, "word", ("c", "d"))
    assert (caught.value.message, caught.value.hint) == ("word is 'b'.", "Choose one of c, d.")
    within("n", 0, 0, 10)
    within("n", 10, 0, 10)
    for value in (-1, 11, float("nan")):
        with pytest.raises(InputError, match="expected 0 to 10"):
            within("n", value, 0, 10)
    with pytest.raises(InputError, match="expected 0 to 1000000000"):
        within("n", -1, 0, 1_000_000_000)
