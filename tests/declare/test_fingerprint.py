import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from enum import Enum
from functools import partial, wraps
from pathlib import Path
from types import FunctionType
from typing import Any

import polars as pl
import pytest

from mesh_dagster.declare.fingerprint import fingerprint

LIMIT = 3


class Colour(Enum):
    RED = 1
    BLUE = 2


class Opaque:
    pass


def limited(value: int) -> bool:
    return value < LIMIT


def by_helper(value: int) -> bool:
    return limited(value)


def by_polars(value: int) -> object:
    return pl.lit(value)


def endless(value: int) -> bool:
    return endless(value)


def with_default(value: int, most: int = 3) -> bool:
    return value < most


def with_keyword(value: int, *, most: int = 3) -> bool:
    return value < most


def closing_over(bound: object) -> Callable[[object], bool]:
    def closed(value: object) -> bool:
        return value == bound

    return closed


def logged(function: Callable[[int], bool]) -> Callable[[int], bool]:
    @wraps(function)
    def call(value: int) -> bool:
        return function(value)

    return call


def made_at_a_prompt(body: str) -> object:
    names: dict[str, object] = {}
    exec(f"def typed(value): return {body}", names)  # noqa: S102 - a function without a file
    return names["typed"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 2),
        ("a", "b"),
        (Decimal(1), Decimal(2)),
        (date(2026, 1, 1), date(2026, 1, 2)),
        (Colour.RED, Colour.BLUE),
        ([1, 2], [2, 1]),
        ({"a": 1}, {"a": 2}),
        ({"a": 1}, {"b": 1}),
        ({1, 2}, {1, 3}),
        (re.compile("a"), re.compile("b")),
        (re.compile("a"), re.compile("a", re.IGNORECASE)),
        (re.compile("a" * 300), re.compile("a" * 301)),
        (pl.Int64(), pl.Int32()),
        (pl.col("a") > 1, pl.col("a") > 2),
        (limited, with_default),
        (partial(with_default, most=4), partial(with_default, most=5)),
        (closing_over(1), closing_over(2)),
        (closing_over([1]), closing_over([2])),
        (closing_over(limited), closing_over(with_default)),
        (logged(limited), logged(with_default)),
        (made_at_a_prompt("value > 1"), made_at_a_prompt("value > 2")),
        (made_at_a_prompt("value > 1"), made_at_a_prompt("value < 1")),
    ],
)
def test_what_differs_has_another_fingerprint(one: object, other: object) -> None:
    assert fingerprint(one) != fingerprint(other)


@pytest.mark.parametrize(
    ("one", "same"),
    [
        ({1, 2}, {2, 1}),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ([1, 2], (1, 2)),
        (closing_over(1), closing_over(1)),
        (closing_over(Opaque()), closing_over(Opaque())),
        (partial(with_default, most=4), partial(with_default, most=4)),
        (logged(limited), logged(limited)),
        (made_at_a_prompt("value > 1"), made_at_a_prompt("value > 1")),
    ],
)
def test_what_is_the_same_has_one_fingerprint(one: object, same: object) -> None:
    assert fingerprint(one) == fingerprint(same)


def loaded(file: Path, text: str) -> FunctionType:
    """Return the function `rule` of a module with this text."""
    file.write_text(text, encoding="utf-8")
    names: dict[str, Any] = {"__name__": file.stem, "noted": lambda _: lambda function: function}
    exec(compile(text, file, "exec"), names)  # noqa: S102 - our own text
    made = names["rule"]
    assert isinstance(made, FunctionType)
    return made


PLAIN = "def rule(value):\n    return value > 1\n"


@pytest.mark.parametrize(
    ("one", "same"),
    [
        (PLAIN, "def rule(value):\n    # Above it.\n    return (\n        value>1)\n"),
        (
            PLAIN,
            '@noted("Above it.")\ndef rule(value):\n    """Compare."""\n    return value > 1\n',
        ),
        ("rule = (lambda v: v > 1, 'old')[0]\n", "rule = (lambda v: v > 1, 'new')[0]\n"),
        ("rule = (lambda v: v > 1, lambda v: v)[0]\n", "rule = [lambda v: v>1, lambda v: v][0]\n"),
    ],
)
def test_what_only_people_read_does_not_count(tmp_path: Path, one: str, same: str) -> None:
    made = [loaded(tmp_path / f"{n}.py", text) for n, text in enumerate((one, same))]

    assert fingerprint(made[0]) == fingerprint(made[1])


@pytest.mark.parametrize("text", ["rule = lambda v: v > 2\n", "rule = lambda v: v < 1\n"])
def test_a_lambda_counts_by_what_it_does(tmp_path: Path, text: str) -> None:
    one, other = (
        loaded(tmp_path / "a.py", "rule = lambda v: v > 1\n"),
        loaded(tmp_path / "b.py", text),
    )

    assert fingerprint(one) != fingerprint(other)


def test_a_function_whose_file_has_changed_counts_by_what_was_loaded(tmp_path: Path) -> None:
    one, other = loaded(tmp_path / "a.py", PLAIN), loaded(tmp_path / "b.py", PLAIN)
    for name in ("a.py", "b.py"):
        (tmp_path / name).write_text("def (", encoding="utf-8")

    assert fingerprint(one) == fingerprint(other)


def test_a_changed_constant_of_the_module_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    before = fingerprint(by_helper)

    monkeypatch.setitem(globals(), "LIMIT", 4)

    assert fingerprint(by_helper) != before


def test_a_changed_default_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    before = fingerprint(with_default), fingerprint(with_keyword)

    monkeypatch.setattr(with_default, "__defaults__", (4,))
    monkeypatch.setattr(with_keyword, "__kwdefaults__", {"most": 4})

    assert fingerprint(with_default) != before[0]
    assert fingerprint(with_keyword) != before[1]


def test_a_function_that_calls_itself_has_an_end() -> None:
    assert "itself" in fingerprint(endless)


def test_a_function_of_another_package_counts_by_its_name() -> None:
    assert fingerprint(closing_over(pl.concat)).count("concat") == 1


def test_no_address_in_memory_stands_in_a_fingerprint() -> None:
    shown = [fingerprint(one) for one in (by_polars, closing_over(Opaque()), Opaque(), Opaque)]

    assert [text for text in shown if " at 0x" in text] == []
