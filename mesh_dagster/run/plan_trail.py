"""Follow each column of a polars plan to the stored columns that it is made from.

In:  the plan that a build function returned.
Out: for each of its columns, the folders and columns that polars must read to compute it, and
whether its values are computed from them or they only choose, join, group or order rows.
A frame that was collected on the way is a place without a name.

Why: the optimizer of polars already knows which columns a query cannot do without. Asking it for
one column at a time gives lineage that cannot be wrong about what is read. A walk over the nodes
of the whole plan only sorts what was found into values and rows; what it cannot see is a value.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias

import polars as pl

from mesh_dagster.run.edges import Kind

IN_MEMORY = ""
"""The place of a frame that lies in no file."""


class Origin(NamedTuple):
    """A column of a file, or of a frame in memory."""

    place: str
    """The URL of the folder of a file, the name of a view in SQL, or `IN_MEMORY`."""
    column: str
    kind: Kind


Trail = Mapping[str, frozenset[Origin]]
"""Each column of a result to what it is made from."""
_View: TypeAlias = Any  # a node of the plan, as polars shows it to other engines
_Read = tuple[str, str]
_Values = frozenset[_Read] | None
"""What a value is computed from; `None` when it may be anything that is read."""
_OPERANDS = {
    "Agg": ("arguments",),
    "BinaryExpr": ("left", "right"),
    "Cast": ("expr",),
    "Filter": ("input",),
    "Function": ("input",),
    "Gather": ("expr", "idx"),
    "Len": (),
    "Literal": (),
    "Slice": ("input", "offset", "length"),
    "Sort": ("expr",),
    "SortBy": ("expr",),
    "Ternary": ("predicate", "truthy", "falsy"),
    "Window": ("function",),
}
"""The parts of an expression that its value is computed from; others choose and order rows."""
_SAME_NAMES = (
    "Cache",
    "Distinct",
    "Filter",
    "HConcat",
    "MergeSorted",
    "SimpleProjection",
    "Slice",
    "Sort",
    "Union",
)
"""Nodes that hand columns on under their names."""
_RESHAPING = ("explode", "unnest")
"""Functions of nodes that hand on the columns that they do not reshape."""


def plan_trail(plan: pl.LazyFrame, wanted: Iterable[str] | None = None) -> Trail | None:
    """Return the origins of each column; a column without stored origins has none.

    Args:
        plan: What is followed.
        wanted: The columns to follow, each at the price of one optimization; all by default.

    Returns:
        `None` when this version of polars does not show its optimized plans.
    """
    try:
        names = list(plan.collect_schema() if wanted is None else wanted)
        read = {name: frozenset(_read(_Plan(plan.select(pl.col(name))))) for name in names}
        values = _values(_Plan(plan))
    except (AttributeError, NotImplementedError, pl.exceptions.PolarsError):
        return None
    return {name: _sorted_out(read[name], values.get(name)) for name in names}


def _sorted_out(read: frozenset[_Read], values: _Values) -> frozenset[Origin]:
    return frozenset(
        Origin(*one, "value" if values is None or one in values else "row") for one in read
    )


class _Plan:
    """An optimized plan, node by node."""

    def __init__(self, plan: pl.LazyFrame) -> None:
        # Polars shows it to other engines by this interface, without a public name.
        self._traverser: Any = plan._ldf.visit()  # noqa: SLF001
        self.root: int = self._traverser.get_node()

    def inputs(self, node: int) -> list[int]:
        """Return the nodes that a node reads."""
        self._traverser.set_node(node)
        return list(self._traverser.get_inputs())

    def schema(self, node: int) -> list[str]:
        """Return the names of the columns that a node gives."""
        self._traverser.set_node(node)
        return list(self._traverser.get_schema())

    def view(self, node: int) -> _View:
        """Return a node's own description; `None` for one that polars does not show."""
        self._traverser.set_node(node)
        try:
            return self._traverser.view_current_node()
        except NotImplementedError:
            return None

    def columns(self, node: int, expression: int) -> frozenset[str] | None:
        """Return the columns that an expression's value is computed from, if polars shows it."""
        self._traverser.set_node(node)
        found: set[str] = set()
        pending = [expression]
        while pending:
            try:
                view = self._traverser.view_expression(pending.pop())
            except NotImplementedError:
                return None
            kind = type(view).__name__
            if kind == "Column":
                found.add(view.name)
            elif kind not in _OPERANDS:
                return None
            for operand in _OPERANDS.get(kind, ()):
                part = getattr(view, operand)
                pending += part if isinstance(part, list) else [part]
        return frozenset(found)


def _read(plan: _Plan) -> Iterator[_Read]:
    pending, seen = [plan.root], set()
    while pending:
        node = pending.pop()
        if node in seen:
            continue
        seen.add(node)
        pending += plan.inputs(node)
        if not plan.inputs(node):
            yield from _leaf(plan, node)


def _leaf(plan: _Plan, node: int) -> Iterator[_Read]:
    view = plan.view(node)
    # A port may have thousands of files, all in one folder.
    stored = type(view).__name__ == "Scan"
    places = {str(path).rpartition("/")[0] for path in view.paths} if stored else {IN_MEMORY}
    yield from ((place, column) for place in places for column in plan.schema(node))


def _values(plan: _Plan) -> dict[str, _Values]:
    known: dict[int, dict[str, _Values]] = {}
    pending = [plan.root]
    while pending:
        node = pending[-1]
        missing = [one for one in plan.inputs(node) if one not in known]
        if missing:
            pending += missing
            continue
        pending.pop()
        if node not in known:
            known[node] = _values_of(plan, node, [known[one] for one in plan.inputs(node)])
    return known[plan.root]


def _values_of(plan: _Plan, node: int, given: list[dict[str, _Values]]) -> dict[str, _Values]:
    view, names = plan.view(node), plan.schema(node)
    kind = type(view).__name__
    if not given:
        found = sorted(_leaf(plan, node), key=itemgetter(1))
        return {name: frozenset(same) for name, same in groupby(found, key=itemgetter(1))}
    if kind in _SAME_NAMES:
        return {name: _together(one.get(name, frozenset()) for one in given) for name in names}
    if kind == "Join":
        return {name: _joined(name, view, *given) for name in names}
    named = {"Select": "expr", "HStack": "exprs", "GroupBy": "aggs"}
    if kind == "MapFunction" and view.function[0] in _RESHAPING:
        return {name: given[0].get(name) for name in names}
    if kind not in named:
        return dict.fromkeys(names)
    made = [*getattr(view, named[kind]), *(view.keys if kind == "GroupBy" else ())]
    kept = {name: given[0].get(name) for name in names}
    return kept | {e.output_name: _computed(plan, node, e.node, given[0]) for e in made}


def _computed(plan: _Plan, node: int, expression: int, given: dict[str, _Values]) -> _Values:
    columns = plan.columns(node, expression)
    return None if columns is None else _together(given.get(name) for name in columns)


def _together(parts: Iterable[_Values]) -> _Values:
    found: frozenset[_Read] = frozenset()
    for part in parts:
        if part is None:
            return None
        found |= part
    return found


def _joined(name: str, view: _View, left: dict[str, _Values], right: dict[str, _Values]) -> _Values:
    how, _, _, suffix, coalesced, _ = view.options
    keys = {expression.output_name for expression in view.right_on}
    if name in left and name in right and coalesced and name in keys and how in ("Full", "Right"):
        return _together(side[name] for side in (left, right) if how == "Full" or side is right)
    if name in left:
        return left[name]
    return right.get(name, right.get(name.removesuffix(suffix)))
