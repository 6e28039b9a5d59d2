"""Keep notices until they are delivered: write, claim, settle, take back.

In:  notices, and the outcomes of attempts to send them.
Out: rows of `notices`, `tellings`, `deliveries` and `circuits`. Each function is one step of a
transaction of the caller. When to try again is decided in `delivery.py`.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa

from mesh_dagster.observe.ledger import (
    circuits,
    count_up,
    deliveries,
    fetch,
    notices,
    tellings,
)
from mesh_dagster.observe.notice import Notice, as_json, from_json
from mesh_dagster.run.dialects import UtcDateTime, insert_new

LEASE = timedelta(minutes=2)
"""How long a deliverer may take for one notice; afterwards another one tries."""
LONGEST_WAIT = timedelta(hours=1)
"""No notice waits longer for its next attempt."""
LATER_THAN_SET = 2
"""A time so many times as far away as it can be set is the mark of a clock that was set back; the
clocks of two deliverers may differ by the rest."""
Settled = Literal["sent", "dead", "cancelled"]


@dataclass(frozen=True)
class Claimed:
    """A notice that this deliverer, and no other, may send now."""

    notice: Notice
    token: str
    attempts: int
    """This one included."""
    uncertain: bool
    """Whether an earlier attempt may have arrived."""
    failing_since: datetime | None


def put(connection: sa.Connection, made: Iterable[Notice]) -> None:
    """Write notices; one that is there stays as it is."""
    rows = [
        {
            "notice_id": notice.notice_id,
            "sink": notice.sink,
            "kind": notice.kind,
            "thread": notice.thread,
            "state": "pending",
            "body": as_json(notice),
            "created_at": notice.created_at,
            "due_at": notice.created_at,
            "attempts": 0,
            "uncertain": False,
        }
        for notice in made
    ]
    insert_new(connection, notices, rows)


def note_told(connection: sa.Connection, made: Iterable[Notice]) -> None:
    """Write which sinks are told of which breaches."""
    rows = [
        {
            "breach": item.key,
            "sink": notice.sink,
            "thread": notice.thread,
            "notice_id": notice.notice_id,
        }
        for notice in made
        for item in notice.items
    ]
    insert_new(connection, tellings, rows)


def claim(connection: sa.Connection, sink: str, token: str, now: datetime) -> Claimed | None:
    """Take the next notice of a sink, so that no other deliverer does.

    Notices of one thread leave in the order in which they were written. An attempt counts as
    uncertain from here on, so that a killed deliverer is not taken for one that never tried.
    """
    _begin_writing(connection)
    values = {
        "asked": sink,
        "now": now,
        "leased": now + LATER_THAN_SET * LEASE,
        "far": now + LATER_THAN_SET * LONGEST_WAIT,
    }
    rows = connection.execute(_NEXT, values).mappings().all()
    if not rows:
        return None
    taken = {"claim": token, "claimed_until": now + LEASE, "uncertain": True}
    connection.execute(
        sa.update(notices)
        .where(notices.c.number == rows[0]["number"])
        .values(attempts=notices.c.attempts + 1, **taken)
    )
    return Claimed(
        from_json(rows[0]["body"]),
        token,
        rows[0]["attempts"] + 1,
        rows[0]["uncertain"],
        rows[0]["failing_since"],
    )


def settle(connection: sa.Connection, claimed: Claimed, state: Settled, now: datetime) -> bool:
    """End a notice; False says that another deliverer has taken it over."""
    return _release(connection, claimed, {"state": state, "finished_at": now})


def put_back(
    connection: sa.Connection,
    claimed: Claimed,
    *,
    due_at: datetime,
    failing_since: datetime,
    uncertain: bool,
) -> bool:
    """Keep a notice for another attempt; False says that another deliverer has taken it over."""
    values = {"due_at": due_at, "failing_since": failing_since, "uncertain": uncertain}
    return _release(connection, claimed, values)


def log_attempt(
    connection: sa.Connection, notice: Notice, *, at: datetime, outcome: str, reason: str = ""
) -> None:
    """Write down one attempt, and count it."""
    values = {"sink": notice.sink, "outcome": outcome}
    attempt = {"notice_id": notice.notice_id, "attempted_at": at, "reason": reason}
    connection.execute(sa.insert(deliveries).values(**values, **attempt))
    count_up(connection, **values)


def pending(
    connection: sa.Connection, sinks: Collection[str], threads: Collection[str] | None = None
) -> list[Mapping[str, Any]]:  # Any: one row of a table
    """Return the notices of some sinks that wait, oldest first, and lock them."""
    query = sa.select(notices).where(notices.c.state == "pending")
    query = query.where(notices.c.sink.in_(sorted(sinks))).order_by(notices.c.number)
    if threads is not None:
        query = query.where(notices.c.thread.in_(sorted(threads)))
    return [dict(row) for row in connection.execute(query.with_for_update()).mappings()]


def take_back(connection: sa.Connection, notice: Notice, keys: set[str], now: datetime) -> bool:
    """Take items out of a notice that certainly nobody has seen; False if somebody may have."""
    rest = notice.without(keys)
    left = {"body": as_json(rest)} if rest.items else {"state": "cancelled", "finished_at": now}
    changed = connection.execute(
        sa.update(notices)
        .where((notices.c.notice_id == notice.notice_id) & (notices.c.state == "pending"))
        .where(notices.c.uncertain.is_(False))
        .values(**left)
    )
    return changed.rowcount == 1


def end(connection: sa.Connection, ended: Sequence[str], state: Settled, now: datetime) -> None:
    """End waiting notices."""
    connection.execute(
        sa.update(notices)
        .where(notices.c.notice_id.in_(ended) & (notices.c.state == "pending"))
        .values(state=state, finished_at=now, claim=None, claimed_until=None)
    )


def circuit(connection: sa.Connection, sink: str) -> Mapping[str, Any]:  # Any: one row of a table
    """Return how a sink has been doing."""
    rows = fetch(connection, sa.select(circuits).where(circuits.c.sink == sink))
    empty = {"failures": 0, "failing_since": None, "open_until": None, "stopped_at": None}
    return rows[0] if rows else {"sink": sink, **empty}


def close_circuit(connection: sa.Connection, sink: str) -> None:
    """Note that a sink works."""
    connection.execute(sa.delete(circuits).where(circuits.c.sink == sink))


def _next_of_a_sink() -> sa.Select[Any]:
    """Select the first notice that is due, claimed by nobody, and first in its thread."""
    sink, now = sa.bindparam("asked", type_=sa.String), sa.bindparam("now", type_=UtcDateTime)
    earlier = notices.alias()
    blocked = (
        sa.select(sa.literal(1))
        .where((earlier.c.state == "pending") & (earlier.c.sink == sink))
        .where((earlier.c.thread == notices.c.thread) & (earlier.c.number < notices.c.number))
        .exists()
    )
    far, leased = sa.bindparam("far", type_=UtcDateTime), sa.bindparam("leased", type_=UtcDateTime)
    due = sa.or_(notices.c.due_at <= now, notices.c.due_at > far)
    free = sa.or_(
        notices.c.claimed_until.is_(None),
        notices.c.claimed_until <= now,
        notices.c.claimed_until > leased,
    )
    return (
        sa.select(notices)
        .where((notices.c.state == "pending") & (notices.c.sink == sink) & due & free & ~blocked)
        .order_by(notices.c.number)
        .limit(1)
        .with_for_update(skip_locked=True, of=notices)
    )


_NEXT = _next_of_a_sink()


def _release(connection: sa.Connection, claimed: Claimed, values: Mapping[str, Any]) -> bool:
    changed = connection.execute(
        sa.update(notices)
        .where(notices.c.notice_id == claimed.notice.notice_id)
        .where((notices.c.claim == claimed.token) & (notices.c.state == "pending"))
        .values(claim=None, claimed_until=None, **values)
    )
    return changed.rowcount == 1


def _begin_writing(connection: sa.Connection) -> None:
    """Make SQLite wait for its one writer before anything is read; PostgreSQL locks rows."""
    connection.execute(sa.update(notices).where(sa.false()).values(claim=None))
