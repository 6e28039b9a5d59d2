"""Hold who reads what as nodes and links, and cut out the part around some of them.

In:  links, found by `discover/lineage.py`.
Out: a `Graph`, and the nodes that an address or a column's name stands for.
A link leads from what is read to what is made from it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Literal, NamedTuple

from mesh_dagster.declare.address import SCHEME, Address, require_name
from mesh_dagster.declare.lifecycle import Deprecated, endings_text
from mesh_dagster.errors import NotPublishedError, UnknownColumnError
from mesh_dagster.run.edges import Kind

Level = Literal["product", "port", "asset", "column"]
"""`asset` shows the internals between ports too."""
Known = Literal["recorded", "declared", "derived", "assumed"]
"""A publication read it; or as in `run/edges.py`."""
NodeKind = Literal["product", "port", "internal", "column"]
Gone = Literal["retired", "withdrawn", "removed"]
"""Ended for good, declared by no code location any more, or no column of the newest publication."""
_ADDRESS = f"{SCHEME}://"


class Link(NamedTuple):
    """One thing that is made from another."""

    source: str
    target: str
    how: Known
    kind: Kind = "value"
    version: int | None = None
    """The publication of the source that was read, where one is recorded."""


@dataclass(frozen=True)
class Node:
    """A product, port, internal or column."""

    name: str
    """`mesh://domain/product`, an address, the asset key of an internal, or with `#column`."""
    kind: NodeKind
    registered: bool
    version: int | None = None
    """The newest publication of a port."""
    deprecated: Mapping[str, Deprecated] = field(default_factory=dict)
    """Which port it is, belongs to or holds that is deprecated, by address."""
    gone: Gone | None = None
    """That it, the port it belongs to, or every port of the product, is offered no more."""

    @property
    def ending(self) -> str:
        """Say in short that it ended or ends, or which of a product's ports do; else empty."""
        return self.gone or endings_text(self.deprecated, [self.name.partition("#")[0]])

    @property
    def remark(self) -> str:
        """Say what whoever reads it has to know; mostly nothing."""
        return self.ending if self.registered else "not registered here"


@dataclass(frozen=True)
class Graph:
    """Nodes by name, and links between them, each in order."""

    level: Level
    nodes: Mapping[str, Node]
    links: tuple[Link, ...]

    @cached_property
    def into(self) -> Mapping[str, Sequence[Link]]:
        """The links that lead to each node."""
        return _by(self.links, "target")

    @cached_property
    def out_of(self) -> Mapping[str, Sequence[Link]]:
        """The links that lead from each node."""
        return _by(self.links, "source")

    def around(self, roots: Iterable[str], *, up: bool, down: bool, depth: int | None) -> "Graph":
        """Return the part from which roots are made, or which is made from them.

        Args:
            roots: Names of nodes.
            up: Follow links to what the roots are made from.
            down: Follow links to what is made from them.
            depth: So many links at most; all by default.
        """
        kept = set(roots)
        links: set[Link] = set()
        for wanted, by, end in ((up, self.into, "source"), (down, self.out_of, "target")):
            if wanted:
                links |= set(_closure(kept & set(self.nodes), by, end, depth))
        names = {name for link in links for name in link[:2]} | (kept & set(self.nodes))
        nodes = {name: node for name, node in self.nodes.items() if name in names}
        return Graph(self.level, nodes, tuple(link for link in self.links if link in links))

    def as_json(self) -> dict[str, Any]:  # Any: JSON
        """Return it as JSON."""
        return {
            "level": self.level,
            "nodes": [asdict(node) for node in self.nodes.values()],
            "links": [link._asdict() for link in self.links],
        }


def default_level(name: str) -> Level:
    """Return the level of an address, a column's name or `mesh://domain/product`.

    Raises:
        AddressRefusedError: It is none of them.
        NameRefusedError: Domain or product cannot be named so.
    """
    home, hash_, _ = name.partition("#")
    parts = home.removeprefix(_ADDRESS).split("/")
    if home.startswith(_ADDRESS) and len(parts) == len(("domain", "product")) and not hash_:
        require_name("domain", parts[0])
        require_name("product", parts[1])
        return "product"
    Address.parse(home)
    return "column" if hash_ else "port"


def find(known: Graph, name: str) -> list[str]:
    """Return the nodes that an address, a column's name or `mesh://domain/product` stands for.

    Raises:
        NotPublishedError: The registry knows no such product or port.
        UnknownColumnError: The newest publication of the port has no such column.
    """
    home, _, column = name.partition("#")
    home = product_of(home) if known.level == "product" else home
    found = [one for one in known.nodes if one == home or one.startswith((f"{home}#", f"{home}/"))]
    if not found:
        raise NotPublishedError(home, {one.partition("#")[0] for one in known.nodes})
    if not column or known.level != "column":
        return found
    if name not in found:
        there = [one.partition("#")[2] for one in found if known.nodes[one].gone != "removed"]
        raise UnknownColumnError(home, column, there)
    return [name]


def product_of(name: str) -> str:
    """Return the product of a port, an internal or a column, as `mesh://domain/product`."""
    domain, _, rest = name.removeprefix(_ADDRESS).partition("#")[0].partition("/")
    return f"{_ADDRESS}{domain}/{rest.partition('/')[0]}"


def _by(links: Iterable[Link], end: Literal["source", "target"]) -> Mapping[str, list[Link]]:
    found: defaultdict[str, list[Link]] = defaultdict(list)
    for link in links:
        found[getattr(link, end)].append(link)
    return found


def _closure(
    roots: set[str], by: Mapping[str, Sequence[Link]], end: str, depth: int | None
) -> Iterator[Link]:
    seen, edge = set(roots), set(roots)
    while edge and (depth is None or depth > 0):
        links = [link for name in edge for link in by.get(name, ())]
        yield from links
        edge = {getattr(link, end) for link in links} - seen
        seen |= edge
        depth = None if depth is None else depth - 1
