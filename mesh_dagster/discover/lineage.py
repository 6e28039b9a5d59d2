"""Put together who reads what, across all code locations: products, ports, internals, columns.

In:  the registry: declarations, and the newest publication of each port with what it read.
Out: a `Graph` of one level, and the part of it around some of its nodes.
A product that is known only because others read it stands in the graph as not registered.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa

from mesh_dagster.declare.address import SCHEME
from mesh_dagster.declare.lifecycle import Deprecated
from mesh_dagster.discover.graph import (
    Gone,
    Graph,
    Known,
    Level,
    Link,
    Node,
    NodeKind,
    find,
    product_of,
)
from mesh_dagster.run.consumers import deprecations_of
from mesh_dagster.run.edges import Edge, Lineage
from mesh_dagster.run.registry import Registry, ports, products, publications
from mesh_dagster.run.retirements import retirements_in

_ADDRESS = f"{SCHEME}://"


@dataclass(frozen=True)
class Facts:
    """What the registry holds that lineage is made from."""

    products: Sequence[Mapping[str, Any]]  # Any: rows of the registry
    ports: Sequence[str]
    newest: Sequence[Mapping[str, Any]]  # Any: as above
    """Address, version and inputs of each port's newest publication."""
    lineages: Mapping[str, Lineage]
    """Address to where the columns of its newest publication come from, for the wanted ports."""
    deprecated: Mapping[str, Deprecated] = field(default_factory=dict)
    """The ports that are deprecated, by address."""
    gone: Mapping[str, Gone] = field(default_factory=dict)
    """The ports that nobody declares any more, by address."""


def around(
    registry: Registry, name: str, level: Level, *, up: bool, down: bool, depth: int | None
) -> tuple[list[str], Graph]:
    """Return the nodes that a name stands for, and the graph around them, as `Graph.around`.

    Raises:
        NotPublishedError: The registry knows no such product or port.
        UnknownColumnError: The newest publication of the port has no such column.
    """
    facts = gather(registry, columns_of=())
    if level in ("asset", "column"):
        # Columns are many, so only those of ports near by are read.
        known = graph(facts, "port")
        near = known.around(find(known, name), up=up, down=down, depth=None)
        facts = replace(facts, lineages=_lineages_of(registry, near.nodes))
    known = graph(facts, level)
    roots = find(known, name)
    return roots, known.around(roots, up=up, down=down, depth=depth)


def gather(registry: Registry, columns_of: Collection[str] | None = None) -> Facts:
    """Read what lineage is made from, in six statements.

    Args:
        registry: Where from.
        columns_of: The ports whose columns are wanted; all by default.
    """
    p = publications.c
    known = registry.rows(sa.select(ports.c.address, ports.c.withdrawn_at))
    retired = retirements_in(registry)
    return Facts(
        registry.rows(sa.select(products.c.key, products.c.declaration)),
        [row["address"] for row in known],
        registry.rows(_newest(p.address, p.version, p.inputs)),
        _lineages_of(registry, columns_of),
        deprecations_of(registry),
        {
            row["address"]: "retired" if row["address"] in retired else "withdrawn"
            for row in known
            if row["withdrawn_at"]
        },
    )


def _lineages_of(registry: Registry, addresses: Collection[str] | None) -> dict[str, Lineage]:
    p = publications.c
    query = _newest(p.address, p.lineage)
    if addresses is not None:
        query = query.where(p.address.in_(list(addresses)))
    rows = registry.rows(query) if addresses is None or addresses else ()
    return {row["address"]: Lineage.of(row["lineage"]) for row in rows}


def _newest(*columns: sa.Column[Any]) -> sa.Select[Any]:
    newest = (
        sa.select(publications.c.address, sa.func.max(publications.c.version).label("version"))
        .group_by(publications.c.address)
        .subquery()
    )
    same = publications.c.address == newest.c.address
    return sa.select(*columns).join(newest, same & (publications.c.version == newest.c.version))


def graph(facts: Facts, level: Level) -> Graph:
    """Return all that is known at one level."""
    links = sorted(set(_MAKERS[level](facts)))
    versions = {row["address"]: row["version"] for row in facts.newest}
    known = {*facts.ports, *versions, *_internals(facts)}
    names = {name for link in links for name in link[:2]}
    names |= {*facts.ports, *versions} if level in ("port", "asset") else set()
    if level == "product":
        known = {product_of(address) for address in known}
        known |= {f"{_ADDRESS}{row['key']}" for row in facts.products}
        names |= known
    if level == "column":
        names |= {f"{one}#{column}" for one, made in _lineages(facts) for column in made.columns}
    leaving = _by_node(facts, level)
    gone = {**_gone_by_node(facts, level), **dict(_removed(facts, names))}
    nodes = {name: _node(name, level, known, versions, leaving, gone) for name in sorted(names)}
    return Graph(level, nodes, tuple(links))


