"""Tell what happens once and never recovers: refusals, crashes, deprecations, spent budgets.

In:  items, each with an id of its own.
Out: notices in the same outbox as those of breaches. However often an item is handed in, it is told
once, to the sinks that are its own then.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta, timezone

import sqlalchemy as sa

from mesh_dagster.declare.address import Address
from mesh_dagster.observe import outbox
from mesh_dagster.observe.ledger import (
    METADATA,
    Row,
    alert_names,
    fetch_of,
    muted_addresses,
    take_turn,
    tellings,
)
from mesh_dagster.observe.notice import Event, Item, Notice
from mesh_dagster.observe.prune import RETENTION
from mesh_dagster.observe.routing import Routing
from mesh_dagster.observe.spans import span_text
from mesh_dagster.observe.status import SloStatus
from mesh_dagster.observe.telling import Untold, notices_of, threads
from mesh_dagster.run.failures import METADATA as FAILURES
from mesh_dagster.run.failures import failures, stands
from mesh_dagster.run.history import of_its_product
from mesh_dagster.run.registry import Refusal, Registry, ports, products, publications, refusals

_LOW = 0.25
"""The share of an error budget below which it is worth a word."""
_LAST_DAYS = (-1, 7, 30)
"""So many days before the end of a deprecation its consumers hear of it again."""
_LOOKED_BACK = timedelta(days=1)
_TURN = "refusals:"
_MOST_RULES = 5


def notify(
    kind: Event,
    items: Iterable[Item],
    registry: Registry,
    now: datetime,
    *,
    routing: Routing | None = None,
) -> list[Notice]:
    """Put notices of events into the outbox; what is muted is not told.

    Args:
        kind: What happened.
        items: `key` makes each of them one of its kind.
        registry: Where the outbox lies.
        now: Aware UTC.
        routing: Who is told; the log without it.
    """
    given, routing = list(items), routing or Routing()
    registry.make(METADATA)
    with registry.begin() as connection:
        take_turn(connection, "events", now)
        known = fetch_of(
            connection, sa.select(tellings), tellings.c.breach, [item.key for item in given]
        )
        told = {row["breach"] for row in known}
        silent = muted_addresses(connection, now)
        new = [one for one in given if one.key not in told and one.address not in silent]
        named = alert_names(connection, [item.address for item in new])
        untold = []
        for item in new:
            # A refusal is about quality; a port with freshness alone has its alerts there.
            of = (item.address, "quality"), (item.address, "freshness")
            names = next((named[one] for one in of if named.get(one)), [])
            untold.append(Untold(item, routing.sinks_for(names), lead=item))
        made = notices_of(kind, threads(untold, routing, set()), now)
        outbox.put(connection, made)
        outbox.note_told(connection, made)
    return made


def tell_refusals(
    registry: Registry, now: datetime, *, routing: Routing | None = None
) -> list[Notice]:
    """Tell the publications that were refused since a day before it was asked last, and not told.

    So those of a long outage are told after it, and those before the first time stay history.
    """
    registry.make(METADATA)
    with registry.begin() as connection:
        before = take_turn(connection, _TURN, now)
    begin = min(now, before or now) - _LOOKED_BACK
    known = registry.rows(
        sa.select(refusals).where(refusals.c.refused_at > begin).order_by(refusals.c.refused_at)
    )
    if not known:
        return []
    owned = (
        sa.select(ports.c.address, ports.c.product_key, products.c.owner)
        .join(products, of_its_product(ports.c.address))
        .where(ports.c.address.in_(sorted({row["address"] for row in known})))
    )
    owners = {row["address"]: (row["product_key"], row["owner"]) for row in registry.rows(owned)}
    items = [_refused(Refusal(**row), *owners.get(row["address"], ("", ""))) for row in known]
    return notify("refused", items, registry, now, routing=routing)


def tell_failures(
    registry: Registry, now: datetime, *, routing: Routing | None = None
) -> list[Notice]:
    """Tell which ports crashed and were not published since, each once until it is published.

    One that crashed before what was told of it can be forgotten stays history.
    """
    registry.make(FAILURES)
    before = (
        sa.select(sa.func.max(publications.c.version))
        .where(
            publications.c.address == failures.c.address,
            publications.c.published_at < failures.c.failed_at,
        )
        .scalar_subquery()
    )
    known = registry.rows(
        sa.select(failures, products.c.key, products.c.owner, before.label("version"))
        .join_from(failures, ports, ports.c.address == failures.c.address)
        .join(products, of_its_product(ports.c.address))
        .where(stands(), failures.c.failed_at > now - RETENTION, ports.c.withdrawn_at.is_(None))
        .order_by(failures.c.failed_at)
    )
    # Of slices that crashed after the same publication, the last one speaks for all.
    items = {item.key: item for item in map(_failed, known)}
    return notify("failed", items.values(), registry, now, routing=routing) if items else []


def low_budgets(statuses: Iterable[SloStatus], now: datetime) -> list[Item]:
    """Return the error budgets that are low or spent, as items that are told once a window.

    While a promise is broken, its breach is what is told.
    """
    items = []
    for status in statuses:
        left = status.budget_remaining
        if status.broken or left is None or left >= _LOW:
            continue
        level = "spent" if left <= 0 else f"below {_LOW:.0%}"
        # Counted in windows since the epoch, so that each level is told once in each.
        window = int(now.timestamp() // status.window.total_seconds())
        items.append(
            Item(
                key=event_id("budget", status.address, status.objective, level, str(window)),
                address=status.address,
                product_key=status.product_key,
                owner=status.owner,
                subject=status.objective,
                since=now,
                text=f"{status.objective}: error budget {level} of {span_text(status.window)}",
            )
        )
    return items


def deprecations(
    deprecated: str,
    now: datetime,
    *,
    since: date,
    until: date,
    successor: str | None,
    consumers: Iterable[tuple[str, str]],
) -> list[Item]:
    """Return what the consumers of a deprecated port shall hear, as items that are told once.

    Each consumer hears of it first when it is deprecated, then 30 and 7 days before the end, and
    once it is over; who comes late hears only how it stands.

    Args:
        deprecated: The address of the port.
        now: Aware UTC; its day is compared with the others.
        since: The first day of the deprecation.
        until: The last day on which the port is promised.
        successor: The address to read instead.
        consumers: The address of each port that reads it, and that port's owner.
    """
    today = now.astimezone(timezone.utc).date()
    if today < since:
        return []
    left = (until - today).days
    stage = next((f"{days} {until}" for days in _LAST_DAYS if left <= days), "announced")
    instead = f"; read {successor} instead" if successor else ""
    promised = f"promised until {until}" if left >= 0 else f"promised no longer since {until}"
    return [
        Item(
            key=event_id("deprecated", deprecated, str(since), address, stage),
            address=address,
            product_key=Address.parse(address).key,
            owner=owner,
            subject="deprecated",
            since=datetime.combine(since, time(), timezone.utc),
            text=f"reads {deprecated}, which is deprecated and {promised}{instead}",
        )
        for address, owner in consumers
    ]


def _refused(refusal: Refusal, product_key: str, owner: str) -> Item:
    return Item(
        key=event_id("refused", refusal.address, refusal.publication_id),
        address=refusal.address,
        product_key=product_key or refusal.address,
        owner=owner or "not declared",
        subject="refused",
        since=refusal.refused_at,
        text=f"a batch of {refusal.rows:,} rows was refused: {_rules(sorted(refusal.broken))}",
    )


def _failed(row: Row) -> Item:
    return Item(
        key=event_id("failed", row["address"], str(row["version"])),
        address=row["address"],
        product_key=row["key"],
        owner=row["owner"],
        subject="failed",
        since=row["failed_at"],
        text=f"crashed on {row['error']}, which run {row['run_id']} of Dagster keeps whole",
    )


def _rules(broken: Sequence[str]) -> str:
    more = f" and {len(broken) - _MOST_RULES} more" if len(broken) > _MOST_RULES else ""
    return "; ".join(broken[:_MOST_RULES]) + more or "pandera could not judge it"


def event_id(*parts: str) -> str:
    """Return the id that an event has for ever."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
