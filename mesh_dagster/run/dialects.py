"""Level what SQLite and PostgreSQL do differently.

In:  URLs, times, rows.
Out: an engine, times that keep their zone, rows written by upsert.
"""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

_SQLITE_PATIENCE_SECONDS = 60
KEPT = "kept"
"""Marks a column, in its `info`, that keeps what was written first."""
_MAKING = 7_337_501
"""The lock of PostgreSQL under which tables are made; any number that nobody else takes."""


class UtcDateTime(sa.TypeDecorator[datetime]):
    """An aware UTC time; SQLite forgets the zone, so it is put back."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Bring a time to UTC."""
        del dialect
        return value.astimezone(timezone.utc) if value else None

    def result_processor(
        self, dialect: sa.Dialect, coltype: object
    ) -> Callable[[Any], datetime | None]:  # Any: as the driver gives it
        """Give a time its zone back, in one step; the registry reads many."""
        del coltype
        return _read_text if dialect.name == "sqlite" else _read_time


def _read_text(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).replace(tzinfo=timezone.utc)


def _read_time(time: datetime | None) -> datetime | None:
    return None if time is None else time.astimezone(timezone.utc)


def make_tables(connection: sa.Connection, metadata: sa.MetaData) -> None:
    """Make those tables and indexes that are missing.

    PostgreSQL fails where two do so at a time, so there they wait for each other.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MAKING)))
    for statement in _statements(metadata, connection.dialect.name):
        connection.exec_driver_sql(statement)


@cache
def _statements(metadata: sa.MetaData, name: str) -> tuple[str, ...]:
    """Compile once what every opening of a registry runs; to run it takes less time."""
    dialect = {"sqlite": sqlite, "postgresql": postgresql}[name].dialect()
    made: list[sa.schema.ExecutableDDLElement] = []
    for table in metadata.sorted_tables:
        made.append(sa.schema.CreateTable(table, if_not_exists=True))
        indexes = sorted(table.indexes, key=str)
        made += [sa.schema.CreateIndex(index, if_not_exists=True) for index in indexes]
    return tuple(str(one.compile(dialect=dialect)) for one in made)


def upsert(connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows, in place of those with the same keys."""
    if not rows:
        return
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    insert = dialect.insert(table)
    changing = (c for c in table.columns if not c.primary_key and KEPT not in c.info)
    rest = {c.name: insert.excluded[c.name] for c in changing}
    statement = insert.on_conflict_do_update(index_elements=table.primary_key, set_=rest)
    connection.execute(statement, [dict(row) for row in rows])


def insert_new(
    connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Write rows, but leave those alone that are there."""
    if not rows:
        return
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    connection.execute(dialect.insert(table).on_conflict_do_nothing(), [dict(r) for r in rows])


def open_engine(url: sa.URL) -> sa.Engine:
    """Return the engine of a database."""
    if url.get_backend_name() != "sqlite":
        return sa.create_engine(url, pool_pre_ping=True)
    # A database in memory lives as long as its only connection.
    pool = sa.NullPool if url.database else sa.StaticPool
    patience = {} if "timeout" in url.query else {"timeout": _SQLITE_PATIENCE_SECONDS}
    engine = sa.create_engine(url, connect_args=patience, poolclass=pool)

    @sa.event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.close()

    return engine