def _node(
    name: str,
    level: Level,
    known: Collection[str],
    versions: Mapping[str, int],
    leaving: Mapping[str, Mapping[str, Deprecated]],
    gone: Mapping[str, Gone],
) -> Node:
    home = name.partition("#")[0]
    about = versions.get(name), leaving.get(home, {}), gone.get(name, gone.get(home))
    return Node(name, _kind(name, level), home in known, *about)


def _by_node(facts: Facts, level: Level) -> dict[str, dict[str, Deprecated]]:
    """Return the deprecated ports by the address or the product under which nodes stand."""
    found: defaultdict[str, dict[str, Deprecated]] = defaultdict(dict)
    for address, state in facts.deprecated.items():
        found[product_of(address) if level == "product" else address][address] = state
    return found


def _gone_by_node(facts: Facts, level: Level) -> Mapping[str, Gone]:
    """Return what is gone; a product is where all its ports are."""
    if level != "product":
        return facts.gone
    alive = {product_of(address) for address in facts.ports if address not in facts.gone}
    ended = {product_of(address): state for address, state in sorted(facts.gone.items())}
    return {product: state for product, state in ended.items() if product not in alive}


def _removed(facts: Facts, names: Collection[str]) -> Iterator[tuple[str, Gone]]:
    """Yield the columns that were read once and that the newest publication has no more."""
    for name in names:
        home, _, column = name.partition("#")
        made = facts.lineages.get(home)
        if column and made and made.columns and column not in made.columns:
            yield name, "removed"


def _product_links(facts: Facts) -> Iterator[Link]:
    found: dict[tuple[str, str], Known] = {
        (product_of(address), f"{_ADDRESS}{row['key']}"): "declared"
        for row in facts.products
        for address in row["declaration"]["inputs"].values()
    }
    for row in facts.newest:
        for address in row["inputs"]:
            found[product_of(address), product_of(row["address"])] = "recorded"
    yield from (Link(*ends, how) for ends, how in found.items() if ends[0] != ends[1])


def _port_links(facts: Facts) -> Iterator[Link]:
    recorded = {row["address"]: row["inputs"] for row in facts.newest}
    declared = {address: _behind(address, reads) for address, reads in _reads(facts)}
    for address in {*recorded, *declared}:
        read = recorded.get(address, {})
        yield from (_read(source, address, read) for source in {*read, *declared.get(address, ())})


def _asset_links(facts: Facts) -> Iterator[Link]:
    recorded: defaultdict[str, dict[str, int | None]] = defaultdict(dict)
    for row in facts.newest:
        made = facts.lineages.get(row["address"], Lineage())
        recorded[product_of(row["address"])].update(dict.fromkeys(made.through) | row["inputs"])
    told: set[tuple[str, str]] = set()
    for _, reads in _reads(facts):
        for target, sources in reads.items():
            product = product_of(target)
            told |= {(product, source) for source in sources}
            yield from (_read(source, target, recorded[product]) for source in sources)
    for row in facts.newest:
        product = product_of(row["address"])
        yield from (
            _read(source, row["address"], row["inputs"])
            for source in row["inputs"]
            if (product, source) not in told
        )


def _column_links(facts: Facts) -> Iterator[Link]:
    for target, made in _lineages(facts):
        for column, edges in made.columns.items():
            yield from (_column_link(edge, f"{target}#{column}") for edge in edges)


_MAKERS = {
    "product": _product_links,
    "port": _port_links,
    "asset": _asset_links,
    "column": _column_links,
}


def _column_link(edge: Edge, target: str) -> Link:
    return Link(f"{edge.source}#{edge.column}", target, edge.how, edge.kind)


def _read(source: str, target: str, recorded: Mapping[str, int | None]) -> Link:
    how: Known = "recorded" if source in recorded else "declared"
    return Link(source, target, how, version=recorded.get(source))


def _lineages(facts: Facts) -> Iterator[tuple[str, Lineage]]:
    for address, made in facts.lineages.items():
        yield address, made
        yield from made.through.items()


def _reads(facts: Facts) -> Iterator[tuple[str, Mapping[str, Sequence[str]]]]:
    """Yield each declared port, with what its product's ports and internals read."""
    for row in facts.products:
        reads = row["declaration"]["reads"]
        yield from ((target, reads) for target in reads if target.startswith(_ADDRESS))


def _behind(target: str, reads: Mapping[str, Sequence[str]]) -> set[str]:
    """Return the ports that a port reads, itself or by the internals that it is built from."""
    found: set[str] = set()
    pending = [target]
    while pending:
        for source in reads.get(pending.pop(), ()):
            if source not in found:
                found.add(source)
                pending.append(source)
    return {source for source in found if source.startswith(_ADDRESS)}


def _internals(facts: Facts) -> set[str]:
    read = {
        name for _, reads in _reads(facts) for names in (reads, *reads.values()) for name in names
    }
    made = {name for name, _ in _lineages(facts)}
    return {name for name in read | made if not name.startswith(_ADDRESS)}


def _kind(name: str, level: Level) -> NodeKind:
    if level in ("product", "column"):
        return level
    return "port" if name.startswith(_ADDRESS) else "internal"
