"""Let people answer: acknowledge a breach, mute a port; and list what is open.

In:  addresses and ids, as people type them.
Out: rows changed, or values to print.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from mesh_dagster.errors import UnknownBreachError, UnknownPortError
from mesh_dagster.observe import outbox
from mesh_dagster.observe.ledger import (
    METADATA,
    breaches,
    change,
    fetch,
    fetch_of,
    mutes,
    notices,
    take_turn,
    tellings,
)
from mesh_dagster.observe.notice import Item
from mesh_dagster.observe.routing import Routing
from mesh_dagster.observe.telling import Threaded, notices_of
from mesh_dagster.run.registry import Registry, ports

_SHORTEST_ID = 6


@dataclass(frozen=True)
class OpenBreach:
    """A breach that is not over."""

    key: str
    address: str
    objective: str
    owner: str
    since: datetime
    caused_by: str | None
    told: tuple[str, ...]
    """The sinks that know."""
    waiting: tuple[str, ...]
    """The sinks whose notice is still on its way."""
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    muted_until: datetime | None


def open_list(registry: Registry, now: datetime) -> list[OpenBreach]:
    """Return every open breach, the longest first."""
    registry.make(METADATA)
    with registry.begin() as connection:
        query = sa.select(breaches).where(breaches.c.closed_at.is_(None))
        rows = fetch(connection, query.order_by(breaches.c.since, breaches.c.key))
        joined = sa.select(tellings.c.breach, tellings.c.sink, notices.c.state).join(
            notices, notices.c.notice_id == tellings.c.notice_id
        )
        told = fetch_of(connection, joined, tellings.c.breach, [row["key"] for row in rows])
        muted = {
            row["address"]: row["until"]
            for row in fetch(
                connection, sa.select(mutes).where(mutes.c.until > now).order_by(mutes.c.until)
            )
        }
    return [_open(row, told, muted) for row in rows]


def acknowledge(
    registry: Registry, given: str, now: datetime, *, by: str, routing: Routing | None = None
) -> list[str]:
    """Take a breach on: no reminders, no escalation; pagers are told.

    Args:
        registry: Where breaches are kept.
        given: The address of a port, or the start of a breach id.
        now: Aware UTC.
        by: Who takes it on.
        routing: Which sinks are pagers.

    Returns:
        The keys of the breaches.

    Raises:
        UnknownBreachError: None is open there.
    """
    pagers = (routing or Routing()).pagers
    registry.make(METADATA)
    with registry.begin() as connection:
        take_turn(connection, "attention", now)
        rows = fetch(connection, sa.select(breaches).where(breaches.c.closed_at.is_(None)))
        meant = [row for row in rows if _is_meant(row, given)]
        if not meant:
            raise UnknownBreachError(given, [row["address"] for row in rows])
        keys = [row["key"] for row in meant]
        change(connection, keys, {"acknowledged_at": now, "acknowledged_by": by})
        told = fetch_of(connection, sa.select(tellings), tellings.c.breach, keys)
        items = {row["key"]: _item(row, by) for row in meant}
        placed = [
            Threaded(row["sink"], row["thread"], items[row["breach"]])
            for row in told
            if row["sink"] in pagers
        ]
        outbox.put(connection, notices_of("acknowledged", placed, now))
    return keys


def mute(
    registry: Registry, address: str, now: datetime, *, until: datetime, because: str, by: str
) -> None:
    """Keep quiet about a port for a while; what is still broken then is told then.

    Raises:
        UnknownPortError: No registered port has the address.
    """
    registry.make(METADATA)
    known = [row["address"] for row in registry.rows(sa.select(ports.c.address))]
    if address not in known:
        raise UnknownPortError(address, known)
    values = {"address": address, "muted_at": now, "until": until}
    with registry.begin() as connection:
        connection.execute(sa.insert(mutes).values(**values, because=because, muted_by=by))


def unmute(registry: Registry, address: str, now: datetime) -> int:
    """End the mutes of a port; return how many there were."""
    registry.make(METADATA)
    with registry.begin() as connection:
        changed = connection.execute(
            sa.update(mutes)
            .where((mutes.c.address == address) & (mutes.c.until > now))
            .values(until=now)
        )
    return changed.rowcount


def _open(
    row: Mapping[str, Any],  # Any: one row of a table
    told: Sequence[Mapping[str, Any]],
    muted: Mapping[str, datetime],
) -> OpenBreach:
    def sinks(*states: str) -> tuple[str, ...]:
        mine = (one for one in told if one["breach"] == row["key"])
        return tuple(sorted(one["sink"] for one in mine if one["state"] in states))

    return OpenBreach(
        key=row["key"],
        address=row["address"],
        objective=row["objective"],
        owner=row["owner"],
        since=row["since"],
        caused_by=row["caused_by"],
        told=sinks("sent"),
        waiting=sinks("pending"),
        acknowledged_at=row["acknowledged_at"],
        acknowledged_by=row["acknowledged_by"],
        muted_until=muted.get(row["address"]),
    )


def _is_meant(row: Mapping[str, Any], given: str) -> bool:  # Any: one row of a table
    of_id = len(given) >= _SHORTEST_ID and row["key"].startswith(given)
    return bool(of_id or row["address"] == given)


def _item(row: Mapping[str, Any], by: str) -> Item:  # Any: one row of a table
    return Item.of_breach(row, f"{row['objective']}: acknowledged by {by}")
