"""Rebuild what the registry knows of publications from the Delta logs, which are the truth.

In:  a store, the registry, a clock reading.
Out: what was written and dropped, port by port. Retired ports are noted from their markers.
Products stay as they are declared, refusals as they were recorded. Doing it twice changes nothing.
"""

from dataclasses import dataclass
from datetime import datetime

from mesh_dagster.declare.address import Address
from mesh_dagster.run import delta, record
from mesh_dagster.run.registry import Registry
from mesh_dagster.run.retired import retirement
from mesh_dagster.run.retirements import note
from mesh_dagster.run.store import Store


@dataclass(frozen=True)
class Reindexed:
    """What became of the rows of one port."""

    address: str
    publications: int
    """Rows written; one for each publication in the log."""
    dropped: int
    """Rows that spoke of publications which the log does not have."""


def reindex(store: Store, registry: Registry, now: datetime) -> list[Reindexed]:
    """Rebuild the publications of every port that has a table in the store.

    Args:
        store: Whose logs are read.
        registry: What is rebuilt; rows of ports without a table in the store are left alone.
        now: Aware UTC; rows of publications made after it are left alone.
    """
    for address in store.addresses(published=False):
        ended = retirement(store, address)
        if ended is not None:
            note(ended, registry)
    return [_port(address, store, registry, now) for address in store.addresses()]


def _port(address: Address, store: Store, registry: Registry, now: datetime) -> Reindexed:
    history = delta.history(store, store.table(address))
    made = [record.publication(entry) for entry in history]
    versions = {publication.version for publication in made}
    strangers = [
        known.version
        for known in registry.publications(str(address))
        if known.version not in versions and known.published_at < now
    ]
    registry.record(*made)
    registry.forget(str(address), strangers)
    return Reindexed(str(address), len(made), len(strangers))
