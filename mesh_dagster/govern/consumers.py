"""Know who reads a port, and what they expect of it.

In:  products as they are declared, in this working tree and elsewhere.
Out: a `Consumer` for each input.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

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
    reads: tuple[str, ...] | None = None
    """The columns that it is proved to read and no others; `None` when it may read every one."""


def consumers_of(products: Iterable[Declared]) -> Mapping[str, Sequence[Consumer]]:
    """Return the consumers of each address, by product."""
    found: defaultdict[str, list[Consumer]] = defaultdict(list)
    for product in sorted(products, key=lambda one: one.identity):
        expects = product.declaration.get("expects") or {}
        proved = product.declaration.get("columns_read")
        for name, address in product.declaration["inputs"].items():
            stated = _stated(expects.get(name))
            reads = None if proved is None else tuple(proved.get(address, ()))
            made = Consumer(product.key, product.major, product.owner, stated, reads)
            found[address].append(made)
    return found


def relied_on(consumer: Consumer, promised: WrittenContract) -> WrittenContract:
    """Return what a consumer expects; of one that states nothing, all that it reads of a contract.

    A rule over several columns, or a key, stays if any of them may be read.
    """
    if consumer.expects is not None:
        return consumer.expects
    if consumer.reads is None:
        return promised
    read = set(consumer.reads)
    return replace(
        promised,
        columns=tuple(column for column in promised.columns if column.name in read),
        keys=tuple(key for key in promised.keys if read & set(key)),
    )


def _stated(written: Json | None) -> WrittenContract | None:
    return None if written is None else WrittenContract.from_json(written)
