"""Draw random products with one port, each of which can be declared."""

from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pandera.polars as pa
import polars as pl
from hypothesis import strategies as st

import mesh_dagster as md

UTC = timezone.utc
TYPES: dict[str, tuple[pl.DataType, list[Any]]] = {  # Any: values of every type
    "int": (pl.Int64(), [-3, 0, 7, 2**62]),
    "small": (pl.Int8(), [-3, 0, 7]),
    "unsigned": (pl.UInt32(), [0, 7]),
    "long": (pl.UInt64(), [0, 7]),
    "float": (pl.Float64(), [-1.5, 0, 2.5]),
    "single": (pl.Float32(), [-1.5, 0.0]),
    "money": (pl.Decimal(10, 2), [Decimal("1.50"), Decimal("-7.25"), 3]),
    "text": (pl.String(), ["", "a", "NO", "12:30:00", "1e3", "é\x85", "ab"]),
    "category": (pl.Categorical(), ["a", "b"]),
    "enum": (pl.Enum(["a", "b"]), ["a", "b"]),
    "flag": (pl.Boolean(), [True, False]),
    "day": (pl.Date(), [date(1969, 1, 1), date(2024, 2, 29)]),
    "moment": (pl.Datetime("us"), [datetime(2024, 1, 1, 0, 0, 1)]),  # noqa: DTZ001 - naive
    "coarse": (pl.Datetime("ms"), [datetime(2024, 1, 1)]),  # noqa: DTZ001 - naive
    "instant": (pl.Datetime("us", "UTC"), [datetime(2024, 1, 1, tzinfo=UTC)]),
    "bytes": (pl.Binary(), [b"", b"a"]),
    "list": (pl.List(pl.Int16()), []),
    "array": (pl.Array(pl.Float32(), 3), []),
    "struct": (pl.Struct({"a": pl.Int64(), "b": pl.List(pl.Struct({"c": pl.String()}))}), []),
}
TIMES = ("day", "moment", "coarse", "instant")
NUMBERS = ("int", "small", "unsigned", "long", "float", "single", "money", *TIMES)
GROUPS = ("int", "text", "category", "enum")
TEXTS = st.sampled_from(["A name.", "Über: 'x'", "yes", "- a\n- b", "# no comment", " blank "])


@st.composite
def checks(draw: st.DrawFn, kind: str) -> pa.Check:
    """Draw a built-in check that suits a type."""
    values = TYPES[kind][1]
    flags: dict[str, Any] = {}
    if draw(st.integers(0, 4)) == 0:
        flags["ignore_na"] = False
    if draw(st.integers(0, 4)) == 0:
        flags["raise_warning"] = True
    if draw(st.integers(0, 4)) == 0:
        flags["error"] = draw(TEXTS)
    if kind == "text" and draw(st.booleans()):
        pattern = draw(st.sampled_from(["^a", "a|b", "^a|b", "[0-9]{2}$"]))
        return draw(
            st.sampled_from(
                [
                    pa.Check.str_matches(pattern, **flags),
                    pa.Check.str_contains(pattern, **flags),
                    pa.Check.str_length(1, 3, **flags),
                    pa.Check.str_length(max_value=3, **flags),
                    pa.Check.str_startswith("a", **flags),
                    pa.Check.str_endswith("b", **flags),
                ]
            )
        )
    value = draw(st.sampled_from(values))
    if kind in NUMBERS and draw(st.booleans()):
        name = draw(st.sampled_from(["ge", "gt", "le", "lt"]))
        bounded: pa.Check = getattr(pa.Check, name)(value, **flags)
        return bounded
    some = draw(st.lists(st.sampled_from(values), min_size=1, max_size=3, unique_by=repr))
    name = draw(st.sampled_from(["isin", "notin", "eq", "ne", "unique_values_eq"]))
    compared: pa.Check = getattr(pa.Check, name)(value if name in ("eq", "ne") else some, **flags)
    return compared


@st.composite
def columns(draw: st.DrawFn, kind: str) -> pa.Column:
    """Draw a column of one type."""
    metadata = {"unit": "EUR", "sensitivity": "personal", "entity": {"name": "order"}, "none": None}
    names = draw(st.lists(st.sampled_from(list(metadata)), unique=True))
    return pa.Column(
        TYPES[kind][0],
        draw(st.lists(checks(kind), max_size=3)) if TYPES[kind][1] else [],
        nullable=draw(st.booleans()),
        unique=draw(st.integers(0, 3)) == 0,
        required=draw(st.integers(0, 4)) > 0,
        coerce=draw(st.integers(0, 4)) == 0,
        title=draw(st.none() | TEXTS),
        description=draw(st.none() | TEXTS),
        metadata={name: metadata[name] for name in names} or None,
    )


