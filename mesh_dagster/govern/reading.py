"""Say which columns of a port a product really reads, where its lineage proves it.

In:  the newest publication of each port of the product.
Out: address to columns. Only what was followed through plans and SQL counts: where a column was
declared or assumed, or comes from nothing that is known, the product may read every column.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence

from mesh_dagster.run.edges import Edge, Lineage
from mesh_dagster.run.registry import Publication

Reads = Mapping[str, Sequence[str]]


def columns_read(ports: Collection[str], latest: Mapping[str, Publication]) -> Reads | None:
    """Return the columns that a product reads of each port; `None` where that is not known.

    Args:
        ports: The addresses of the product's own ports.
        latest: The newest publication of each address.
    """
    known = [Lineage.of(latest[address].lineage) for address in ports if address in latest]
    if len(known) < len(ports) or not all(_proved(lineage) for lineage in known):
        return None
    found: defaultdict[str, set[str]] = defaultdict(set)
    for edge in (edge for lineage in known for edge in _edges(lineage)):
        found[edge.source].add(edge.column)
    return {source: sorted(columns) for source, columns in found.items()}


def _proved(lineage: Lineage) -> bool:
    columns = lineage.columns.values()
    here = bool(columns) and all(
        edges and all(edge.how == "derived" for edge in edges) for edges in columns
    )
    return here and all(_proved(inner) for inner in lineage.through.values())


def _edges(lineage: Lineage) -> Iterator[Edge]:
    for one in (lineage, *lineage.through.values()):
        yield from (edge for edges in one.columns.values() for edge in edges)
