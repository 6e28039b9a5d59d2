"""Deliver what waits in the outbox, until every sink has it or was given up on.

In:  the sinks, a clock reading.
Out: notices sent, kept for later, or ended as dead letters that another sink is told of.
A notice is claimed, sent and marked: killed in between, it is sent once more under the same id. A
sink that fails is left alone for a while, so that none waits for another.
"""

import logging
import random
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Literal
from uuid import uuid4

import sqlalchemy as sa

from mesh_dagster.observe import outbox
from mesh_dagster.observe.giving_up import give_up, hopeless
from mesh_dagster.observe.ledger import METADATA, circuits, notices
from mesh_dagster.observe.notice import from_json
from mesh_dagster.observe.outbox import Claimed
from mesh_dagster.observe.settings import Settings
from mesh_dagster.observe.sink import SendError, attempt
from mesh_dagster.run.dialects import upsert
from mesh_dagster.run.registry import Registry

FIRST_WAIT = timedelta(seconds=5)
LONGEST_WAIT = timedelta(minutes=15)
Outcome = Literal["sent", "kept", "dead"]
Settle = Callable[[sa.Connection], Outcome]
"""Writes down what became of one attempt."""
_MOST_DOUBLINGS = 20
_GONE = "answered 410 and wants no more notices"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Delivered:
    """What one round of deliveries did."""

    sent: int = 0
    kept: int = 0
    """Failed attempts that will be made again."""
    dead: int = 0


@dataclass(frozen=True)
class _Round:
    """What every attempt of one round needs."""

    registry: Registry
    settings: Settings
    clock: Callable[[], datetime]
    stops_at: float
    """On the monotonic clock."""
    chance: random.Random
    most: int
    token: str = field(default_factory=lambda: uuid4().hex)


def deliver(
    registry: Registry,
    settings: Settings,
    now: datetime,
    *,
    most: int = 1000,
    budget: timedelta = timedelta(seconds=30),
    side_by_side: int = 4,
    chance: random.Random | None = None,
) -> Delivered:
    """Send what is due, each notice at most once a round.

    Args:
        registry: Where the outbox lies.
        settings: The sinks, and who is told of dead letters.
        now: Aware UTC at the start of the round.
        most: The most notices that each sink is sent.
        budget: No attempt begins later than this after the start.
        side_by_side: So many sinks are served at a time.
        chance: Where the jitter of waits comes from.
    """
    started = time.monotonic()
    registry.make(METADATA)
    waiting = _waiting(registry)
    given = _Round(
        registry,
        settings,
        clock=lambda: now + timedelta(seconds=time.monotonic() - started),
        stops_at=started + budget.total_seconds(),
        chance=chance or random.Random(),  # noqa: S311 - spreads attempts, guards nothing
        most=most,
    )
    if side_by_side == 1 or len(waiting) <= 1:
        rounds = [_serve(given, sink) for sink in waiting]
    else:
        with ThreadPoolExecutor(max_workers=min(side_by_side, len(waiting))) as pool:
            rounds = list(pool.map(lambda sink: _serve(given, sink), waiting))
    total = sum(rounds, Counter[str]())
    return Delivered(total["sent"], total["kept"], total["dead"])


def wait_before(attempt: int, chance: random.Random) -> timedelta:
    """Return how long to wait after a failed attempt: doubled each time, up to a quarter hour."""
    doubled = FIRST_WAIT * float(2 ** min(attempt - 1, _MOST_DOUBLINGS))
    return min(doubled, LONGEST_WAIT) * chance.uniform(0.5, 1)


def _waiting(registry: Registry) -> list[str]:
    query = sa.select(notices.c.sink).where(notices.c.state == "pending").distinct()
    return sorted(row["sink"] for row in registry.rows(query))


def _serve(given: _Round, sink: str) -> Counter[str]:
    """Send one sink what is due, until it fails or nothing is left."""
    done: Counter[str] = Counter()
    settle: Settle | None = None
    while True:
        # What became of one notice and who takes the next are one transaction: half the commits.
        with given.registry.begin() as connection:
            if settle:
                done[settle(connection)] += 1
            goes_on = done.total() < given.most and time.monotonic() < given.stops_at
            claimed = _next(connection, given, sink) if goes_on else None
        if claimed is None:
            return done
        settle = _send(given, claimed)


def _next(connection: sa.Connection, given: _Round, sink: str) -> Claimed | None:
    now = given.clock()
    circuit = outbox.circuit(connection, sink)
    if circuit["stopped_at"]:
        waiting = [from_json(row["body"]) for row in outbox.pending(connection, {sink})]
        if waiting:
            give_up(connection, waiting, given.settings.routing, now, reason=_GONE)
        return None
    until = circuit["open_until"]
    if until is not None and now < until <= now + outbox.LATER_THAN_SET * outbox.LONGEST_WAIT:
        return None
    return outbox.claim(connection, sink, given.token, now)


def _send(given: _Round, claimed: Claimed) -> Settle:
    """Send one notice; return how to write down what became of it."""
    notice = claimed.notice
    sink = given.settings.sinks.get(notice.sink)
    if sink is None:
        return partial(_failed, given, claimed, SendError("is not configured here"), given.clock())
    try:
        attempt(sink, notice, given.clock())
    except SendError as error:
        _log.warning("Notice %s: sink '%s' %s.", notice.notice_id, notice.sink, error.reason)
        return partial(_failed, given, claimed, error, given.clock())
    return partial(_sent, claimed, given.clock())


def _sent(claimed: Claimed, now: datetime, connection: sa.Connection) -> Outcome:
    # The circuit first, as after a failure, so that two deliverers never wait in a circle.
    outbox.close_circuit(connection, claimed.notice.sink)
    outbox.settle(connection, claimed, "sent", now)
    outbox.log_attempt(connection, claimed.notice, at=now, outcome="sent")
    return "sent"


def _failed(
    given: _Round, claimed: Claimed, error: SendError, now: datetime, connection: sa.Connection
) -> Outcome:
    """Keep a notice for later, or give it up together with those in the same case."""
    notice = claimed.notice
    failing_since = claimed.failing_since or now
    outbox.log_attempt(connection, notice, at=now, outcome="failed", reason=error.reason)
    sink_failing_since = _note_failure(connection, given, notice.sink, error, now)
    wait = error.retry_after or wait_before(claimed.attempts, given.chance)
    kept = outbox.put_back(
        connection,
        claimed,
        due_at=now + min(wait, outbox.LONGEST_WAIT),
        failing_since=failing_since,
        uncertain=claimed.uncertain or error.uncertain,
    )
    if not kept:
        return "kept"
    given_up = hopeless(
        connection,
        notice,
        error,
        failing_since=failing_since,
        sink_failing_since=sink_failing_since,
        now=now,
    )
    if not given_up:
        return "kept"
    give_up(connection, given_up, given.settings.routing, now, reason=error.reason)
    return "dead"


def _note_failure(
    connection: sa.Connection, given: _Round, sink: str, error: SendError, now: datetime
) -> datetime:
    """Leave a failing sink alone for a while; return when it failed first."""
    known = outbox.circuit(connection, sink)
    if error.permanent and not error.gone:
        return now  # it was this notice's fault
    failures = known["failures"] + 1
    wait = error.retry_after or wait_before(failures, given.chance)
    since: datetime = known["failing_since"] or now
    state = {
        "failures": failures,
        "failing_since": since,
        "open_until": now + min(wait, outbox.LONGEST_WAIT),
        "stopped_at": now if error.gone else None,
    }
    upsert(connection, circuits, [{"sink": sink, **state}])
    return since
