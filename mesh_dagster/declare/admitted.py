"""Say what a column may hold, as far as its rules can be followed.

In:  a `WrittenColumn`.
Out: `Admitted`: the ends, lengths, texts and, where they can be listed, the values themselves.
It never says less than the rules admit: what cannot be followed narrows nothing. Rules that only
warn admit everything.
"""

import math
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Literal

import polars as pl

from mesh_dagster.declare.transcribe import NotFollowedError, rows_that_keep
from mesh_dagster.declare.written import WrittenColumn, WrittenRule

Side = Literal["low", "high"]
_MOST_LISTED = 1_000
_EXACT_WHOLE = 2**53
"""Up to here every whole number is a float."""
_ENDS: Mapping[str, tuple[tuple[Side, str, bool], ...]] = {
    "greater_than": (("low", "min_value", False),),
    "greater_than_or_equal_to": (("low", "min_value", True),),
    "less_than": (("high", "max_value", False),),
    "less_than_or_equal_to": (("high", "max_value", True),),
    "equal_to": (("low", "value", True), ("high", "value", True)),
    "in_range": (("low", "min_value", True), ("high", "max_value", True)),
}
"""Check to the ends that it sets: side, argument, and whether the end itself is admitted."""
_PLAIN: Mapping[type[pl.DataType], type] = {pl.String: str, pl.Date: date, pl.Time: time}
_LISTING = {"isin": "allowed_values", "unique_values_eq": "values"}


@dataclass(frozen=True)
class End:
    """One end of what is admitted."""

    value: Any  # Any: a value of the column, comparable with the other end
    included: bool


@dataclass(frozen=True)
class Admitted:
    """What a column may hold."""

    low: End | None
    high: End | None
    lengths: tuple[int, float]
    """The fewest and most characters, both admitted."""
    values: pl.Series | None
    """Every value beside null that keeps the rules, where they can be listed."""
    nulls: bool

    @property
    def empty(self) -> bool:
        """Whether nothing but nulls is admitted, for certain."""
        if self.values is not None:
            return self.values.is_empty()
        return self.lengths[0] > self.lengths[1] or _crossed(self.low, self.high)


def admitted_by(column: WrittenColumn) -> Admitted:
    """Follow the rules of a column."""
    rules = binding(column)
    low, high = interval(rules, column.dtype)
    return Admitted(
        low,
        high,
        lengths(rules),
        _listed(column, rules, low, high),
        admits_nulls(column),
    )


def admits_nulls(column: WrittenColumn) -> bool:
    """Say whether a column may hold nulls."""
    loses_them = any(not rule.ignore_na and by_row(rule) for rule in binding(column))
    return column.nullable and column.default is None and not loses_them


def binding(column: WrittenColumn) -> list[WrittenRule]:
    """Return the rules that a column has to keep and whose meaning is known."""
    return [rule for rule in column.rules if rule.level == "error" and not rule.opaque]


def by_row(rule: WrittenRule) -> bool:
    """Say whether a rule judges each value by itself."""
    return not rule.opaque and rule.check != "unique_values_eq"


def interval(
    rules: Iterable[WrittenRule], dtype: pl.DataType | None
) -> tuple[End | None, End | None]:
    """Return the narrowest ends that rules set together."""
    narrowest = _own_ends(dtype)
    for rule in rules:
        with suppress(NotFollowedError):
            for side, end in ends_of(rule, dtype):
                known = narrowest[side]
                narrowest[side] = end if known is None or wider(known, end, side) else known
    return narrowest["low"], narrowest["high"]


def ends_of(rule: WrittenRule, dtype: pl.DataType | None) -> Iterator[tuple[Side, End]]:
    """Yield the ends that a rule sets.

    Raises:
        NotFollowedError: It compares with a value that this type does not hold exactly.
    """
    for side, argument, included in _ENDS.get(rule.check or "", ()):
        named = rule.arguments.get("include_min" if side == "low" else "include_max", included)
        yield side, _end(rule.arguments[argument], side, dtype, included=bool(named))


def lengths(rules: Iterable[WrittenRule]) -> tuple[int, float]:
    """Return the fewest and most characters that rules admit together."""
    fewest, most = 0, math.inf
    for rule in rules:
        if rule.check == "str_length":
            exact = rule.arguments.get("exact_value")
            least, longest = rule.arguments.get("min_value"), rule.arguments.get("max_value")
            fewest = max(fewest, (least or 0) if exact is None else exact)
            most = min(most, (math.inf if longest is None else longest) if exact is None else exact)
    return fewest, most


def wider(outer: End | None, inner: End | None, side: Side) -> bool:
    """Say whether one end admits all that another of the same side admits.

    Raises:
        NotFollowedError: They cannot be compared.
    """
    if outer is None:
        return True
    return inner is not None and (
        _before(outer, inner, side)
        or (outer.value == inner.value and (outer.included or not inner.included))
    )


