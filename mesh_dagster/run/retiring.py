"""Decide whether a port may be retired, and who follows it.

In:  addresses, the registry, a clock reading.
Out: nothing, or a refusal that says who reads the port; the address of its successor.
"""

from datetime import datetime

from mesh_dagster.declare.address import Address
from mesh_dagster.declare.lifecycle import Deprecated
from mesh_dagster.errors import (
    NotPublishedError,
    StillPromisedError,
    StillReadError,
    SuccessorRefusedError,
)
from mesh_dagster.run.consumers import consumers, states_of
from mesh_dagster.run.overview import PortStatus, overview
from mesh_dagster.run.reads import RECENT, readers
from mesh_dagster.run.registry import Registry


def require_retirable(registry: Registry, address: Address, now: datetime) -> None:
    """Refuse to retire a port that others read, or that is promised for longer.

    Raises:
        StillReadError: Registered products declare it as an input, or somebody read it in the last
            30 days; the message says who.
        StillPromisedError: It is deprecated, and the last day of its promise is not over.
    """
    text = str(address)
    declared = {one.product: one.owner for one in consumers(registry, now).get(text, ())}
    recent = {
        one.reader: f"{one.way}, {(now - one.last_read_at).days} d ago"
        for one in reversed(readers(registry, [text], since=now - RECENT))
        if one.reader not in declared
    }
    if declared or recent:
        who = [f"{name} ({how})" for name, how in {**recent, **declared}.items()]
        raise StillReadError(text, who)
    state = states_of(registry, [text]).get(text)
    if isinstance(state, Deprecated) and state.until >= now.date():
        raise StillPromisedError(text, state.until.isoformat())


def named_successor(registry: Registry, address: Address, named: str | None) -> Address | None:
    """Return who follows a port: as named, else as its deprecation says.

    Raises:
        AddressRefusedError: The text is no address.
        SuccessorRefusedError: It is the port itself, or retired.
        NotPublishedError: The registry does not know it.
    """
    state = states_of(registry, [str(address)]).get(str(address))
    text = named or (state.successor if isinstance(state, Deprecated) else None)
    if text is None:
        return None
    successor = Address.parse(text)
    if successor == address:
        raise SuccessorRefusedError(str(address), "names itself as its successor")
    if known_port(registry, successor).state == "retired":
        raise SuccessorRefusedError(str(address), f"names '{successor}', which is retired itself")
    return successor


def known_port(registry: Registry, address: Address) -> PortStatus:
    """Return how a port stands that somebody declared or published.

    Raises:
        NotPublishedError: The registry knows no such port.
    """
    known = {status.address: status for status in overview(registry)}
    if str(address) not in known:
        raise NotPublishedError(str(address), known)
    return known[str(address)]
