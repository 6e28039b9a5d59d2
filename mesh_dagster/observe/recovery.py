"""Tell that breaches are over: to exactly those who were told, or may have been.

In:  the keys of the breaches that are over, in the transaction that ends them.
Out: notices. What nobody has seen yet is taken back, and no recovery follows it; a pager gets both,
since its record should show the incident.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from mesh_dagster.observe import outbox
from mesh_dagster.observe.ledger import breaches, fetch_of, notices, tellings
from mesh_dagster.observe.notice import Item, Notice, from_json
from mesh_dagster.observe.routing import Routing
from mesh_dagster.observe.telling import Threaded, notices_of

Row = Mapping[str, Any]  # Any: one row of a table
Place = tuple[str, str]
"""A sink and a thread."""
_LOST = ("dead", "cancelled")
_ENDINGS = {"recovered": "holds again", "withdrawn": "the promise was withdrawn"}


def tell_recoveries(
    connection: sa.Connection, over: set[str], routing: Routing, now: datetime
) -> list[Notice]:
    """Write the recoveries of breaches.

    Args:
        connection: Of the transaction that ends the breaches.
        over: The keys of the breaches.
        routing: Which sinks are pagers.
        now: Aware UTC.
    """
    told = _told(connection, over)
    if not told:
        return []
    chats = {(row["sink"], row["thread"]) for row in told if row["sink"] not in routing.pagers}
    unseen = _take_back(connection, chats, over, now) if chats else set()
    reached = [row for row in told if (row["key"], row["notice_id"]) not in unseen]
    reached = [row for row in reached if row["state"] not in _LOST]
    chat = [row for row in reached if row["sink"] not in routing.pagers]
    paged = {(row["sink"], row["thread"]) for row in reached if row["sink"] in routing.pagers}
    everyone = chat + _whole_incidents(connection, paged)
    placed = [Threaded(row["sink"], row["thread"], _recovered(row)) for row in everyone]
    made = notices_of("recovery", placed, now)
    outbox.put(connection, made)
    return made


def _told(connection: sa.Connection, over: set[str]) -> list[dict[str, Any]]:
    """Return who was told of the breaches, beside each breach and the state of its notice."""
    query = (
        sa.select(
            breaches, tellings.c.sink, tellings.c.thread, tellings.c.notice_id, notices.c.state
        )
        .join(tellings, tellings.c.breach == breaches.c.key)
        .join(notices, notices.c.notice_id == tellings.c.notice_id)
        .with_for_update(of=notices)
    )
    return fetch_of(connection, query, breaches.c.key, over)


def _take_back(
    connection: sa.Connection, places: set[Place], over: set[str], now: datetime
) -> set[tuple[str, str]]:
    """Take the breaches out of what waits; return each with the notice that now leaves it out."""
    sinks, in_threads = {sink for sink, _ in places}, {thread for _, thread in places}
    unseen = set()
    for row in outbox.pending(connection, sinks, in_threads):
        notice = from_json(row["body"])
        keys = {item.key for item in notice.items} & over
        if keys and notice.kind != "recovery" and outbox.take_back(connection, notice, keys, now):
            unseen |= {(key, notice.notice_id) for key in keys}
    return unseen


def _whole_incidents(connection: sa.Connection, places: set[Place]) -> list[dict[str, Any]]:
    """Return every breach of those incidents in which none is open any more."""
    query = sa.select(breaches, tellings.c.sink, tellings.c.thread).join(
        tellings, tellings.c.breach == breaches.c.key
    )
    rows = fetch_of(connection, query, tellings.c.thread, {thread for _, thread in places})
    going_on = {(row["sink"], row["thread"]) for row in rows if row["closed_at"] is None}
    resolved = places - going_on
    return [row for row in rows if (row["sink"], row["thread"]) in resolved]


def _recovered(row: Row) -> Item:
    return Item.of_breach(row, f"{row['objective']}: {_ENDINGS[row['closed_as']]}")
