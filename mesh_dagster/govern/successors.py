"""Say which deprecated ports of a working tree send their readers to a port that is not there.

In:  the ports of the tree with their states, the addresses that are registered.
Out: clauses that follow the address of a port.
"""

from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches

from mesh_dagster.declare.address import Address
from mesh_dagster.declare.lifecycle import Deprecated, State

REMEDY = "Declare the successor, or name a port that is there."


def missing_successors(
    ports: Mapping[str, State], registered: Collection[str]
) -> Iterator[tuple[str, str]]:
    """Yield the address of each port whose successor nobody declares, and the clause about it.

    Args:
        ports: Every port of the working tree, by address.
        registered: Addresses that somebody declares, here or elsewhere; where there are none, no
            more is known than the domains of the tree, and successors in others are not judged.
    """
    known = {*ports, *registered}
    domains = {Address.parse(address).domain for address in known}
    for address, state in sorted(ports.items()):
        successor = state.successor if isinstance(state, Deprecated) else None
        if successor is None or successor in known:
            continue
        if registered or Address.parse(successor).domain in domains:
            near = get_close_matches(successor, known - {address}, n=1)
            instead = f"; '{near[0]}' is declared" if near else ""
            yield address, f"has the successor '{successor}', which nobody declares{instead}"
