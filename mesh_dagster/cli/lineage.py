"""Show from what a port, product or column is made, and what is made from it.

In:  an address, the registry, which is all that is read.
Out: trees of text, or a diagram or document of the same part of the mesh.
"""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

import click

from mesh_dagster.cli.output import as_json_option, write_json
from mesh_dagster.errors import ExtraMissingError

if TYPE_CHECKING:
    from mesh_dagster.discover.graph import Graph, Level, Link
    from mesh_dagster.run.registry import Registry

_LEVELS = ("product", "port", "asset", "column")
_FORMATS = ("text", "mermaid", "dot", "json", "openlineage")
_UP, _DOWN = "made from", "used by"
_NOTHING = {_UP: "nothing that the mesh knows", _DOWN: "nothing that is registered here"}


@click.command()
@click.argument("address")
@click.option("--up", is_flag=True, help="Show only what it is made from.")
@click.option("--down", is_flag=True, help="Show only what is made from it.")
@click.option("--depth", type=click.IntRange(min=1), help="Follow at most so many steps.")
@click.option("--level", type=click.Choice(_LEVELS), help="By default that of ADDRESS.")
@click.option("--format", "format_", type=click.Choice(_FORMATS), default="text", show_default=True)
@as_json_option
def lineage(
    *,
    address: str,
    up: bool,
    down: bool,
    depth: int | None,
    level: "Level | None",
    format_: Literal["text", "mermaid", "dot", "json", "openlineage"],
    as_json: bool,
) -> None:
    """Show what ADDRESS is made from, and what is made from it.

    ADDRESS is that of a port, such as mesh://domain/product/v1/port, with #column for one of its
    columns, or mesh://domain/product. The level `asset` shows internals too.
    """
    from mesh_dagster.cli.registry import open_registry
    from mesh_dagster.discover import diagram
    from mesh_dagster.discover.graph import default_level
    from mesh_dagster.discover.lineage import around

    level = level or default_level(address)
    both = up == down
    with open_registry() as registry:
        roots, found = around(
            registry, address, level, up=up or both, down=down or both, depth=depth
        )
        if format_ == "openlineage":
            _write_events(registry, found)
            return
    if as_json or format_ == "json":
        write_json({"roots": roots, **found.as_json()})
    elif format_ == "text":
        directions = [*([_UP] if up or both else []), *([_DOWN] if down or both else [])]
        click.echo("\n".join(_text(found, roots, directions)))
    else:
        click.echo(diagram.mermaid(found) if format_ == "mermaid" else diagram.dot(found))


def _write_events(registry: "Registry", graph: "Graph") -> None:
    """Write the newest publication of each port of a graph as a line of JSON."""
    try:
        from mesh_dagster.discover.openlineage import publication_events
    except ImportError as error:
        raise ExtraMissingError("--format openlineage", "openlineage") from error
    homes = {name.partition("#")[0] for name in graph.nodes}
    for event in publication_events(registry, homes):
        click.echo(json.dumps(event))


def _text(graph: "Graph", roots: list[str], directions: list[str]) -> Iterator[str]:
    for number, root in enumerate(roots):
        yield from [""] * bool(number)
        ending = graph.nodes[root].ending
        yield click.style(_named(graph, root), bold=True) + (f"  {ending}" if ending else "")
        for direction in directions:
            tree = _Tree(graph, direction)
            lines = list(tree.below(root)) or [(_NOTHING[direction], "")]
            width = max(len(text) for text, _ in lines)
            yield click.style(direction, dim=True)
            for text, note in lines:
                yield f"  {text:<{width}}  {click.style(note, dim=True)}" if note else f"  {text}"


class _Tree:
    """What stands around one node in one direction; what was shown once is not shown again."""

    def __init__(self, graph: "Graph", direction: str) -> None:
        self._graph = graph
        self._up = direction == _UP
        self._links = graph.into if self._up else graph.out_of
        self._seen: set[str] = set()

    def below(self, name: str, indent: str = "") -> Iterator[tuple[str, str]]:
        """Yield the lines below a node: a text, and a note that is aligned beside it."""
        self._seen.add(name)
        links = self._links.get(name, ())
        values = [link for link in links if link.kind == "value"]
        rows = list(self._rows([link for link in links if link.kind == "row"]))
        left = len(values) + len(rows)
        for link in values:
            left -= 1
            other = self._end(link)
            again = other in self._seen and other in self._links
            yield f"{indent}{_branch(left)} {_named(self._graph, other)}", self._note(link, again)
            if not again:
                yield from self.below(other, f"{indent}{'│  ' if left else '   '}")
        for text, note in rows:
            left -= 1
            yield f"{indent}{_branch(left)} {text}", note

    def _rows(self, links: list["Link"]) -> Iterator[tuple[str, str]]:
        """Sum up the columns that only choose rows, by the port or internal that they stand in."""
        ends = [self._end(link).partition("#") for link in links]
        for home in dict.fromkeys(home for home, _, _ in ends):
            columns = ", ".join(column for one, _, column in ends if one == home)
            same = [link for link, end in zip(links, ends, strict=True) if end[0] == home]
            known = ", ".join(sorted({link.how for link in same}))
            yield f"rows {'by' if self._up else 'of'} {home}: {columns}", self._told(known, same[0])

    def _end(self, link: "Link") -> str:
        return link.source if self._up else link.target

    def _note(self, link: "Link", again: bool) -> str:  # noqa: FBT001 - a claim about the line
        newest = self._graph.nodes[link.source].version
        notes: list[str] = [link.how]
        if link.version is not None:
            notes = [f"version {link.version}"]
            notes += [f"newest {newest}"] if newest not in (None, link.version) else []
        return self._told(", ".join([*notes, *(["as above"] if again else [])]), link)

    def _told(self, note: str, link: "Link") -> str:
        ending = self._graph.nodes[self._end(link)].ending
        return f"{note}; {ending}" if ending else note


def _branch(left: int) -> str:
    return "├─" if left else "└─"


def _named(graph: "Graph", name: str) -> str:
    node = graph.nodes[name]
    return name if node.registered else f"{name} ({node.remark})"