def series_of(values: Iterable[object], dtype: pl.DataType) -> pl.Series:
    """Return values of a column, nulls left out.

    Raises:
        NotFollowedError: The type does not hold one of them.
    """
    try:
        held = pl.Series("value", list(values), dtype=dtype).drop_nulls().unique()
    except (pl.exceptions.PolarsError, TypeError, ValueError, OverflowError) as error:
        raise NotFollowedError from error
    if held.dtype != dtype:  # polars makes what it is given, of bytes for dates, say
        raise NotFollowedError
    return held


def kept_by(values: pl.Series, rules: Iterable[WrittenRule]) -> pl.Series:
    """Return the values that keep every rule.

    Raises:
        NotFollowedError: A rule cannot be asked of this type.
    """
    for rule in rules:
        values = values.filter(rows_that_keep(rule, values))
    return values


def _listed(
    column: WrittenColumn, rules: list[WrittenRule], low: End | None, high: End | None
) -> pl.Series | None:
    if column.dtype is None:
        return None
    for candidates in _candidates(column.dtype, rules, low, high):
        with suppress(NotFollowedError):
            values = series_of(candidates, column.dtype)
            return kept_by(values, filter(by_row, rules))
    return None


def _candidates(
    dtype: pl.DataType, rules: list[WrittenRule], low: End | None, high: End | None
) -> Iterator[Iterable[object]]:
    if isinstance(dtype, pl.Boolean):
        yield [False, True]
    if isinstance(dtype, pl.Enum):
        yield dtype.categories
    for rule in rules:
        if rule.check in _LISTING:
            yield rule.arguments[_LISTING[rule.check]]
    if low is None or high is None:
        return
    if dtype.is_integer() and high.value - low.value < _MOST_LISTED:
        yield range(low.value, high.value + 1)
    elif low.value == high.value:
        yield [low.value]


def _own_ends(dtype: pl.DataType | None) -> dict[Side, End | None]:
    if dtype is None or not dtype.is_integer():
        return {"low": None, "high": None}
    bits = int(str(dtype).lstrip("UInt"))
    least = -(2 ** (bits - 1)) if dtype.is_signed_integer() else 0
    return {"low": End(least, included=True), "high": End(least + 2**bits - 1, included=True)}


def _end(value: object, side: Side, dtype: pl.DataType | None, *, included: bool) -> End:
    exact = _exact(value, dtype)
    if dtype is not None and dtype.is_integer():
        # Among whole numbers every end can be one that is admitted.
        whole = math.ceil(exact) if side == "low" else math.floor(exact)
        step = 1 if side == "low" else -1
        return End(whole if included or whole != exact else whole + step, included=True)
    return End(exact, included)


def _exact(value: Any, dtype: pl.DataType | None) -> Any:  # noqa: ANN401 - a value of the column
    """Return a value if polars compares a column with the value itself, not with one near it."""
    if dtype is not None and _is_exact(value, dtype):
        return value
    raise NotFollowedError


def _is_exact(value: object, dtype: pl.DataType) -> bool:
    if dtype.is_integer() or isinstance(dtype, pl.Float64):
        return isinstance(value, int | float) and abs(value) <= _EXACT_WHOLE
    if isinstance(dtype, pl.Float32):
        return isinstance(value, int | float) and _of_single_precision(value)
    if isinstance(dtype, pl.Decimal):
        return isinstance(value, int | Decimal) and _fits(Decimal(value), dtype)
    if isinstance(dtype, pl.Datetime | pl.Duration):
        return isinstance(value, datetime | timedelta) and _of_unit(value, dtype)
    return type(value) is _PLAIN.get(type(dtype))


def _of_single_precision(value: float) -> bool:
    try:
        return bool(struct.unpack("f", struct.pack("f", value))[0] == value)
    except OverflowError:
        return False


def _fits(value: Decimal, dtype: pl.Decimal) -> bool:
    exponent = value.as_tuple().exponent
    whole_digits = (dtype.precision or 0) - dtype.scale
    return (
        isinstance(exponent, int) and -exponent <= dtype.scale and value.adjusted() < whole_digits
    )


def _of_unit(value: datetime | timedelta, dtype: pl.Datetime | pl.Duration) -> bool:
    if dtype.time_unit == "ms":
        whole = value.microsecond if isinstance(value, datetime) else value.microseconds
        if whole % 1_000:
            return False
    if isinstance(value, timedelta) or isinstance(dtype, pl.Duration):
        return isinstance(value, timedelta) and isinstance(dtype, pl.Duration)
    return str(value.tzinfo) == str(dtype.time_zone)


def _before(outer: End, inner: End, side: Side) -> bool:
    try:
        return bool(outer.value < inner.value if side == "low" else outer.value > inner.value)
    except (TypeError, ArithmeticError) as error:
        raise NotFollowedError from error


def _crossed(low: End | None, high: End | None) -> bool:
    if low is None or high is None:
        return False
    if low.value == high.value:
        return not (low.included and high.included)
    return _before(high, low, "low")
