"""Keep who reads which port, how and what for: one row a day for each.

In:  reads, as `run/count.py` describes them.
Out: rows, and what they add up to for each product.
"""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from mesh_dagster.run.dialects import UtcDateTime, insert_into, open_engine
from mesh_dagster.run.registry import Registry

METADATA = sa.MetaData()
RECENT = timedelta(days=30)
"""Who read a port within this span is taken to need it still."""
_JSON = sa.JSON(none_as_null=True)

reads = sa.Table(
    "reads",
    METADATA,
    sa.Column("address", sa.String, primary_key=True),
    sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("reader", sa.String, primary_key=True),
    sa.Column("way", sa.String, primary_key=True),
    sa.Column("purpose", sa.String, primary_key=True),
    sa.Column("day", sa.String, primary_key=True),
    sa.Column("product_key", sa.String, nullable=False, index=True),
    sa.Column("reads", sa.BigInteger, nullable=False),
    sa.Column("first_read_at", UtcDateTime, nullable=False),
    sa.Column("last_read_at", UtcDateTime, nullable=False),
    sa.Column("columns", _JSON),
)


@dataclass(frozen=True)
class Reader:
    """Who reads a port in one way, and what for."""

    address: str
    reader: str
    way: str
    """`python`, `sql`, `command`, or `build` for another product's."""
    purpose: str
    reads: int
    first_read_at: datetime
    last_read_at: datetime
    last_version: int
    """The newest version that was read."""
    columns: Sequence[str] | None = None
    """The columns that were asked for, sorted; `None` where any may have been."""


def insert_on(dialect: str) -> sa.Insert:
    """Return the statement that counts one read more."""
    made = insert_into(dialect, reads)
    same = _text(reads.c.columns) == _text(made.excluded.columns)
    return made.on_conflict_do_update(
        index_elements=reads.primary_key,
        set_={
            "reads": reads.c.reads + made.excluded.reads,
            "last_read_at": made.excluded.last_read_at,
            # Reads of different columns in one day are known no more than as "some".
            "columns": sa.case((same, reads.c.columns)),
        },
    )


def record(registry_url: str, rows: Sequence[Mapping[str, object]]) -> None:
    """Write reads, as `run/count.py` describes them, to a database whose tables are there.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: It cannot be reached or written.
    """
    engine = open_engine(sa.make_url(registry_url))
    try:
        with engine.begin() as connection:
            connection.execute(insert_on(engine.dialect.name), list(rows))
    finally:
        engine.dispose()


def readers(
    registry: Registry, addresses: Collection[str], since: datetime | None = None
) -> list[Reader]:
    """Return who reads some ports, the latest first.

    Args:
        registry: What holds the reads.
        addresses: The ports.
        since: Only later reads count, of a day all or none; every read by default.
    """
    registry.make(METADATA)
    last = sa.func.max(reads.c.last_read_at, type_=UtcDateTime)
    keys = (reads.c.address, reads.c.reader, reads.c.way, reads.c.purpose)
    columns = _text(reads.c.columns)
    query = (
        sa.select(
            *keys,
            sa.cast(sa.func.sum(reads.c.reads), sa.BigInteger),
            sa.func.min(reads.c.first_read_at, type_=UtcDateTime),
            last,
            sa.func.max(reads.c.version),
            columns,
        )
        .where(reads.c.address.in_(addresses))
        .group_by(*keys, columns)
        .order_by(last.desc(), *keys)
    )
    if since is not None:
        query = query.where(reads.c.last_read_at > since)
    found: dict[tuple[str, ...], list[Reader]] = {}
    with registry.begin() as connection:
        for *values, asked in connection.execute(query):
            one = replace(Reader(*values), columns=None if asked is None else json.loads(asked))
            found.setdefault((one.address, one.reader, one.way, one.purpose), []).append(one)
    return [_united(parts) for parts in found.values()]


def columns_of(its_reads: Iterable[Reader]) -> tuple[str, ...] | None:
    """Unite the columns of reads, sorted; one read of unknown columns makes all unknown."""
    names: set[str] = set()
    for one in its_reads:
        if one.columns is None:
            return None
        names.update(one.columns)
    return tuple(sorted(names))


def _united(parts: Sequence[Reader]) -> Reader:
    """Unite reads of different columns; the latest come first."""
    return replace(
        parts[0],
        reads=sum(one.reads for one in parts),
        first_read_at=min(one.first_read_at for one in parts),
        last_version=max(one.last_version for one in parts),
        columns=columns_of(parts),
    )


def _text(column: sa.ColumnElement[Any]) -> sa.ColumnElement[str]:
    """Compare JSON, which PostgreSQL does only as text."""
    return sa.cast(column, sa.Text)


def counts(
    registry: Registry, since: datetime, keys: Sequence[str] | None = None
) -> dict[str, int]:
    """Return how often products were read since a day, by `mesh://key/v1`.

    Args:
        registry: What holds the reads.
        since: Reads on its day, UTC, and later count.
        keys: The products, in every major version; all of them by default.
    """
    registry.make(METADATA)
    query = (
        sa.select(reads.c.address, sa.func.sum(reads.c.reads))
        .where(reads.c.day >= f"{since:%Y-%m-%d}")
        .group_by(reads.c.address)
    )
    if keys is not None:
        query = query.where(reads.c.product_key.in_(keys))
    found: Counter[str] = Counter()
    with registry.begin() as connection:
        for address, count in connection.execute(query):
            found[address.rpartition("/")[0]] += int(count)
    return dict(found)


def prune(registry: Registry, before: datetime) -> int:
    """Forget the reads of the days before a time; return how many rows that were."""
    registry.make(METADATA)
    with registry.begin() as connection:
        gone = connection.execute(sa.delete(reads).where(reads.c.day < f"{before:%Y-%m-%d}"))
        return gone.rowcount
