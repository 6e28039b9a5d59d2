"""Choose the part of lineage that a page draws.

In:  the registry, a name and a level.
Out: a `Traced`: a drawing of as many steps as fit, and all links as text.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

import sqlalchemy as sa
from starlette.exceptions import HTTPException

from mesh_dagster.discover.graph import Graph, Level, Link, Node, default_level
from mesh_dagster.discover.lineage import around, gather, graph
from mesh_dagster.errors import NotPublishedError, UnknownColumnError
from mesh_dagster.run.registry import Registry, products
from mesh_dagster.share.layers import Drawing, laid_out

LEVELS: tuple[Level, ...] = ("product", "port", "column")
_MOST_DRAWN, _MOST_LISTED = 120, 400
_DEEPEST = 20


@dataclass(frozen=True)
class Traced:
    """What is made from what, around something or over the whole mesh."""

    roots: Sequence[str]
    level: Level
    drawing: Drawing | None
    """`None` where even one step would not fit."""
    steps: int | None
    """So many steps around the roots are drawn; `None` for all."""
    into: Mapping[str, Sequence[Link]]
    """What each node is made from, for the first nodes."""
    remarks: Mapping[str, str]
    """What has to be known of nodes, by their names."""
    nodes: int
    more: int
    """Nodes that are made from something and not listed."""


def traced(registry: Registry, name: str, level: str) -> Traced:
    """Return the lineage of a name at a level, by default its own; of no name, of the mesh.

    Raises:
        MeshError: The name means nothing here.
        HTTPException: The level is none.
    """
    if not name:
        return _whole(registry)
    known: Level = default_level(name) if not level else _level(level)
    try:
        roots, found = around(registry, name, known, up=True, down=True, depth=None)
    except (NotPublishedError, UnknownColumnError):
        alone = _declared(registry, name) if known == "column" else {}
        if not alone:
            raise
        roots, found = list(alone), Graph("column", alone, ())
    return _traced(roots, found)


def _declared(registry: Registry, name: str) -> dict[str, Node]:
    """Return the columns that a contract has and of whose origin no publication tells."""
    address, _, column = name.partition("#")
    contracts = [row["declaration"]["contract"] for row in registry.ports(address)]
    names = (known["name"] for contract in contracts for known in contract["columns"])
    nodes = (Node(f"{address}#{one}", "column", registered=True) for one in names)
    return {node.name: node for node in nodes if not column or node.name == name}


def _level(given: str) -> Level:
    for one in LEVELS:
        if one == given:
            return one
    detail = f"The parameter 'level' is not understood. Give one of {', '.join(LEVELS)}."
    raise HTTPException(HTTPStatus.BAD_REQUEST, detail)


def _whole(registry: Registry) -> Traced:
    count = registry.rows(sa.select(sa.func.count().label("products")).select_from(products))
    number = int(count[0]["products"])
    if number > _MOST_DRAWN:
        return Traced((), "product", None, None, {}, {}, number, 0)
    return _traced((), graph(gather(registry, columns_of=()), "product"))


def _traced(roots: Sequence[str], found: Graph) -> Traced:
    drawn, steps = _fitting(roots, found)
    order = [*(root for root in roots if root in found.into), *sorted(set(found.into) - {*roots})]
    listed = {name: found.into[name] for name in order[:_MOST_LISTED]}
    return Traced(
        roots=roots,
        level=found.level,
        drawing=laid_out(drawn) if drawn else None,
        steps=steps,
        into=listed,
        remarks={name: node.remark for name, node in found.nodes.items() if node.remark},
        nodes=len(found.nodes),
        more=len(found.into) - len(listed),
    )


def _fitting(roots: Sequence[str], found: Graph) -> tuple[Graph | None, int | None]:
    """Return as many steps around the roots as can be drawn."""
    if len(found.nodes) <= _MOST_DRAWN:
        return found, None
    best: tuple[Graph | None, int | None] = None, None
    for depth in range(1, _DEEPEST):
        near = found.around(roots, up=True, down=True, depth=depth)
        if len(near.nodes) > _MOST_DRAWN:
            break
        best = near, depth
    return best
