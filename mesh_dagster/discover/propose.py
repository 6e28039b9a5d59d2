"""Propose a contract from data that is there.

In:  a plan over real rows; what a contract that they keep says of its columns, if there is one.
Out: a `Proposal`: for each column a name, a type that a port can keep, and the rules that these
rows keep. They are proposals: the next batch may be right and still break them, so people decide.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

from mesh_dagster.declare.storage import is_storable
from mesh_dagster.declare.written import WrittenColumn, is_sensitive
from mesh_dagster.discover.column_names import snake_names
from mesh_dagster.govern.personal import looks_personal, may_name_a_person

_MOST_CHOICES = 12
_LONGEST_CHOICE = 40
_REPEATED = 4
"""Of a column with choices, each stands so often on average."""
_FEWEST_FOR_KEY = 2
_FEWEST_FOR_CHOICES = 20
_FREE = re.compile(r"@|\w\W* [A-ZÀ-Þ]")
"""A text that nobody chose from a list, such as a name or an address."""
_CARRIED = ("unit", "entity", "sensitivity", "example")
"""What is said of a column holds for whoever reads it, too."""
_INSTEAD: dict[type[pl.DataType], pl.DataType] = {
    pl.Time: pl.String(),
    pl.Null: pl.String(),
    pl.Float16: pl.Float32(),
    pl.Int128: pl.Decimal(38, 0),
    pl.Duration: pl.Int64(),
}
_DATE = r"^(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](\d{4}|\d{2}))([T ]\d{1,2}:.*)?$"
_NUMBER = r"^[-+]?(\d+|\d{1,3}([.,']\d{3})+)[.,]\d+$"
"""One with a decimal sign, or with groups of digits."""
_TEXT_FACTS = ("longest", "shortest", "digits", "dates", "numbers")
_DIGITS = "^[0-9]{2,}$"


@dataclass(frozen=True)
class ProposedColumn:
    """What is proposed for one column."""

    source: str
    """Its name in the data."""
    name: str
    """In snake case, and no other column's."""
    dtype: pl.DataType
    """A type that a port can keep."""
    cast: bool
    """Whether the data has another type."""
    nullable: bool
    unique: bool
    """Whether it is the proposed key: the first column in which no value repeats."""
    least: int | None
    """0 or 1, where no number is less."""
    choices: tuple[str, ...]
    """All values of a text with few of them, sorted; empty where there are many."""
    personal: bool
    """Whether its name may mean personal data, and nobody said that it is none.

    Of what is sensitive, by its name or by what is said, no value is proposed.
    """
    seen: str
    """What was seen, for whoever reviews it; empty for sensitive data."""
    digits: int | None = None
    """Of how many digits every value consists, where all texts have as many."""
    asked: tuple[str, ...] = ()
    """What cannot be told from the rows; holds no value."""
    description: str | None = None
    """As the contract says that the rows keep already."""
    metadata: Mapping[str, Any] = field(default_factory=dict)  # Any: JSON
    """Likewise its unit, entity, sensitivity and example."""


@dataclass(frozen=True)
class Proposal:
    """What is proposed for a whole table."""

    rows: int
    columns: tuple[ProposedColumn, ...]


def propose(
    plan: pl.LazyFrame,
    told: Mapping[str, WrittenColumn] | None = None,
    remarks: Mapping[str, str] | None = None,
) -> Proposal:
    """Look at every row once and propose.

    Args:
        plan: The rows.
        told: What is known of columns already, by their names in the data.
        remarks: What whoever read the rows asks of columns, likewise.

    Raises:
        polars.exceptions.PolarsError: The data cannot be read.
    """
    schema = plan.collect_schema()
    facts = plan.select(_facts(schema)).collect(engine="streaming").row(0, named=True)
    bare = {
        source: _bare(source, schema[source], name, (told or {}).get(source))
        for source, name in snake_names(schema.names()).items()
    }
    few = [
        source
        for source, column in bare.items()
        if schema[source] == pl.String and not _sensitive(column) and _are_few(_of(source, facts))
    ]
    choices = _choices(plan, few)
    found = [
        replace(
            _column(column, schema[source], _of(source, facts), choices.get(source, ())),
            asked=tuple(_asked(schema[source], _of(source, facts), (remarks or {}).get(source))),
        )
        for source, column in bare.items()
    ]
    key = next((c.name for c in found if c.unique), None)
    return Proposal(int(facts["rows"]), tuple(_only_key(column, key) for column in found))


def _facts(schema: pl.Schema) -> Iterator[pl.Expr]:
    yield pl.len().alias("rows")
    for source, dtype in schema.items():
        column = pl.selectors.by_name(source).as_expr()
        nulls = column.null_count()
        if dtype.is_float():
            nulls += column.is_nan().sum()  # pandera takes them for nulls
            column = column.fill_nan(None)
        yield nulls.alias(f"nulls:{source}")
        if not dtype.is_nested():
            yield column.n_unique().alias(f"distinct:{source}")
        if dtype.is_numeric() or dtype.is_temporal():
            yield column.min().alias(f"least:{source}")
            yield column.max().alias(f"most:{source}")
        if dtype == pl.String:
            yield column.str.len_chars().max().alias(f"longest:{source}")
            yield column.str.len_chars().min().alias(f"shortest:{source}")
            yield column.str.contains(_DIGITS).all().alias(f"digits:{source}")
            yield column.str.contains(_DATE).sum().alias(f"dates:{source}")
            yield column.str.contains(_NUMBER).sum().alias(f"numbers:{source}")


