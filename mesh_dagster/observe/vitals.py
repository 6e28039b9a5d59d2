"""Say how judging and delivering stand: when each location judged last, what waits to be sent.

In:  the registry.
Out: `Vitals`. A location that watches no port any more, since others do, is not asked after.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from mesh_dagster.observe.ledger import METADATA, delivery_counts, heartbeats, notices, watches
from mesh_dagster.observe.status import STALE_AFTER
from mesh_dagster.run.registry import Registry, ports


@dataclass(frozen=True)
class Vitals:
    """How judging and delivering stand."""

    judged_at: Mapping[str, datetime]
    """Code location to when its promises were judged last; empty if no sensor ever ran."""
    pending: int
    """Notices that wait."""
    oldest_pending: datetime | None
    """When the oldest of them was written."""
    deliveries: Mapping[tuple[str, str], int]
    """Sink and outcome to the number of attempts so far."""


def vitals(registry: Registry) -> Vitals:
    """Read how judging and delivering stand."""
    registry.make(METADATA)
    waiting = sa.select(sa.func.count().label("pending"), sa.func.min(notices.c.created_at))
    counts = sa.select(delivery_counts).order_by(delivery_counts.c.sink, delivery_counts.c.outcome)
    with registry.begin() as connection:
        [(pending, oldest)] = connection.execute(waiting.where(notices.c.state == "pending"))
        counted = connection.execute(counts).all()
    return Vitals(
        judged_at=judged_at(registry),
        pending=pending,
        oldest_pending=oldest,
        deliveries={(sink, outcome): count for sink, outcome, count in counted},
    )


def judged_at(registry: Registry) -> Mapping[str, datetime]:
    """Return when the sensor of each code location judged last; empty if none ever ran."""
    registry.make(METADATA)
    return {row["judge"]: row["beat_at"] for row in registry.rows(_judges())}


def unwatched(registry: Registry) -> list[str]:
    """Return the ports that promise something and that no sensor has judged yet."""
    registry.make(METADATA)
    judged = sa.select(watches.c.address).join(heartbeats, heartbeats.c.judge == watches.c.judge)
    query = (
        sa.select(ports.c.address)
        .where(ports.c.withdrawn_at.is_(None))
        .where(sa.func.coalesce(ports.c.state, "") != "draft")
        .where(ports.c.address.not_in(judged))
        .order_by(ports.c.address)
    )
    return [row["address"] for row in registry.rows(query)]


def silent(
    judged: Mapping[str, datetime], now: datetime, patience: timedelta = STALE_AFTER
) -> dict[str, timedelta]:
    """Return the code locations whose sensor has stopped, with how long it has been silent."""
    return {judge: now - at for judge, at in judged.items() if now - at > patience}


def _judges() -> sa.Select[tuple[str, datetime]]:
    watched = (
        sa.select(watches.c.judge)
        .join(ports, ports.c.address == watches.c.address)
        .where(ports.c.withdrawn_at.is_(None))
    )
    return (
        sa.select(heartbeats.c.judge, heartbeats.c.beat_at)
        .where(heartbeats.c.judge.in_(watched))
        .order_by(heartbeats.c.judge)
    )
