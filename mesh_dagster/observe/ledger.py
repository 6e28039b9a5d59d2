"""Keep states, breaches and notices in SQL, beside the registry's own tables.

In:  what `alerts.py` and `delivery.py` decided.
Out: tables and short queries; each takes the caller's connection, so that a state change and its
notices are one transaction. Nothing is decided here.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, get_args

import sqlalchemy as sa

from mesh_dagster.observe.status import Objective
from mesh_dagster.run.dialects import Json, UtcDateTime, insert_into
from mesh_dagster.run.registry import ports

Row = Mapping[str, Any]  # Any: one row of a table
Alerted = dict[tuple[str, str], list[str]]
METADATA = sa.MetaData()
_OBJECTIVES = get_args(Objective)
_MOST_PARAMETERS = 10_000

slo_states = sa.Table(
    "slo_states",
    METADATA,
    sa.Column("address", sa.String, primary_key=True),
    sa.Column("objective", sa.String, primary_key=True),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("since", UtcDateTime, nullable=False),
    sa.Column("breach", sa.String),
    sa.Column("changed_at", UtcDateTime, nullable=False),
)
breaches = sa.Table(
    "breaches",
    METADATA,
    sa.Column("key", sa.String, primary_key=True),
    sa.Column("breach_id", sa.String, nullable=False, index=True),
    sa.Column("address", sa.String, nullable=False, index=True),
    sa.Column("objective", sa.String, nullable=False),
    sa.Column("product_key", sa.String, nullable=False),
    sa.Column("owner", sa.String, nullable=False),
    sa.Column("since", UtcDateTime, nullable=False),
    sa.Column("caused_by", sa.String),
    sa.Column("opened_at", UtcDateTime, nullable=False),
    sa.Column("told_at", UtcDateTime),
    sa.Column("reminded_at", UtcDateTime),
    sa.Column("tier", sa.Integer, nullable=False),
    sa.Column("acknowledged_at", UtcDateTime),
    sa.Column("acknowledged_by", sa.String),
    sa.Column("closed_at", UtcDateTime, index=True),
    sa.Column("closed_as", sa.String),
)
tellings = sa.Table(
    "tellings",
    METADATA,
    sa.Column("breach", sa.String, primary_key=True),
    sa.Column("sink", sa.String, primary_key=True),
    sa.Column("thread", sa.String, nullable=False, index=True),
    sa.Column("notice_id", sa.String, nullable=False),
)
notices = sa.Table(
    "notices",
    METADATA,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("notice_id", sa.String, nullable=False, unique=True),
    sa.Column("sink", sa.String, nullable=False),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("thread", sa.String, nullable=False),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("body", Json, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("due_at", UtcDateTime, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("uncertain", sa.Boolean, nullable=False),
    sa.Column("claim", sa.String),
    sa.Column("claimed_until", UtcDateTime),
    sa.Column("failing_since", UtcDateTime),
    sa.Column("finished_at", UtcDateTime),
    sa.Index("notices_waiting", "state", "sink", "thread", "number"),
    sa.Index("notices_in_order", "state", "sink", "number"),
)
deliveries = sa.Table(
    "deliveries",
    METADATA,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("notice_id", sa.String, nullable=False, index=True),
    sa.Column("sink", sa.String, nullable=False),
    sa.Column("attempted_at", UtcDateTime, nullable=False),
    sa.Column("outcome", sa.String, nullable=False),
    sa.Column("reason", sa.String, nullable=False),
)
delivery_counts = sa.Table(
    "delivery_counts",
    METADATA,
    sa.Column("sink", sa.String, primary_key=True),
    sa.Column("outcome", sa.String, primary_key=True),
    sa.Column("count", sa.BigInteger, nullable=False),
)
circuits = sa.Table(
    "circuits",
    METADATA,
    sa.Column("sink", sa.String, primary_key=True),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("failing_since", UtcDateTime),
    sa.Column("open_until", UtcDateTime),
    sa.Column("stopped_at", UtcDateTime),
)
mutes = sa.Table(
    "mutes",
    METADATA,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("address", sa.String, nullable=False, index=True),
    sa.Column("because", sa.String, nullable=False),
    sa.Column("muted_by", sa.String, nullable=False),
    sa.Column("muted_at", UtcDateTime, nullable=False),
    sa.Column("until", UtcDateTime, nullable=False, index=True),
)
watches = sa.Table(
    "watches",
    METADATA,
    sa.Column("address", sa.String, primary_key=True),
    sa.Column("location", sa.String, nullable=False, index=True),
    sa.Column("judge", sa.String, nullable=False),
)
heartbeats = sa.Table(
    "heartbeats",
    METADATA,
    sa.Column("judge", sa.String, primary_key=True),
    sa.Column("beat_at", UtcDateTime, nullable=False),
    sa.Column("before", UtcDateTime),
)


def fetch(connection: sa.Connection, query: sa.Select[Any]) -> list[dict[str, Any]]:
    """Run a query."""
    return [dict(row) for row in connection.execute(query).mappings()]


def fetch_of(
    connection: sa.Connection, query: sa.Select[Any], column: sa.Column[Any], keys: Iterable[str]
) -> list[dict[str, Any]]:
    """Run a query for the rows with these keys, in as many statements as a database needs."""
    found = (fetch(connection, query.where(column.in_(some))) for some in in_chunks(set(keys)))
    return [row for rows in found for row in rows]


def take_turn(connection: sa.Connection, judge: str, now: datetime) -> datetime | None:
    """Wait for the other writers of this judge; return when it judged before.

    The first statement of a transaction writes, so SQLite and PostgreSQL both queue here, and what
    is read afterwards stays true until the commit.
    """
    insert = insert_into(connection.dialect.name, heartbeats).values(judge=judge, beat_at=now)
    statement = insert.on_conflict_do_update(
        index_elements=heartbeats.primary_key,
        set_={"beat_at": insert.excluded.beat_at, "before": heartbeats.c.beat_at},
    ).returning(heartbeats.c.before)
    before: datetime | None = connection.execute(statement).scalar_one()
    return before


def open_breaches(connection: sa.Connection) -> dict[str, dict[str, Any]]:
    """Return the breaches that are not over, by key."""
    rows = fetch(connection, sa.select(breaches).where(breaches.c.closed_at.is_(None)))
    return {row["key"]: row for row in rows}


def times_seen(connection: sa.Connection, breach_ids: Iterable[str]) -> dict[str, int]:
    """Return how often each breach was opened before; those never seen are left out."""
    query = sa.select(breaches.c.breach_id, sa.func.count().label("times"))
    query = query.group_by(breaches.c.breach_id)
    rows = fetch_of(connection, query, breaches.c.breach_id, breach_ids)
    return {row["breach_id"]: row["times"] for row in rows}


def muted_addresses(connection: sa.Connection, now: datetime) -> set[str]:
    """Return the addresses that are muted now; a draft promises nothing yet, so it is muted."""
    muted = sa.select(mutes.c.address).where(mutes.c.until > now)
    drafts = sa.select(ports.c.address).where(ports.c.state == "draft")
    return {row["address"] for query in (muted, drafts) for row in fetch(connection, query)}


def alert_names(connection: sa.Connection, addresses: Iterable[str]) -> Alerted:
    """Return the sinks that each promise names under `alert`, by address and objective."""
    # The names alone: a declaration is long, and many are asked for at a time.
    named = [ports.c.declaration[(one, "alert")].label(one) for one in _OBJECTIVES]
    query = sa.select(ports.c.address, *named)
    found = {}
    for row in fetch_of(connection, query, ports.c.address, addresses):
        for objective in _OBJECTIVES:
            names = row[objective] or ()
            found[row["address"], objective] = [names] if isinstance(names, str) else list(names)
    return found


def count_up(connection: sa.Connection, sink: str, outcome: str) -> None:
    """Count one attempt to deliver; the count outlives the attempt's own row."""
    insert = insert_into(connection.dialect.name, delivery_counts)
    insert = insert.values(sink=sink, outcome=outcome, count=1)
    statement = insert.on_conflict_do_update(
        index_elements=delivery_counts.primary_key, set_={"count": delivery_counts.c.count + 1}
    )
    connection.execute(statement)


def change(connection: sa.Connection, keys: Iterable[str], values: Row) -> None:
    """Change breaches."""
    for some in in_chunks(set(keys)):
        connection.execute(sa.update(breaches).where(breaches.c.key.in_(some)).values(**values))


def delete_states(connection: sa.Connection, promises: Iterable[tuple[str, str]]) -> None:
    """Forget how promises stood, given by address and objective."""
    rows = [{"of": address, "what": objective} for address, objective in sorted(promises)]
    if rows:
        state = (slo_states.c.address == sa.bindparam("of")) & (
            slo_states.c.objective == sa.bindparam("what")
        )
        connection.execute(sa.delete(slo_states).where(state), rows)


def in_chunks(keys: Iterable[str]) -> Iterator[list[str]]:
    """Part keys into as many lists as a database takes at a time."""
    ordered = sorted(keys)
    for start in range(0, len(ordered), _MOST_PARAMETERS):
        yield ordered[start : start + _MOST_PARAMETERS]
