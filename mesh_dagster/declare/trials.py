"""Choose values with which to try whether a rule can be broken.

In:  the rules at hand, and the type of their column.
Out: values of that type: those that the rules name, those beside and between them, and a few of
every kind. Whether they keep a rule is not asked here.
"""

import math
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from itertools import pairwise, product
from typing import Any

import polars as pl

from mesh_dagster.declare.admitted import series_of
from mesh_dagster.declare.transcribe import NotFollowedError
from mesh_dagster.declare.written import WrittenRule

_MOST = 2_000
_LONGEST_TEXT = 10_000
_ANYWAY: tuple[object, ...] = (
    0, 1, -1, 0.5, math.inf, -math.inf, math.nan, "", "a", "A", "0", " ", "é", b"", True, False,
    Decimal(0), date(2000, 1, 1), time(0), timedelta(0),
    datetime(2000, 1, 1, tzinfo=timezone.utc), datetime(2000, 1, 1),  # noqa: DTZ001 - for columns without a zone
)  # fmt: skip
_STEPS: dict[type, object] = {
    int: 1, float: 1.0, Decimal: Decimal(1),
    date: timedelta(days=1), datetime: timedelta(seconds=1), timedelta: timedelta(seconds=1),
}  # fmt: skip


def trials(dtype: pl.DataType, rules: Iterable[WrittenRule]) -> pl.Series:
    """Return values of one type to try, each once."""
    rules = list(rules)
    named = [value for rule in rules for value in _named(rule)]
    tried = [*_ANYWAY, *named, *_beside(named), *_between(named), *_texts(rules)]
    fitting = [series for value in tried[:_MOST] for series in _fitting(value, dtype)]
    return pl.concat([pl.Series("value", [], dtype=dtype), *fitting]).unique()


def _fitting(value: object, dtype: pl.DataType) -> Iterator[pl.Series]:
    if isinstance(value, bool) != isinstance(dtype, pl.Boolean):
        return
    try:
        yield series_of([value], dtype)
    except NotFollowedError:
        return


def _named(rule: WrittenRule) -> Iterator[Any]:
    for value in rule.arguments.values():
        if isinstance(value, list | set | frozenset):
            yield from value
        else:
            yield value


def _beside(values: list[Any]) -> Iterator[Any]:
    for value in values:
        step: Any = _STEPS.get(type(value))
        if step is not None:
            with suppress(ArithmeticError):
                yield from (value - step, value + step)


def _between(values: list[Any]) -> Iterator[Any]:
    for one, other in pairwise(values):
        if type(one) is type(other) and type(one) in _STEPS:
            with suppress(ArithmeticError, TypeError):
                yield from (one + (other - one) // part for part in (2, 4))
                yield from (one + (other - one) / part for part in (2, 4))


def _texts(rules: list[WrittenRule]) -> Iterator[str]:
    begins = ["", *(rule.arguments["string"] for rule in rules if rule.check == "str_startswith")]
    ends = ["", *(rule.arguments["string"] for rule in rules if rule.check == "str_endswith")]
    lengths = [
        number + step
        for rule in rules
        if rule.check == "str_length"
        for number in _named(rule)
        if isinstance(number, int) and number <= _LONGEST_TEXT
        for step in (-1, 0, 1)
    ]
    for begin, end, length in product(begins, ends, [0, *lengths]):
        yield begin + "a" * max(0, length - len(begin) - len(end)) + end