@st.composite
def schemas(draw: st.DrawFn) -> tuple[pa.DataFrameSchema, list[str], list[str]]:
    """Draw a schema, and the names of its columns that hold times, and of those with groups."""
    kinds = draw(st.lists(st.sampled_from(list(TYPES)), min_size=1, max_size=5))
    named = {f"c{number}": kind for number, kind in enumerate(kinds)}
    keys = draw(st.lists(st.sampled_from(list(named)), unique=True, max_size=3))
    schema = pa.DataFrameSchema(
        {name: draw(columns(kind)) for name, kind in named.items()},
        strict=draw(st.sampled_from((False, True, "filter"))),
        ordered=draw(st.booleans()),
        coerce=draw(st.integers(0, 4)) == 0,
        unique=keys or None,
        name=draw(st.sampled_from(["Line", "lines"])),
        title=draw(st.none() | TEXTS),
        description=draw(st.none() | TEXTS),
        metadata=draw(st.none() | st.just({"grain": "one row for each line"})),
    )
    times = [name for name, kind in named.items() if kind in TIMES]
    return schema, times, [name for name, kind in named.items() if kind in GROUPS]


@st.composite
def freshness(draw: st.DrawFn, times: list[str], groups: list[str]) -> md.Freshness:
    """Draw a promise on the age of the data."""
    by = draw(st.none() | st.sampled_from(times)) if times else None
    within = draw(st.sampled_from([timedelta(minutes=90), timedelta(days=400), timedelta(hours=6)]))
    return md.Freshness(
        within=within,
        by=by,
        per=draw(st.none() | st.sampled_from(groups)) if by and groups else None,
        warn=draw(st.none() | st.just(timedelta(minutes=1, seconds=0.5))),
        deadline=draw(st.none() | st.sampled_from(["0 6 * * *", "@daily"])),
        timezone=draw(st.sampled_from(["UTC", "Europe/Berlin"])),
        target=draw(st.sampled_from([0.99, 0.5])),
        window=max(within, draw(st.sampled_from([timedelta(days=28), timedelta(days=7)]))),
        calendar=draw(st.none() | st.just("mon-fri")),
        holidays=draw(st.sampled_from([(), (date(2026, 12, 24),)])),
        grace=draw(st.sampled_from([timedelta(0), timedelta(minutes=5)])),
        alert=draw(st.sampled_from([(), ("chat", "mail")])),
    )


@st.composite
def qualities(draw: st.DrawFn) -> md.Quality:
    """Draw a promise on valid rows and their number."""
    share = draw(st.sampled_from([1.0, 0.9]))
    return md.Quality(
        valid_rows=share,
        otherwise="refuse" if share == 1 else "quarantine",
        rows=draw(st.sampled_from([None, (0, None), (5, None), (1, 1), (0, 0), (3, 900)])),
        rows_vs_last=draw(st.none() | st.just(0.5)),
        volume=draw(st.sampled_from(["refuse", "warn"])),
        alert=draw(st.sampled_from([(), ("chat",)])),
    )


@st.composite
def products(draw: st.DrawFn) -> md.DataProduct:
    """Draw a product with the port `lines`."""
    schema, times, groups = draw(schemas())
    product = md.DataProduct(
        domain="sales",
        name="orders",
        version=draw(st.sampled_from(["1.0.0", "0.1.0", "12.3.4"])),
        owner=draw(st.sampled_from(["team:sales", "team:Ö sales", "ann@example.org"])),
        alignment=draw(st.sampled_from(["source", "aggregate", "consumer"])),
        purpose=draw(st.sampled_from(["What was sold.", "1.0", "null"])),
        tags=draw(st.sampled_from([{}, {"tier": "gold", "pii": ""}])),
        retention=draw(st.sampled_from([timedelta(days=30), timedelta(hours=1.5)])),
    )

    @product.port(
        contract=schema,
        freshness=draw(st.none() | freshness(times, groups)),
        quality=draw(st.none() | qualities()),
        description=draw(st.none() | TEXTS),
        cadence=draw(st.none() | st.just("0 6 * * *")),
    )
    def lines() -> pl.LazyFrame:
        raise NotImplementedError

    return product
