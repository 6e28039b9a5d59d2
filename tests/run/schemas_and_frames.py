"""Draw random pandera schemas and random frames that nearly fit them."""

# ruff: noqa: DTZ001 - columns without a time zone have naive values

import math
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import pandera.polars as pa
import polars as pl
from hypothesis import strategies as st
from pandera.api.polars.types import PolarsData

UTC = timezone.utc
NAMES = ("a", "b", "c", "x1", "x2")

Pool = list[Any]  # Any: values of every polars type

POOLS: dict[str, tuple[Any, Pool]] = {
    "int": (pl.Int64, [-(2**63), -3, 0, 1, 2, 3, 7, 2**62]),
    "small": (pl.Int32, [-3, 0, 1, 2, 7]),
    "unsigned": (pl.UInt64, [0, 1, 2, 3, 2**64 - 1]),
    "float": (pl.Float64, [-math.inf, -1.5, -0.0, 0.0, 1.0, 2.5, math.inf, math.nan]),
    "single": (pl.Float32, [-0.0, 0.0, 1.0, math.nan]),
    "text": (pl.String, ["", "a", "b", "ab", "abc", "1", "2", "x-1", "é"]),
    "flag": (pl.Boolean, [True, False]),
    "day": (pl.Date, [date(1969, 1, 1), date(2024, 2, 29), date(2025, 1, 1)]),
    "moment": (pl.Datetime("us"), [datetime(2024, 1, 1), datetime(2025, 6, 1, 12)]),
    "instant": (pl.Datetime("us", "UTC"), [datetime(2024, 1, 1, tzinfo=UTC)]),
    "span": (pl.Duration("us"), [timedelta(0), timedelta(days=1), timedelta(seconds=-1)]),
    "clock": (pl.Time, [time(0), time(12, 30)]),
    "money": (pl.Decimal(10, 2), [Decimal("0.00"), Decimal("1.50"), Decimal("-7.25")]),
    "category": (pl.Categorical, ["a", "b"]),
    "enum": (pl.Enum(["a", "b", "c"]), ["a", "b", "c"]),
    "list": (pl.List(pl.Int64), [[], [1], [1, None], [1, 2]]),
    "struct": (pl.Struct({"p": pl.Int64}), [{"p": 1}, {"p": None}, {"p": 2}]),
    "array": (pl.Array(pl.Int64, 2), [[1, 2], [1, None]]),
    "bytes": (pl.Binary, [b"", b"a"]),
    "nothing": (pl.Null, []),
}
COMMON = ("int", "float", "text", "small", "flag", "day", "moment", "money")
NUMBERS = ("int", "small", "unsigned", "float", "single", "money")


@st.composite
def frames(draw: st.DrawFn) -> tuple[pl.DataFrame, dict[str, str]]:
    """A frame of up to eight rows, and the kind of each column."""
    names = draw(st.lists(st.sampled_from(NAMES), unique=True, min_size=1, max_size=4))
    height = draw(st.sampled_from((0, 1, 2, 3, 5, 8)))
    kinds, columns = {}, {}
    for name in names:
        kind = draw(st.one_of(st.sampled_from(COMMON), st.sampled_from(list(POOLS))))
        dtype, pool = POOLS[kind]
        if draw(st.integers(0, 3)) == 0 or not pool:
            pool = [*pool, None]
        elif draw(st.booleans()):
            pool = pool[-3:]
        values = draw(st.lists(st.sampled_from(pool), min_size=height, max_size=height))
        if draw(st.integers(0, 3)) == 0 and kind in ("int", "text") and height:
            values = sorted({*values} - {None})
            values += [None] * (height - len(values))
        kinds[name], columns[name] = kind, pl.Series(name, values, dtype=dtype)
    return pl.DataFrame(columns), kinds


def _shift(data: PolarsData) -> pl.LazyFrame:
    return data.lazyframe.select(pl.col(data.key) >= pl.col(data.key).shift())


def _mean(data: PolarsData) -> pl.LazyFrame:
    return data.lazyframe.select(pl.col(data.key).count() < 4)


def _with(data: PolarsData) -> pl.LazyFrame:
    return data.lazyframe.with_columns(pl.col(data.key).is_not_null()).select(data.key)


def _filter(data: PolarsData) -> pl.LazyFrame:
    return data.lazyframe.filter(pl.col(data.key).is_null()).select(pl.col(data.key).is_null())


def _collects(data: PolarsData) -> bool:
    return data.lazyframe.select(pl.col(data.key)).collect().height < 5


def _raises(data: PolarsData) -> bool:
    raise ValueError(data.key)


def _raises_late(data: PolarsData) -> pl.LazyFrame:
    return data.lazyframe.select(pl.col(data.key).cast(pl.String).cast(pl.Int64) > 0)


def _number(data: PolarsData) -> pl.LazyFrame:
    return data.lazyframe.select(pl.col(data.key))


def _window(data: PolarsData) -> pl.LazyFrame:
    return data.lazyframe.select(pl.len().over(data.key) < 3)


def _other(data: PolarsData) -> pl.LazyFrame:
    return data.lazyframe.select(pl.col("a").is_not_null() | pl.col(data.key).is_null())


def _any(data: PolarsData) -> pl.LazyFrame:
    return data.lazyframe.select(pl.all().is_not_null())


def _join(data: PolarsData) -> pl.LazyFrame:
    seen = data.lazyframe.select(pl.col(data.key)).unique()
    return data.lazyframe.join(seen, on=data.key, how="left").select(pl.col(data.key).is_not_null())


def _unlike(value: object) -> bool:
    return str(value) not in ("a", "7", "-1.5")


