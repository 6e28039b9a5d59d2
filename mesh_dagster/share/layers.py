"""Lay out lineage from left to right, so that it can be drawn.

In:  a `Graph`.
Out: a `Drawing`: a place for each node, and a path for each link that passes between the nodes.

Source:
    Sugiyama, Tagawa and Toda, "Methods for Visual Understanding of Hierarchical System
    Structures", 1981: layers by longest path, points where links cross layers, barycentres.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from mesh_dagster.discover.graph import Graph, Link, Node

BOX_PX = 216, 46
_GAP_PX, _BETWEEN_PX, _EDGE_PX = 72, 16, 8
HEAD_PX = 8
"""How long the head of an arrow is: a curve ends so far before the box that it leads to."""
_SWEEPS = 4
Ends = tuple[str, str]
Point = tuple[int, str, str]
"""Where a link crosses a layer: the layer, and the ends of the link."""
Item = str | Point


@dataclass(frozen=True)
class Box:
    """A node in its place."""

    node: Node
    x: float
    y: float


@dataclass(frozen=True)
class Curve:
    """A link and its path, as SVG writes it."""

    link: Link
    path: str


@dataclass(frozen=True)
class Drawing:
    """A graph that is laid out, in pixels."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    curves: tuple[Curve, ...]


def laid_out(graph: Graph) -> Drawing:
    """Give every node a place: what it is made from stands left of it."""
    ends = sorted({link[:2] for link in graph.links if link.source != link.target})
    ranks = _ranks(list(graph.nodes), ends)
    chains = {pair: _chain(pair, ranks) for pair in ends}
    places = _places(_ordered(_layers(ranks, chains.values()), list(chains.values())))
    width, height = BOX_PX
    boxes = tuple(Box(node, *places[name]) for name, node in graph.nodes.items())
    curves = (Curve(link, _path(chains.get(link[:2], ()), places)) for link in graph.links)
    return Drawing(
        width=max((box.x for box in boxes), default=0) + width + _EDGE_PX,
        height=max((y for _, y in places.values()), default=0) + height + _EDGE_PX,
        boxes=boxes,
        curves=tuple(curves),
    )


def _ranks(names: Sequence[str], ends: Sequence[Ends]) -> dict[str, int]:
    """Return the layer of each node: the longest way to it; a circle is entered somewhere."""
    targets, waiting = defaultdict(list), dict.fromkeys(names, 0)
    for source, target in ends:
        targets[source].append(target)
        waiting[target] += 1
    ranks, left = dict.fromkeys(names, 0), dict.fromkeys(names)
    ready = [name for name in names if not waiting[name]]
    while left:
        name = ready.pop() if ready else next(iter(left))
        del left[name]
        for target in targets[name]:
            waiting[target] -= 1
            if target in left:
                ranks[target] = max(ranks[target], ranks[name] + 1)
                if not waiting[target]:
                    ready.append(target)
    made = {target for _, target in ends}
    for name in names:
        # What nothing is made from stands beside what is first made from it.
        if name not in made and targets[name]:
            ranks[name] = max(min(ranks[target] for target in targets[name]) - 1, 0)
    return ranks


def _chain(pair: Ends, ranks: Mapping[str, int]) -> list[Item]:
    """Return the ends of a link, with a point in every layer between."""
    source, target = pair
    between = range(ranks[source] + 1, ranks[target])
    return [source, *((rank, source, target) for rank in between), target]


def _layers(ranks: Mapping[str, int], chains: Iterable[Sequence[Item]]) -> list[list[Item]]:
    layers: list[list[Item]] = [[] for _ in range(max(ranks.values(), default=0) + 1)]
    for name, rank in ranks.items():
        layers[rank].append(name)
    for chain in chains:
        for point in chain[1:-1]:
            layers[int(point[0])].append(point)
    return layers


def _ordered(layers: list[list[Item]], chains: Sequence[Sequence[Item]]) -> list[list[Item]]:
    """Put the items of each layer near those that they are linked with."""
    before, after = defaultdict(list), defaultdict(list)
    for chain in chains:
        for left, right in pairwise(chain):
            before[right].append(left)
            after[left].append(right)
    for sweep in range(_SWEEPS):
        forward = sweep % 2 == 0
        linked = before if forward else after
        place: dict[Item, float] = {}
        for layer in layers if forward else reversed(layers):
            own = {item: number for number, item in enumerate(layer)}
            near = {item: [place[one] for one in linked[item] if one in place] for item in layer}
            wanted = {i: sum(found) / len(found) if found else own[i] for i, found in near.items()}
            layer.sort(key=wanted.__getitem__)
            place.update({item: number for number, item in enumerate(layer)})
    return layers


def _places(layers: Sequence[Sequence[Item]]) -> dict[Item, tuple[float, float]]:
    width, _ = BOX_PX
    tallest = max(sum(map(_height, layer)) for layer in layers)
    places: dict[Item, tuple[float, float]] = {}
    for number, layer in enumerate(layers):
        y = _EDGE_PX + (tallest - sum(map(_height, layer))) / 2
        for item in layer:
            places[item] = _EDGE_PX + number * (width + _GAP_PX), y
            y += _height(item)
    return places


def _height(item: Item) -> float:
    return _BETWEEN_PX if isinstance(item, tuple) else BOX_PX[1] + _BETWEEN_PX


def _path(chain: Sequence[Item], places: Mapping[Item, tuple[float, float]]) -> str:
    """Write a curve from the right of a node to the left of another, straight where it passes.

    It ends to the right also where a circle leads back, so that its arrow does.
    """
    written, x, y = "", 0.0, 0.0
    for number, item in enumerate(chain):
        left, top = places[item]
        middle = top if isinstance(item, tuple) else top + BOX_PX[1] / 2
        if number:
            end = left - HEAD_PX * (number == len(chain) - 1)
            half = abs(end - x) / 2
            written += (
                f"C{x + half:.1f} {y:.1f} {end - half:.1f} {middle:.1f} {end:.1f} {middle:.1f}"
            )
        x, y = left + BOX_PX[0], middle
        if number < len(chain) - 1:
            written += f"H{x:.1f}" if number else f"M{x:.1f} {y:.1f}"
    return written
