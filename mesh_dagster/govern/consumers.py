"""Know who reads a port, and what they expect of it.

In:  products as they are declared, in this working tree and elsewhere; reads that were counted.
Out: a `Consumer` for each input, and for each reader who declares none.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from mesh_dagster.declare.written import WrittenContract
from mesh_dagster.govern.declared import Declared, Json
from mesh_dagster.run.reads import Reader, columns_of


@dataclass(frozen=True)
class Consumer:
    """One product that reads one port, or somebody who was counted reading it."""

    name: str
    """`domain/name`, or a reader's."""
    major: int | None
    """`None` for a reader who declares nothing, as the owner is."""
    owner: str | None
    expects: WrittenContract | None
    """`None` when it states nothing, and so relies on all that was promised."""
    reads: tuple[str, ...] | None = None
    """The columns that it is proved to read and no others; `None` when it may read every one."""
    read_at: datetime | None = None
    """When a reader who declares nothing read it last."""

    @property
    def label(self) -> str:
        """Name it."""
        return self.name if self.major is None else f"{self.name} v{self.major}"

    @property
    def whose(self) -> str:
        """Say who owns it, or how it is known."""
        if self.read_at is None:
            return self.owner or ""
        return f"declares nothing, read it on {self.read_at:%Y-%m-%d}"


def consumers_of(products: Iterable[Declared]) -> Mapping[str, Sequence[Consumer]]:
    """Return the consumers of each address, by product."""
    found: defaultdict[str, list[Consumer]] = defaultdict(list)
    for product in sorted(products, key=lambda one: one.identity):
        expects = product.declaration.get("expects") or {}
        proved = product.declaration.get("columns_read") or {}
        for name, address in product.declaration["inputs"].items():
            stated = _stated(expects.get(name))
            # What is read and never seen in lineage was collected on the way, or counted.
            reads = tuple(proved[address]) if address in proved else None
            made = Consumer(product.key, product.major, product.owner, stated, reads)
            found[address].append(made)
    return found


def counted_readers(found: Iterable[Reader]) -> Mapping[str, Sequence[Consumer]]:
    """Return who reads each address without being built from it, by name."""
    reads: defaultdict[tuple[str, str], list[Reader]] = defaultdict(list)
    for reader in found:
        if reader.way != "build":
            reads[reader.address, reader.reader].append(reader)
    known: defaultdict[str, list[Consumer]] = defaultdict(list)
    for (address, name), its_reads in sorted(reads.items()):
        last = max(one.last_read_at for one in its_reads)
        known[address].append(Consumer(name, None, None, None, columns_of(its_reads), last))
    return known


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