CUSTOM = (_shift, _mean, _with, _filter, _collects, _raises, _raises_late, _number, _window)
CUSTOM_MORE = (_other, _any, _join)
PLAIN = {
    "text": (
        lambda **k: pa.Check.str_matches("[a-c]", **k),
        lambda **k: pa.Check.str_contains("[0-9]", **k),
        lambda **k: pa.Check.str_startswith("a", **k),
        lambda **k: pa.Check.str_endswith("b", **k),
        lambda **k: pa.Check.str_length(0, 2, **k),
    ),
    "number": (
        lambda **k: pa.Check.ge(0, **k),
        lambda **k: pa.Check.lt(3, **k),
        lambda **k: pa.Check.le(7, **k),
        lambda **k: pa.Check.in_range(-3, 2, include_max=False, **k),
        lambda **k: pa.Check.gt(-2, **k),
    ),
}


@st.composite
def checks(draw: st.DrawFn, kind: str, pool: Pool) -> Any:  # noqa: ANN401, C901, PLR0911 - drawn
    """A built-in check that suits the values, now and then one that does not, or a custom one."""
    flags: dict[str, Any] = {}
    if draw(st.integers(0, 4)) == 0:
        flags["ignore_na"] = False
    if draw(st.integers(0, 7)) == 0:
        flags["raise_warning"] = True
    if draw(st.integers(0, 3)) == 0:
        function = draw(st.sampled_from((*CUSTOM, *CUSTOM_MORE)))
        return pa.Check(function, **flags)
    if draw(st.integers(0, 9)) == 0:
        return pa.Check(_unlike, element_wise=True, **flags)
    if kind == "text" or draw(st.integers(0, 24)) == 0:
        return draw(st.sampled_from(PLAIN["text"]))(**flags)
    if kind in NUMBERS and draw(st.booleans()):
        return draw(st.sampled_from(PLAIN["number"]))(**flags)
    some = draw(st.lists(st.sampled_from(pool), min_size=1, max_size=3)) if pool else [1]
    which = draw(st.sampled_from(("isin", "notin", "eq", "ne", "unique_values_eq")))
    if which in ("eq", "ne"):
        return getattr(pa.Check, which)(some[0], **flags)
    if kind in ("list", "struct", "array"):
        return pa.Check.eq(some[0], **flags)
    return getattr(pa.Check, which)(some, **flags)


@st.composite
def columns(draw: st.DrawFn, kind: str) -> pa.Column:
    """A column schema of one kind, mostly."""
    dtype, pool = POOLS[kind]
    coerce = draw(st.integers(0, 4)) == 0
    odd = draw(st.integers(0, 5))
    if odd == 0:
        dtype = POOLS[draw(st.sampled_from(COMMON))][0]
    elif odd == 1 and not coerce:
        dtype = None
    default = None
    if dtype is not None and pool and draw(st.integers(0, 7)) == 0:
        default = draw(st.sampled_from(pool)) if odd > 1 else None
    return pa.Column(
        dtype,
        draw(st.lists(checks(kind, pool), max_size=2)),
        nullable=draw(st.integers(0, 2)) > 0,
        unique=draw(st.integers(0, 4)) == 0,
        coerce=coerce,
        required=draw(st.integers(0, 4)) > 0,
        default=default,
    )


@st.composite
def cases(draw: st.DrawFn) -> tuple[pa.DataFrameSchema, pl.DataFrame]:
    """A schema and a frame that was drawn first, so that many frames fit."""
    frame, kinds = draw(frames())
    declared: dict[str, pa.Column] = {}
    for name in draw(st.permutations(list(kinds))) if draw(st.booleans()) else list(kinds):
        if draw(st.integers(0, 7)) == 0:
            continue
        declared[name] = draw(columns(kinds[name]))
    if draw(st.integers(0, 7)) == 0:
        extra = draw(st.sampled_from([name for name in NAMES if name not in kinds]))
        declared[extra] = draw(columns(draw(st.sampled_from(COMMON))))
    if draw(st.integers(0, 7)) == 0:
        kind = kinds.get("x1") or kinds.get("x2") or "int"
        column = draw(columns(kind))
        column.regex = True
        column.name = "^x.$"
        if draw(st.booleans()):
            declared = {name: c for name, c in declared.items() if not name.startswith("x")}
        declared["^x.$"] = column
    keys = draw(st.lists(st.sampled_from(NAMES), unique=True, min_size=1, max_size=3))
    schema = pa.DataFrameSchema(
        declared,
        checks=[pa.Check(draw(st.sampled_from(WHOLE)))] if draw(st.integers(0, 7)) == 0 else None,
        strict=draw(st.sampled_from((False, False, False, True, "filter"))),
        ordered=draw(st.integers(0, 7)) == 0,
        coerce=draw(st.integers(0, 9)) == 0,
        unique=keys if draw(st.integers(0, 3)) == 0 else None,
        add_missing_columns=draw(st.integers(0, 7)) == 0,
    )
    return schema, frame


def _no_nulls(data: PolarsData) -> pl.LazyFrame:
    return data.lazyframe.select(pl.all().is_not_null())


def _few(data: PolarsData) -> pl.LazyFrame:
    return data.lazyframe.select(pl.len() < 6)


def _a_first(data: PolarsData) -> pl.LazyFrame:
    return data.lazyframe.select(pl.col("a").is_not_null())


def _pair(data: PolarsData) -> pl.LazyFrame:
    return data.lazyframe.select(pl.col("a") != pl.col("b"), pl.col("a").is_not_null())


def _never(data: PolarsData) -> bool:
    return bool(data.lazyframe is None)


WHOLE = (_no_nulls, _few, _a_first, _pair, _never)
