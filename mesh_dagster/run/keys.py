"""Find rows that share a key, exactly, at eight bytes a row.

In:  a plan, the columns of a key, and the rows published in other partitions.
Out: `Repeats`: how many rows of the plan share their key with another row, and those keys.

Why: no two equal hashes prove that no two keys are equal. Only equal hashes are looked at again,
so that a batch without repeated keys is judged by sorting whole numbers in parts.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

import polars as pl

_PART_ROWS = 6_000_000
_MOST_CONFIRMED = 250_000
_PRIMES = (1, 3, 5, 7, 11, 13, 17, 23, 31, 61, 127, 251, 509, 1021)
_NULL = -7_046_029_254_386_353_131
"""Stands for a null among numbers, as far from all that people write as a hash is."""
_NONE = pl.Series([], dtype=pl.UInt64)


@dataclass(frozen=True)
class Key:
    """Columns that are unique together."""

    columns: list[str]
    alone: bool
    """Whether one column is unique by itself. polars then takes a null struct for one of nulls."""

    def values(self, schema: pl.Schema) -> list[pl.Expr]:
        """Return what is compared."""
        columns = [pl.selectors.by_name(name).as_expr() for name in self.columns]
        dtype = schema[self.columns[0]]
        if self.alone and isinstance(dtype, pl.Struct) and dtype.fields:
            columns = [columns[0].struct.field(field.name) for field in dtype.fields]
        return [column.alias(f"{number}") for number, column in enumerate(columns)]


@dataclass
class Keys:
    """The keys of a plan, poured into memory while a query runs."""

    chunks: list[pl.Series] = field(default_factory=list)

    def pour(self, plan: pl.LazyFrame, key: pl.Expr) -> pl.LazyFrame:
        """Return the query that fills this."""
        take: Callable[[pl.DataFrame], bool | None] = self._take
        sink = plan.select(key.alias("key")).sink_batches(take, lazy=True)
        if sink is None:  # pragma: no cover - polars returns a plan when lazy
            raise TypeError("sink_batches")
        return sink

    def tap(self, key: pl.Expr) -> pl.Expr:
        """Return an aggregate that fills this beside others, batch by batch; its value is 0."""
        taken = key.map_batches(self._tapped, return_dtype=pl.Boolean, is_elementwise=True)
        return taken.sum()

    def _tapped(self, chunk: pl.Series) -> pl.Series:
        self.chunks.append(chunk)
        return chunk.is_null()  # a key is never null

    def _take(self, batch: pl.DataFrame) -> None:
        self.chunks.append(batch.to_series())

    @property
    def rows(self) -> int:
        """How many keys were poured."""
        return sum(len(chunk) for chunk in self.chunks)


@dataclass(frozen=True)
class Repeats:
    """The rows of a batch whose key is not theirs alone."""

    rows: int = 0
    keys: pl.Series = field(default_factory=lambda: pl.Series([], dtype=pl.UInt64))
    """Values of `key_of` of these rows, each once."""


class Others(Protocol):
    """Rows that count as present, of whose keys some are known without reading them."""

    def plan(self) -> pl.LazyFrame:
        """Return all rows."""

    def shared(
        self, key: Key, schema: pl.Schema, mine: Iterable[pl.Series]
    ) -> tuple[list[pl.Series], pl.LazyFrame | None]:
        """Return the known keys that a batch has too, and the rows whose keys are not known."""


def key_of(key: Key, schema: pl.Schema) -> pl.Expr:
    """Return eight bytes that are equal wherever the key is: the value itself, or a hash."""
    values = key.values(schema)
    if len(values) > 1:
        return pl.struct(values).hash()
    if is_hashed(key, schema):
        return values[0].hash()
    number = values[0].to_physical().cast(pl.Int64)
    return number.fill_null(_NULL).reinterpret(signed=False)


def is_hashed(key: Key, schema: pl.Schema) -> bool:
    """Say whether `key_of` gives hashes, and not the values themselves."""
    dtype = schema[key.columns[0]]
    whole = (dtype.is_signed_integer() and dtype != pl.Int128) or dtype.is_temporal()
    return len(key.columns) > 1 or not whole


def repeats_of(
    plan: pl.LazyFrame, key: Key, mine: Keys, others: pl.LazyFrame | Others | None
) -> Repeats:
    """Say which rows of a plan share their key with another row of it, or of the others.

    Args:
        plan: The batch.
        key: What is unique.
        mine: The keys of the batch.
        others: Rows that count as present, but are not judged.
    """
    theirs = Keys()
    schema = plan.collect_schema()
    unread = others if isinstance(others, pl.LazyFrame) else None
    if others is not None and not isinstance(others, pl.LazyFrame):
        theirs.chunks, unread = others.shared(key, schema, mine.chunks)
    if unread is not None:
        unread = _like(unread, key.columns, schema)
        pl.collect_all([theirs.pour(unread, key_of(key, schema))], engine="streaming")
    suspects, rows = _suspects(mine.chunks, theirs.chunks)
    if not rows:
        return Repeats()
    if rows > _MOST_CONFIRMED:
        # Of ten million hashes, two agree by chance once in 400,000 batches: such a count stands.
        return Repeats(rows, suspects)
    present = others if others is None or isinstance(others, pl.LazyFrame) else others.plan()
    present = None if present is None else _like(present, key.columns, schema)
    return _confirmed(plan, present, [*key.values(schema), key_of(key, schema)], suspects)


def repeating(key: Key, schema: pl.Schema, repeats: Repeats) -> pl.Expr:
    """Return the expression that a row shares its key with another."""
    return key_of(key, schema).is_in(repeats.keys.implode())


def _like(others: pl.LazyFrame, columns: list[str], schema: pl.Schema) -> pl.LazyFrame:
    known = others.collect_schema().names()
    return others.select(
        pl.selectors.by_name(name).as_expr().cast(schema[name])
        if name in known
        else pl.lit(None, dtype=schema[name]).alias(name)
        for name in columns
    )


def _suspects(mine: list[pl.Series], theirs: list[pl.Series]) -> tuple[pl.Series, int]:
    """Return the keys that come twice, once in `mine` at least, and the rows of it with them."""
    if not theirs and _ascending(mine):
        return _NONE, 0
    rows = sum(len(chunk) for chunk in [*mine, *theirs])
    wanted = rows // _PART_ROWS
    parts = next((prime for prime in _PRIMES if prime >= wanted), _PRIMES[-1])
    found = [
        _twice(_part(mine, parts, number), _part(theirs, parts, number)) for number in range(parts)
    ]
    return pl.concat([keys for keys, _ in found]), sum(count for _, count in found)


def _part(chunks: list[pl.Series], parts: int, number: int) -> pl.Series:
    if parts > 1:
        chunks = [chunk.filter(chunk % parts == number) for chunk in chunks]
    return pl.concat([_NONE, *chunks])


def _twice(mine: pl.Series, theirs: pl.Series) -> tuple[pl.Series, int]:
    # One thread sorts whole numbers in half the processor time of two.
    whole = pl.concat([mine, theirs]).sort(multithreaded=False)
    later = whole.slice(1)
    again = later.filter(later == whole.slice(0, max(len(whole) - 1, 0)))
    keys = again.filter((again != again.shift(1)).fill_null(value=True))
    if not len(theirs):
        return keys, len(again) + len(keys)
    keys = keys.filter(keys.is_in(mine.implode()))
    return keys, int(mine.is_in(keys.implode()).sum())


def _ascending(chunks: list[pl.Series]) -> bool:
    last = -1
    for chunk in sorted((chunk for chunk in chunks if len(chunk)), key=lambda chunk: chunk[0]):
        if chunk[0] <= last or not (chunk.slice(1) > chunk.slice(0, len(chunk) - 1)).all():
            return False
        last = chunk[-1]
    return True


def _confirmed(
    plan: pl.LazyFrame, others: pl.LazyFrame | None, values: list[pl.Expr], suspects: pl.Series
) -> Repeats:
    """Compare the values themselves of all rows whose key came twice."""
    chosen = [*values[:-1], values[-1].alias("key")]
    looked = [
        rows.select(chosen).filter(pl.col("key").is_in(suspects.implode()))
        for rows in (plan, others)
        if rows is not None
    ]
    frames = pl.collect_all(looked, engine="streaming")
    repeated = pl.concat(frames).drop("key").is_duplicated().slice(0, frames[0].height)
    return Repeats(int(repeated.sum()), frames[0]["key"].filter(repeated).unique())
