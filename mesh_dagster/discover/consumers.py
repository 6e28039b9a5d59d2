"""Say who depends on a port: products that declare it as an input, and whoever reads it.

In:  the registry.
Out: one `Consumer` for each; a product that declares the port and was built from it is one, and a
product whose ports are all retired or withdrawn is none.
"""

from collections.abc import Collection, Iterable, Sequence

import sqlalchemy as sa

from mesh_dagster.discover.entries import Consumer
from mesh_dagster.run.consumers import offered
from mesh_dagster.run.history import among
from mesh_dagster.run.reads import Reader, columns_of, readers
from mesh_dagster.run.registering import links, make
from mesh_dagster.run.registry import Registry, products


def consumers(registry: Registry, addresses: Sequence[str]) -> list[Consumer]:
    """Return who depends on some ports, by address: products first, then the latest reader."""
    make(registry)
    query = (
        sa.select(links.c.address, links.c.product_key.label("key"), links.c.major)
        .where(links.c.address.in_(addresses))
        .order_by(links.c.address, links.c.product_key, links.c.major)
    )
    linked = [(row["address"], _name(row)) for row in registry.rows(query)]
    its_readers = readers(registry, addresses)
    built = {one.reader for one in its_readers if one.way == "build"}
    gone = _gone(registry, {name.rpartition(" v")[0] for name in {n for _, n in linked} | built})
    declared = [one for one in linked if one[1] not in gone]
    known: dict[tuple[str, str, bool], list[Reader]] = {
        (address, name, True): [] for address, name in dict.fromkeys(declared)
    }
    for reader in its_readers:
        builds = reader.way == "build"
        if not builds or reader.reader not in gone:
            known.setdefault((reader.address, reader.reader, builds), []).append(reader)
    found = [_consumer(*who, its_reads, declared) for who, its_reads in known.items()]
    return sorted(found, key=lambda one: one.kind)


def _gone(registry: Registry, keys: Collection[str]) -> set[str]:
    """Return which registered products offer no port any more, among those of some keys."""
    query = sa.select(products.c.key, products.c.major).where(among(products.c.key, keys))
    living = offered(registry, keys)
    rows = registry.rows(query)
    return {_name(row) for row in rows if (row["key"], row["major"]) not in living}


def _consumer(
    address: str,
    name: str,
    is_product: bool,  # noqa: FBT001 - unpacked from a key
    its_reads: Sequence[Reader],
    declared: Iterable[tuple[str, str]],
) -> Consumer:
    return Consumer(
        address=address,
        name=name,
        kind="product" if is_product else "reader",
        declared=is_product and (address, name) in declared,
        purposes=tuple(sorted({one.purpose for one in its_reads if one.purpose})),
        ways=tuple(sorted({one.way for one in its_reads})),
        reads=sum(one.reads for one in its_reads),
        first_read_at=min((one.first_read_at for one in its_reads), default=None),
        last_read_at=max((one.last_read_at for one in its_reads), default=None),
        last_version=max((one.last_version for one in its_reads), default=None),
        columns=columns_of(its_reads),
    )


def _name(row: object) -> str:
    return f"{row['key']} v{row['major']}"  # type: ignore[index]  # a row
