"""Say which ports end, and who still reads them.

In:  products as they are declared, in this working tree and elsewhere, and who reads what.
Out: an `Ending` for each deprecated port that the working tree offers or reads.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from mesh_dagster.declare.lifecycle import Deprecated, state_of
from mesh_dagster.govern.consumers import Consumer
from mesh_dagster.govern.declared import Declared


@dataclass(frozen=True)
class Ending:
    """A deprecated port that somebody reads."""

    address: str
    until: date
    successor: str | None
    readers: tuple[Consumer, ...]


def endings(
    tree: Sequence[Declared],
    others: Iterable[Declared],
    consumers: Mapping[str, Sequence[Consumer]],
) -> Iterator[Ending]:
    """Yield the deprecated ports that concern a working tree, by address."""
    mine = {product.identity for product in tree}
    ports = {
        address: (product, port)
        for product in [*others, *tree]
        for address, port in product.ports.items()
    }
    for address, (product, port) in sorted(ports.items()):
        state = state_of(port.declaration.get("state"))
        if not isinstance(state, Deprecated):
            continue
        offered = product.identity in mine
        readers = tuple(
            one for one in consumers.get(address, ()) if offered or (one.name, one.major) in mine
        )
        if readers:
            yield Ending(address, state.until, state.successor, readers)
