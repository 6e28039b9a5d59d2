"""Know who reads a port, and what they expect of it.

In:  products as they are declared, in this working tree and elsewhere.
Out: a `Consumer` for each input.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mesh_dagster.declare.written import WrittenContract
from mesh_dagster.govern.declared import Declared, Json


@dataclass(frozen=True)
class Consumer:
    """One product that reads one port."""

    product: str
    """`domain/name`."""
    major: int
    owner: str
    expects: WrittenContract | None
    """`None` when it states nothing, and so relies on all that was promised."""


def consumers_of(products: Iterable[Declared]) -> Mapping[str, Sequence[Consumer]]:
    """Return the consumers of each address, by product."""
    found: defaultdict[str, list[Consumer]] = defaultdict(list)
    for product in sorted(products, key=lambda one: one.identity):
        expects = product.declaration.get("expects") or {}
        for name, address in product.declaration["inputs"].items():
            stated = _stated(expects.get(name))
            found[address].append(Consumer(product.key, product.major, product.owner, stated))
    return found


def _stated(written: Json | None) -> WrittenContract | None:
    return None if written is None else WrittenContract.from_json(written)
