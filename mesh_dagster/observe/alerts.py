"""Turn judgements into notices: each breach told once, its recovery to whoever was told.

In:  the statuses of promises, a clock reading, who is told what.
Out: changed states, breaches and the notices that tell them, written in one transaction; nothing
is sent here. Recording the same judgement again changes nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from mesh_dagster.observe import outbox
from mesh_dagster.observe.changes import Comparison, compare
from mesh_dagster.observe.insist import insist
from mesh_dagster.observe.ledger import (
    METADATA,
    alert_names,
    breaches,
    change,
    fetch,
    fetch_of,
    muted_addresses,
    open_breaches,
    slo_states,
    take_turn,
    tellings,
    times_seen,
)
from mesh_dagster.observe.notice import Item, Notice, item_of
from mesh_dagster.observe.recovery import tell_recoveries
from mesh_dagster.observe.routing import Routing
from mesh_dagster.observe.status import Objective, SloStatus
from mesh_dagster.observe.telling import Untold, led_by, notices_of, threads
from mesh_dagster.run.dialects import insert_new, upsert
from mesh_dagster.run.registry import Registry

JUDGE = "mesh"
"""The judge of a mesh with one code location."""
Row = dict[str, Any]  # Any: one row of a table
_STATES = sa.select(
    slo_states.c.address, slo_states.c.objective, slo_states.c.state, slo_states.c.changed_at
)
_OVERTAKEN = timedelta(minutes=2)
"""A judgement older than the recorded one by no more than that was overtaken on its way here; one
that is older still comes from a clock that was set back."""


@dataclass(frozen=True)
class Changes:
    """What one judgement changed."""

    changed: tuple[SloStatus, ...] = ()
    """The statuses that differ from those judged before."""
    opened: tuple[str, ...] = ()
    """The keys of the breaches that began."""
    closed: tuple[str, ...] = ()
    """The keys of the breaches that are over."""
    notices: tuple[Notice, ...] = ()
    """What was put into the outbox."""


def record(
    statuses: Iterable[SloStatus],
    registry: Registry,
    now: datetime,
    *,
    routing: Routing | None = None,
    judge: str = JUDGE,
) -> Changes:
    """Write what changed, and the notices that tell it, in one transaction.

    Args:
        statuses: At most one for each promise; promises that are left out stay as they are.
        registry: Where it is written.
        now: Aware UTC; the clock reading at which the statuses were judged.
        routing: Who is told; the log without it.
        judge: Who judges these promises: a name for each code location.
    """
    routing = routing or Routing()
    registry.make(METADATA)
    with registry.begin() as connection:
        before = take_turn(connection, judge, now)
        known = fetch(connection, _STATES)
        states = {(row["address"], row["objective"]): row for row in known}
        current = [
            one for one in statuses if not _overtaken(states.get((one.address, one.objective)), now)
        ]
        found = compare(current, states, open_breaches(connection).values(), before)
        opened = _open(connection, found.begun, now)
        change(connection, found.over, {"closed_at": now, "closed_as": "recovered"})
        standing = {**found.standing, **opened}
        _write_states(connection, found, standing, now)
        told: list[Notice] = []
        if found.over:
            told += tell_recoveries(connection, set(found.over), routing, now)
        if standing:
            told += _tell(connection, standing, routing, now)
    return Changes(found.changed, tuple(opened), tuple(found.over), tuple(told))


def changed_after(
    registry: Registry, moment: datetime | None, objective: Objective
) -> dict[str, datetime]:
    """Return the addresses whose states changed after a moment, and when; all of them for `None`.

    So whoever shows states elsewhere, and was killed meanwhile, catches up.
    """
    query = sa.select(slo_states.c.address, slo_states.c.changed_at)
    query = query.where(slo_states.c.objective == objective)
    if moment is not None:
        query = query.where(slo_states.c.changed_at > moment)
    return {row["address"]: row["changed_at"] for row in registry.rows(query)}


def _overtaken(state: Row | None, now: datetime) -> bool:
    """Say whether another location has recorded a later judgement, which knows more."""
    return state is not None and now < state["changed_at"] <= now + _OVERTAKEN


def _open(
    connection: sa.Connection, begun: Sequence[SloStatus], now: datetime
) -> dict[str, SloStatus]:
    """Write the breaches that began; one that came back, as after a clock set back, counts on."""
    ids = {status.breach_id: status for status in begun}
    seen = times_seen(connection, [one for one in ids if one]) if begun else {}
    opened = {}
    for breach_id, status in ids.items():
        times = seen.get(str(breach_id), 0)
        opened[f"{breach_id}-{times + 1}" if times else str(breach_id)] = status
    rows = [
        {
            "key": key,
            "breach_id": status.breach_id,
            "address": status.address,
            "objective": status.objective,
            "product_key": status.product_key,
            "owner": status.owner,
            "since": status.since,
            "caused_by": status.caused_by,
            "opened_at": now,
            "tier": 0,
        }
        for key, status in opened.items()
    ]
    insert_new(connection, breaches, rows)
    return opened


def _write_states(
    connection: sa.Connection, found: Comparison, standing: Mapping[str, SloStatus], now: datetime
) -> None:
    keys = {(one.address, one.objective): key for key, one in standing.items()}
    rows = [
        {
            "address": status.address,
            "objective": status.objective,
            "state": status.state,
            "since": status.since,
            "breach": keys.get((status.address, status.objective)),
            "changed_at": now,
        }
        for status in found.changed
    ]
    upsert(connection, slo_states, rows)


def _tell(
    connection: sa.Connection,
    standing: Mapping[str, SloStatus],
    routing: Routing,
    now: datetime,
) -> list[Notice]:
    """Tell what nobody knows yet, and insist on what nobody took care of."""
    muted = muted_addresses(connection, now)
    rows = open_breaches(connection)
    heard = {
        key: status
        for key, status in standing.items()
        if status.address not in muted and status.state != "paused"
    }
    leads = _leads(rows, standing)
    fresh = {key: status for key, status in heard.items() if rows[key]["told_at"] is None}
    made = _tell_first(connection, fresh, leads, routing, now)
    old = {key: status for key, status in heard.items() if key not in fresh}
    alone = {key: item_of(status, key) for key, status in old.items() if leads[key].key == key}
    return made + insist(connection, alone, rows, routing, now)


def _tell_first(
    connection: sa.Connection,
    fresh: Mapping[str, SloStatus],
    leads: Mapping[str, Item],
    routing: Routing,
    now: datetime,
) -> list[Notice]:
    if not fresh:
        return []
    named = alert_names(connection, (status.address for status in fresh.values()))
    untold = [
        _untold(item_of(status, key), leads[key], named, routing) for key, status in fresh.items()
    ]
    query = sa.select(tellings.c.breach, tellings.c.sink)
    known = fetch_of(connection, query, tellings.c.breach, {one.lead.key for one in untold})
    led = {(row["breach"], row["sink"]) for row in known}
    made = notices_of("breach", threads(untold, routing, led), now)
    outbox.put(connection, made)
    outbox.note_told(connection, made)
    change(connection, fresh, {"told_at": now})
    return made


def _untold(
    item: Item, lead: Item, named: Mapping[tuple[str, str], Sequence[str]], routing: Routing
) -> Untold:
    names = named.get((item.address, item.subject), ())
    unknown = routing.unknown(names)
    remark = ""
    if unknown:
        shown = ", ".join(f"'{name}'" for name in unknown)
        remark = f"{item.address} names {shown}, which the platform did not configure."
    return Untold(item, routing.sinks_for(names), lead, remark)


def _leads(rows: Mapping[str, Row], standing: Mapping[str, SloStatus]) -> dict[str, Item]:
    """Return for each standing breach the open one furthest upstream that explains it."""
    causes = {**{row["key"]: row["caused_by"] for row in rows.values()}}
    causes |= {key: status.caused_by for key, status in standing.items()}
    open_at: dict[str, Mapping[str, str | None]] = {}
    for row in sorted(rows.values(), key=lambda row: row["objective"], reverse=True):
        open_at[row["address"]] = {"key": row["key"], "caused_by": causes[row["key"]]}
    leads = {}
    for key, status in standing.items():
        lead = led_by(status.caused_by, open_at)
        leads[key] = item_of(status, key) if lead is None else _item(rows[str(lead["key"])])
    return leads


def _item(row: Row) -> Item:
    return Item.of_breach(row, "", row["caused_by"])
