"""Level what SQLite and PostgreSQL do differently.

In:  URLs, times, rows.
Out: an engine, times that keep their zone, JSON, rows written by upsert.
What SQLAlchemy knows of PostgreSQL is slow to import, so it is where it is used.
"""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from functools import cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql

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


class Json(sa.TypeDecorator[Any]):  # Any: JSON
    """JSON, which PostgreSQL keeps as JSONB."""

    impl = sa.JSON
    cache_ok = True

    def __init__(self, *, none_as_null: bool = False) -> None:
        """Say whether `None` is kept as SQL's NULL, and not as that of JSON."""
        super().__init__(none_as_null=none_as_null)
        self.none_as_null = none_as_null

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        """Choose the type of the database."""
        if dialect.name != "postgresql":
            return dialect.type_descriptor(self.impl_instance)
        from sqlalchemy.dialects import postgresql  # noqa: PLC0415 - slow to import

        return dialect.type_descriptor(postgresql.JSONB(none_as_null=self.none_as_null))

    def coerce_compared_value(
        self, op: sa.sql.operators.OperatorType | None, value: object
    ) -> sa.types.TypeEngine[Any]:
        """Take the path into a value for what it is, and not for JSON."""
        return self.impl_instance.coerce_compared_value(op, value)


def _read_text(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(f"{text}+00:00")


def _read_time(time: datetime | None) -> datetime | None:
    return None if time is None else time.astimezone(timezone.utc)


def make_tables(connection: sa.Connection, metadata: sa.MetaData) -> None:
    """Make those tables and indexes that are missing; where none is, that takes one query.

    PostgreSQL fails where two do so at a time, so there they wait for each other.
    """
    if _names_of(metadata) <= _names_in(connection):
        return
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MAKING)))
    for statement in _statements(metadata, connection.dialect.name):
        connection.exec_driver_sql(statement)


def _names_in(connection: sa.Connection) -> set[str]:
    """Return the tables and indexes that a database holds, by one query."""
    if connection.dialect.name == "sqlite":
        schema = sa.table("sqlite_master", sa.column("name", sa.String))
        return set(connection.scalars(sa.select(schema.c.name)))
    known = sa.table("pg_class", sa.column("relname", sa.String), sa.column("relnamespace"))
    spaces = sa.table("pg_namespace", sa.column("oid"), sa.column("nspname", sa.String))
    query = sa.select(known.c.relname).join(spaces, spaces.c.oid == known.c.relnamespace)
    return set(connection.scalars(query.where(spaces.c.nspname == sa.func.current_schema())))


def _names_of(metadata: sa.MetaData) -> set[str]:
    """Return the names of the tables and indexes that `make_tables` makes."""
    indexes = (index for table in metadata.tables.values() for index in table.indexes)
    return {*metadata.tables, *(str(index.name) for index in indexes)}


@cache
def _statements(metadata: sa.MetaData, name: str) -> tuple[str, ...]:
    """Compile once what makes the tables of every new registry."""
    dialect = sa.make_url(f"{name}://").get_dialect()()
    made: list[sa.schema.ExecutableDDLElement] = []
    for table in metadata.sorted_tables:
        made.append(sa.schema.CreateTable(table, if_not_exists=True))
        indexes = sorted(table.indexes, key=str)
        made += [sa.schema.CreateIndex(index, if_not_exists=True) for index in indexes]
    return tuple(str(one.compile(dialect=dialect)) for one in made)


def insert_into(dialect: str, table: sa.Table) -> "postgresql.Insert | sqlite.Insert":
    """Return an insert that can say what to do with a row that is there."""
    if dialect != "postgresql":
        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql  # noqa: PLC0415 - slow to import

    return postgresql.insert(table)


def upsert(connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows, in place of those with the same keys."""
    if not rows:
        return
    insert = insert_into(connection.dialect.name, table)
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
    statement = insert_into(connection.dialect.name, table).on_conflict_do_nothing()
    connection.execute(statement, [dict(row) for row in rows])


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
