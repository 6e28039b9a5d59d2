"""Gather what is to be told into notices: by sink, by product, downstream beneath its cause.

In:  items, each with its sinks and the breach upstream that explains it.
Out: notices, and who was told what. Nothing is read or written.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from mesh_dagster.observe.notice import Item, Kind, Notice
from mesh_dagster.observe.routing import Routing

_ID_LENGTH = 32


@dataclass(frozen=True)
class Untold:
    """One thing that its sinks do not know yet."""

    item: Item
    sinks: tuple[str, ...]
    lead: Item
    """The breach furthest upstream that explains the item; the item itself without one."""
    remark: str = ""


@dataclass(frozen=True)
class Threaded:
    """One item in its place: a thread of a sink."""

    sink: str
    thread: str
    item: Item
    remark: str = ""


def threads(
    untold: Iterable[Untold], routing: Routing, led: Collection[tuple[str, str]]
) -> list[Threaded]:
    """Give each item its place at each of its sinks.

    A pager keeps one incident for each cause: what a breach upstream explains joins its incident.
    Any other sink has one thread for each product; what is explained by a breach that is told in
    the same moment stands beneath it.

    Args:
        untold: What is to be told.
        routing: Which sinks are pagers.
        led: The breaches, by key, and the sinks that know them already.
    """
    given = list(untold)
    now_told = {(one.item.key, sink) for one in given for sink in one.sinks}
    placed = []
    for one in given:
        for sink in one.sinks:
            pager = sink in routing.pagers
            known = (one.lead.key, sink)
            joins = known in now_told or (pager and known in led)
            lead = one.lead if joins else one.item
            thread = lead.key if pager else lead.product_key
            placed.append(Threaded(sink, thread, one.item, one.remark))
    return placed


def notices_of(
    kind: Kind, placed: Iterable[Threaded], now: datetime, turn: str = ""
) -> list[Notice]:
    """Make one notice for each thread.

    Args:
        kind: What is told.
        placed: The items in their places.
        now: Aware UTC.
        turn: Sets notices apart that tell the same again.
    """
    grouped: dict[tuple[str, str], list[Threaded]] = {}
    for one in placed:
        grouped.setdefault((one.sink, one.thread), []).append(one)
    return [
        _notice(kind, sink, thread, members, now, turn)
        for (sink, thread), members in sorted(grouped.items())
    ]


def notice_id(kind: Kind, sink: str, thread: str, keys: Iterable[str], turn: str = "") -> str:
    """Return the id of a notice: the same for the same news, on whatever machine it is made."""
    parts = "\n".join((kind, sink, thread, turn, *sorted(keys)))
    return hashlib.sha256(parts.encode()).hexdigest()[:_ID_LENGTH]


def led_by(
    address: str | None, open_at: Mapping[str, Mapping[str, str | None]]
) -> Mapping[str, str | None] | None:
    """Return the open breach furthest upstream, following causes from an address.

    Args:
        address: The port upstream that explains a breach.
        open_at: An open breach for each address that has one; its `caused_by` leads on.
    """
    found, seen = None, set()
    while address is not None and address in open_at and address not in seen:
        seen.add(address)
        found = open_at[address]
        address = found["caused_by"]
    return found


def _notice(
    kind: Kind, sink: str, thread: str, members: list[Threaded], now: datetime, turn: str
) -> Notice:
    items = sorted((one.item for one in members), key=_causes_first)
    remarks = sorted({one.remark for one in members if one.remark})
    return Notice(
        notice_id=notice_id(kind, sink, thread, (item.key for item in items), turn),
        sink=sink,
        kind=kind,
        product_key=items[0].product_key,
        thread=thread,
        items=tuple(items),
        created_at=now,
        remark=" ".join(remarks),
    )


def _causes_first(item: Item) -> tuple[bool, str, str]:
    return (item.caused_by is not None, item.address, item.subject)
