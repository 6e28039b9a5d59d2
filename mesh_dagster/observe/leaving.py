"""Tell the consumers of deprecated ports that these will be retired.

In:  the registry, a clock reading.
Out: notices in the outbox, each once; when they are due is said by `observe/events.py`.
"""

from collections.abc import Collection
from datetime import datetime

from mesh_dagster.observe.events import deprecations, notify
from mesh_dagster.observe.notice import Notice
from mesh_dagster.observe.routing import Routing
from mesh_dagster.run.consumers import consumers, deprecations_of
from mesh_dagster.run.registry import Registry


def tell_deprecations(
    registry: Registry, only: Collection[str], now: datetime, *, routing: Routing | None = None
) -> list[Notice]:
    """Tell each product that reads one of these ports, at the first of its own ports.

    Args:
        registry: Where ports, their consumers and the outbox lie.
        only: The addresses to tell of; those that are not deprecated are passed over.
        now: Aware UTC.
        routing: Who is told; the log without it.
    """
    known = deprecations_of(registry, only)
    if not known:
        return []
    reading = consumers(registry, now)
    items = [
        item
        for address, state in known.items()
        for item in deprecations(
            address,
            now,
            since=state.since,
            until=state.until,
            successor=state.successor,
            consumers=[(one.ports[0], one.owner) for one in reading.get(address, ())],
        )
    ]
    return notify("deprecated", items, registry, now, routing=routing)
