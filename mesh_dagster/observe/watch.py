"""Know which code location watches which port, and end what it promises no longer.

In:  what a location declares now.
Out: the breaches of promises that it declared before are closed as withdrawn, and their recovery is
told to whoever was told. What another location has taken over is left alone, and a location that is
down withdraws nothing, because it does not ask.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from mesh_dagster.declare.address import Address
from mesh_dagster.observe.ledger import (
    METADATA,
    change,
    delete_states,
    fetch,
    in_chunks,
    open_breaches,
    slo_states,
    take_turn,
    watches,
)
from mesh_dagster.observe.recovery import tell_recoveries
from mesh_dagster.observe.routing import Routing
from mesh_dagster.run.dialects import upsert
from mesh_dagster.run.registry import Registry, ports

Promise = tuple[str, str]
"""An address and an objective."""
_TURN = "watches:"


@dataclass(frozen=True)
class Watcher:
    """A code location that judges promises."""

    location: str
    """Its name in the workspace; empty where it has none."""
    domains: frozenset[str]
    before: str = ""
    """Its `judge` when it declared something else, as far as it remembers."""

    @property
    def judge(self) -> str:
        """The name under which it judges; that of no other location, unless they share domains."""
        return f"{self.location}:{'+'.join(sorted(self.domains))}"

    def owned(self, row: Mapping[str, str]) -> bool:
        """Say whether a port, given its row in `watches`, is its own to withdraw.

        Locations of one name, as `definitions.py` on two machines, are told apart by their domains.
        """
        if row["location"] != self.location:
            return False
        return Address.parse(row["address"]).domain in self.domains or row["judge"] == self.before


def take_over(
    addresses: Iterable[str], registry: Registry, now: datetime, *, watcher: Watcher
) -> None:
    """Note that a location watches these ports from now on, whoever did so before."""
    registry.make(METADATA)
    rows = [
        {"address": address, "location": watcher.location, "judge": watcher.judge}
        for address in sorted(addresses)
    ]
    with registry.begin() as connection:
        take_turn(connection, _TURN, now)
        upsert(connection, watches, rows)


def withdraw(
    promises: Collection[Promise],
    registry: Registry,
    now: datetime,
    *,
    watcher: Watcher,
    routing: Routing | None = None,
) -> tuple[str, ...]:
    """Withdraw what a location has ceased to declare.

    Args:
        promises: Every promise that the location makes now.
        registry: Where it is written.
        now: Aware UTC.
        watcher: The location.
        routing: Which sinks are pagers.

    Returns:
        The keys of the breaches that ended so.
    """
    declared = {address for address, _ in promises}
    registry.make(METADATA)
    with registry.begin() as connection:
        take_turn(connection, _TURN, now)
        mine = fetch(connection, sa.select(watches).where(watches.c.location == watcher.location))
        gone = {row["address"] for row in mine if watcher.owned(row)} - declared
        _withdraw_ports(connection, gone, now)
        return _end(connection, declared | gone, set(promises), routing or Routing(), now)


def _withdraw_ports(connection: sa.Connection, gone: Iterable[str], now: datetime) -> None:
    for some in in_chunks(gone):
        unmarked = ports.c.address.in_(some) & ports.c.withdrawn_at.is_(None)
        connection.execute(sa.update(ports).where(unmarked).values(withdrawn_at=now))


def _end(
    connection: sa.Connection,
    addresses: set[str],
    promises: set[Promise],
    routing: Routing,
    now: datetime,
) -> tuple[str, ...]:
    """Forget the states of promises that these ports do not make, and end their breaches."""
    known = fetch(connection, sa.select(slo_states.c.address, slo_states.c.objective))
    states = {(row["address"], row["objective"]) for row in known}
    broken = {
        key: (row["address"], row["objective"]) for key, row in open_breaches(connection).items()
    }
    lost = {one for one in states | set(broken.values()) if one[0] in addresses} - promises
    over = {key for key, promise in broken.items() if promise in lost}
    delete_states(connection, lost)
    change(connection, over, {"closed_at": now, "closed_as": "withdrawn"})
    if over:
        tell_recoveries(connection, over, routing, now)
    return tuple(sorted(over))
