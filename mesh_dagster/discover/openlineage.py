"""Describe what was published as OpenLineage events, from the registry.

In:  the registry, the addresses of ports.
Out: for each port with a publication, the event that told, or would have told, of the newest.
The extra `openlineage` is needed to import this.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from openlineage.client.serde import Serde

from mesh_dagster.declare.address import Address
from mesh_dagster.observe.openlineage import Attempt
from mesh_dagster.observe.openlineage_facets import Described
from mesh_dagster.run.registry import Registry

Event = dict[str, Any]  # Any: JSON


def publication_events(registry: Registry, addresses: Iterable[str]) -> Iterator[Event]:
    """Yield the events of the newest publications, by address."""
    wanted = set(addresses)
    owners = {(row["key"], row["major"]): row["owner"] for row in registry.products()}
    declared = {row["address"]: row for row in registry.ports()}
    for address, made in sorted(registry.latest().items()):
        if address in wanted and address in declared:
            port = _described(declared[address], owners)
            event = Attempt(port, made.run_id or made.publication_id, made.slice).completed(made)
            yield Serde.to_dict(event)


def _described(
    row: Mapping[str, Any],  # Any: a row of the registry
    owners: Mapping[tuple[str, int], str],
) -> Described:
    address = Address.parse(row["address"])
    columns = tuple(
        (column["name"], column["dtype"], column["description"])
        for column in row["declaration"]["contract"]["columns"]
    )
    owner = owners[address.key, address.major]
    return Described(row["address"], owner, row["description"], columns)