Facts = Mapping[str, Any]  # Any: values of the data


def _of(source: str, facts: Facts) -> Facts:
    names = ("nulls", "distinct", "least", "most", *_TEXT_FACTS)
    return {"rows": facts["rows"], **{name: facts.get(f"{name}:{source}") for name in names}}


def _are_few(facts: Facts) -> bool:
    distinct, longest = facts["distinct"], facts["longest"] or 0
    repeated = facts["rows"] >= _REPEATED * distinct
    repeated = repeated and facts["rows"] >= _FEWEST_FOR_CHOICES
    return bool(repeated and distinct <= _MOST_CHOICES and longest <= _LONGEST_CHOICE)


def _choices(plan: pl.LazyFrame, columns: list[str]) -> dict[str, tuple[str, ...]]:
    plans = [plan.select(pl.selectors.by_name(name)).unique() for name in columns]
    frames = pl.collect_all(plans, engine="streaming")
    found = {
        name: tuple(sorted(frame[name].drop_nulls().to_list()))
        for name, frame in zip(columns, frames, strict=True)
    }
    return {name: few for name, few in found.items() if not any(map(_FREE.search, few))}


def _bare(source: str, dtype: pl.DataType, name: str, told: WrittenColumn | None) -> ProposedColumn:
    """Propose what needs no look at the rows."""
    known = told.metadata if told else {}
    personal = looks_personal(name) or (dtype == pl.String and may_name_a_person(name))
    return ProposedColumn(
        source=source,
        name=name,
        dtype=_kept(dtype),
        cast=_kept(dtype) != dtype,
        nullable=False,
        unique=False,
        least=None,
        choices=(),
        personal=personal and "sensitivity" not in known,
        seen="",
        description=told.description if told else None,
        metadata={part: known[part] for part in _CARRIED if known.get(part) is not None},
    )


def _sensitive(column: ProposedColumn) -> bool:
    return column.personal or is_sensitive(column.metadata)


def _column(
    bare: ProposedColumn, dtype: pl.DataType, facts: Facts, choices: tuple[str, ...]
) -> ProposedColumn:
    rows, distinct = facts["rows"], facts["distinct"]
    whole = not facts["nulls"] and distinct == rows >= _FEWEST_FOR_KEY
    shown = not _sensitive(bare)
    return replace(
        bare,
        nullable=bool(facts["nulls"]),
        unique=whole and (dtype.is_integer() or dtype == pl.String),
        least=_least(dtype, facts["least"]) if shown else None,
        choices=choices,
        digits=None if choices else _digits(facts),
        seen=_seen(facts) if shown else "",
    )


def _only_key(column: ProposedColumn, key: str | None) -> ProposedColumn:
    return column if column.name == key else replace(column, unique=False)


def _kept(dtype: pl.DataType) -> pl.DataType:
    if is_storable(dtype):
        return dtype
    if isinstance(dtype, pl.Datetime):
        return pl.Datetime("us", dtype.time_zone)
    return _kept_nested(dtype) if dtype.is_nested() else _INSTEAD.get(type(dtype), pl.String())


def _kept_nested(dtype: Any) -> pl.DataType:  # noqa: ANN401 - not every polars has maps
    if isinstance(dtype, pl.Struct):
        return pl.Struct({part.name: _kept(_whole(part.dtype)) for part in dtype.fields})
    if type(dtype).__name__ == "Map":
        entry = {"key": dtype.key, "value": dtype.value}
        return pl.List(_kept(pl.Struct(entry)))
    inner = _kept(_whole(dtype.inner))
    return pl.Array(inner, dtype.size) if isinstance(dtype, pl.Array) else pl.List(inner)


def _whole(dtype: Any) -> pl.DataType:  # noqa: ANN401 - a type of polars, or its class
    whole: pl.DataType = dtype() if isinstance(dtype, type) else dtype
    return whole


def _least(dtype: pl.DataType, least: Any) -> int | None:  # noqa: ANN401 - a value of the data
    if not dtype.is_numeric() or least is None or least < 0:
        return None
    return 1 if dtype.is_integer() and least >= 1 else 0


def _asked(dtype: pl.DataType, facts: Facts, remark: str | None) -> Iterator[str]:
    if remark:
        yield remark
    if isinstance(dtype, pl.Datetime) and dtype.time_zone is None:
        yield "in which time zone?"
    for kind in ("dates", "numbers"):
        if 2 * (facts[kind] or 0) > facts["rows"] - facts["nulls"]:
            yield f"{kind} that are not all read alike, so text: in which form?"


def _digits(facts: Facts) -> int | None:
    alike = facts["digits"] and facts["shortest"] == facts["longest"]
    return facts["longest"] if alike and facts["rows"] - facts["nulls"] > 1 else None


def _seen(facts: Facts) -> str:
    parts = []
    if facts["least"] is not None:
        parts.append(f"{facts['least']} to {facts['most']}")
    if facts["nulls"]:
        parts.append(f"{facts['nulls']:,} nulls")
    return ", ".join(parts)
