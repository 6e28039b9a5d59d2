"""Forget alerts that are long over, so that the ledger does not grow for ever.

In:  the registry, a clock reading.
Out: what was forgotten. Whatever is open, waits to be delivered, or is still needed to tell a thing
only once stays: a breach goes together with all that was told of it, and with its namesakes.
"""

from dataclasses import astuple, dataclass
from datetime import datetime, timedelta
from functools import partial

import sqlalchemy as sa

from mesh_dagster.observe.ledger import (
    METADATA,
    breaches,
    deliveries,
    heartbeats,
    mutes,
    notices,
    take_turn,
    tellings,
)
from mesh_dagster.run.registry import Registry, ports

RETENTION = timedelta(days=400)
"""How long at least what is over is remembered."""
_TURN = "prune:"
_DAILY = timedelta(days=1)
_MOST = 5_000
"""So many rows of each table are forgotten in one go."""
Doomed = sa.ColumnElement[bool]


@dataclass(frozen=True)
class Pruned:
    """How many rows were, or would be, forgotten."""

    breaches: int = 0
    tellings: int = 0
    """Of whom was told of what."""
    notices: int = 0
    deliveries: int = 0
    """Attempts to deliver."""
    mutes: int = 0

    def __add__(self, other: "Pruned") -> "Pruned":
        """Add row to row."""
        pairs = zip(astuple(self), astuple(other), strict=True)
        return Pruned(*(one + more for one, more in pairs))


def prune(registry: Registry, now: datetime, *, dry_run: bool = False) -> Pruned:
    """Forget all that is over for longer than the retention, or the longest window of a promise."""
    registry.make(METADATA)
    before = now - max(RETENTION, _longest_window(registry))
    if dry_run:
        with registry.begin() as connection, connection.begin_nested() as tried:
            found = _each(connection, before, most=None)
            tried.rollback()
        return found
    total = Pruned()
    while (some := _some(registry, now, before)) != Pruned():
        total += some
    return total


def prune_daily(registry: Registry, now: datetime) -> Pruned:
    """Forget a bounded number of rows, at most once a day; for whoever runs often."""
    registry.make(METADATA)
    query = sa.select(heartbeats.c.beat_at).where(heartbeats.c.judge == _TURN)
    known = registry.rows(query)
    if known and abs(now - known[0]["beat_at"]) < _DAILY:
        return Pruned()
    return _some(registry, now, now - max(RETENTION, _longest_window(registry)))


def _some(registry: Registry, now: datetime, before: datetime) -> Pruned:
    with registry.begin() as connection:
        take_turn(connection, _TURN, now)
        return _each(connection, before, most=_MOST)


def _each(connection: sa.Connection, before: datetime, *, most: int | None) -> Pruned:
    """Go through the tables, what refers to others first."""
    forget = partial(_delete, connection, most)
    return Pruned(
        tellings=forget(tellings, _told_long_ago(before)),
        notices=forget(notices, _finished(before) & ~_still_told()),
        deliveries=forget(deliveries, (deliveries.c.attempted_at < before) & ~_waits()),
        breaches=forget(breaches, ~_remembered(before)),
        mutes=forget(mutes, mutes.c.until < before),
    )


def _finished(before: datetime) -> Doomed:
    return notices.c.finished_at < before


def _told_long_ago(before: datetime) -> Doomed:
    """Select what was told of breaches that may go, and of events; a deprecation lasts."""
    told = (notices.c.notice_id == tellings.c.notice_id) & _finished(before)
    kept = breaches.alias("kept")
    lasting = sa.exists().where(kept.c.key == tellings.c.breach, _lasts(kept, before))
    over = sa.exists().where(told, notices.c.kind != "deprecated")
    return over & ~lasting & ~_incident_goes_on()


def _incident_goes_on() -> Doomed:
    """Select what a pager was told in an incident that is open: it is over as a whole."""
    beside, open_ = tellings.alias("beside"), breaches.alias("open")
    same = (beside.c.thread == tellings.c.thread) & (beside.c.sink == tellings.c.sink)
    goes_on = (open_.c.key == beside.c.breach) & open_.c.closed_at.is_(None)
    return sa.exists().where(same, goes_on, open_.c.product_key != tellings.c.thread)


def _still_told() -> Doomed:
    return sa.exists().where(tellings.c.notice_id == notices.c.notice_id)


def _waits() -> Doomed:
    return sa.exists().where(
        notices.c.notice_id == deliveries.c.notice_id, notices.c.state == "pending"
    )


def _remembered(before: datetime) -> Doomed:
    """Select breaches of whose namesakes, itself included, one lasts or is still told of."""
    like = breaches.alias("like")
    told = sa.exists().where(tellings.c.breach == like.c.key)
    return sa.exists().where(
        like.c.breach_id == breaches.c.breach_id, sa.or_(_lasts(like, before), told)
    )


def _lasts(breach: sa.FromClause, before: datetime) -> Doomed:
    return sa.or_(breach.c.closed_at.is_(None), breach.c.closed_at >= before)


def _delete(connection: sa.Connection, most: int | None, table: sa.Table, doomed: Doomed) -> int:
    keys = list(table.primary_key.columns)
    some = sa.select(*keys).where(doomed).limit(most)
    mine = sa.tuple_(*keys) if len(keys) > 1 else keys[0]
    return connection.execute(sa.delete(table).where(mine.in_(some))).rowcount


def _longest_window(registry: Registry) -> timedelta:
    windows = [
        sa.func.max(ports.c.declaration[objective]["window_seconds"].as_float()).label(objective)
        for objective in ("freshness", "quality")
    ]
    [row] = registry.rows(sa.select(*windows))
    return timedelta(seconds=max(seconds or 0 for seconds in row.values()))
