"""Tell the owner of a product what it expects in vain.

In:  the products of a code location, the registry with the ports that they read.
Out: notices in the outbox, once for each thing expected that a port's contract can never satisfy.
"""

from collections.abc import Iterable
from datetime import datetime

from mesh_dagster.declare.product import DataProduct
from mesh_dagster.observe.events import event_id, notify
from mesh_dagster.observe.notice import Item, Notice
from mesh_dagster.observe.routing import Routing
from mesh_dagster.run.registry import Registry
from mesh_dagster.run.stating import unmet_inputs


def tell_unmet(
    declared: Iterable[DataProduct],
    registry: Registry,
    now: datetime,
    *,
    routing: Routing | None = None,
) -> list[Notice]:
    """Tell what products expect of registered ports that these can never satisfy."""
    items = [
        Item(
            key=event_id("unmet", product.key, str(product.major), error.problem),
            address=min(str(port.address) for port in product.ports.values()),
            product_key=product.key,
            owner=product.owner,
            subject="expectation",
            since=now,
            text=error.problem,
        )
        for product in declared
        for error in unmet_inputs(product, registry)
    ]
    return notify("unmet", items, registry, now, routing=routing) if items else []
