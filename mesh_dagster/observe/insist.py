"""Insist on breaches that nobody took care of: reminders, and escalation to the next tier.

In:  breaches that were told and still stand, in the transaction that judges them.
Out: notices. Whoever acknowledged a breach is left in peace; what a breach upstream explains is
not insisted on, as long as that one stands.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from mesh_dagster.observe import outbox
from mesh_dagster.observe.ledger import change, fetch_of, notices, tellings
from mesh_dagster.observe.notice import Item, Notice
from mesh_dagster.observe.routing import Routing
from mesh_dagster.observe.telling import Threaded, Untold, notices_of, threads

Row = Mapping[str, Any]  # Any: one row of a table


def insist(
    connection: sa.Connection,
    items: Mapping[str, Item],
    rows: Mapping[str, Row],
    routing: Routing,
    now: datetime,
) -> list[Notice]:
    """Write what is due of reminders and escalations.

    Args:
        connection: Of the transaction that judges.
        items: The told breaches, by key.
        rows: The same breaches and maybe others, as they are stored.
        routing: When to insist, and with whom.
        now: Aware UTC.
    """
    for name in ("told_at", "reminded_at"):
        # Where a clock was set back, it counts anew.
        ahead = {key for key in items if (rows[key][name] or now) > now}
        change(connection, ahead, {name: now})
    open_ = {k: item for k, item in items.items() if rows[k]["acknowledged_at"] is None}
    reminders = {
        key: item
        for key, item in open_.items()
        if now - (rows[key]["reminded_at"] or rows[key]["told_at"]) >= routing.remind_after
    }
    tiers = {key: _tier(rows[key], routing, now) for key in open_}
    raised = {key: item for key, item in open_.items() if tiers[key] > rows[key]["tier"]}
    if not reminders and not raised:
        return []
    told = _told(connection, {*reminders, *raised})
    made = _reminders(reminders, told, routing, now)
    change(connection, reminders, {"reminded_at": now})
    steps = {key: range(rows[key]["tier"], tiers[key]) for key in raised}
    made += _escalations(connection, raised, steps, told, routing, now)
    outbox.put(connection, made)
    return made


def _tier(row: Row, routing: Routing, now: datetime) -> int:
    """Return how many tiers should know of a breach by now."""
    return sum(now - row["told_at"] >= tier.after for tier in routing.tiers)


def _told(connection: sa.Connection, keys: set[str]) -> dict[str, list[Row]]:
    query = sa.select(tellings, notices.c.state).join(
        notices, notices.c.notice_id == tellings.c.notice_id
    )
    told: dict[str, list[Row]] = {}
    for row in fetch_of(connection, query, tellings.c.breach, keys):
        told.setdefault(row["breach"], []).append(row)
    return told


def _reminders(
    items: Mapping[str, Item], told: Mapping[str, list[Row]], routing: Routing, now: datetime
) -> list[Notice]:
    """Remind whoever has got the first notice; pagers insist by themselves."""
    placed = [
        Threaded(row["sink"], row["thread"], item)
        for key, item in items.items()
        for row in told.get(key, [])
        if row["state"] == "sent" and row["sink"] not in routing.pagers
    ]
    return notices_of("reminder", placed, now, turn=now.isoformat())


def _escalations(
    connection: sa.Connection,
    items: Mapping[str, Item],
    steps: Mapping[str, range],
    told: Mapping[str, list[Row]],
    routing: Routing,
    now: datetime,
) -> list[Notice]:
    untold = []
    for key, item in items.items():
        know = {row["sink"] for row in told.get(key, [])}
        named = [sink for step in steps[key] for sink in routing.tiers[step].sinks]
        sinks = tuple(sink for sink in dict.fromkeys(named) if sink not in know)
        untold.append(Untold(item, sinks, lead=item))
        change(connection, [key], {"tier": steps[key].stop})
    made = notices_of("escalation", threads(untold, routing, set()), now)
    outbox.note_told(connection, made)
    return made
