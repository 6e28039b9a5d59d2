"""Say where the columns of a port or internal come from, and how that is known.

In:  what a build function returned, the frames that it was given, what the team declares.
Out: a `Lineage`: for each column the columns of ports and internals that it is made from.
Where the trail ends, such as at a frame that was collected, the team's word counts; without it, a
column of equal name in what the build was given is assumed. Nothing here ever fails a build.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from mesh_dagster.declare.made_from import MadeFrom, SourceColumn
from mesh_dagster.run.edges import Edge, Edges, Lineage, strongest
from mesh_dagster.run.frames import is_relation
from mesh_dagster.run.plan_trail import IN_MEMORY, Origin, Trail, plan_trail


@dataclass(frozen=True)
class Taken:
    """A frame that a build was given."""

    name: str
    """The parameter that took it, and the view under which SQL reads it."""
    source: str
    """The address of the port, or the asset key of the internal, its parts joined by `/`."""
    columns: Sequence[str]
    place: str | None = None
    """The folder under which its files lie; `None` where the mesh did not write them."""
    through: Mapping[str, Lineage] = field(default_factory=dict)
    """An internal's own lineage, and that of the internals behind it, by asset key."""


def lineage_of(
    result: object,
    plan: pl.LazyFrame,
    taken: Collection[Taken],
    made_from: MadeFrom,
    columns: Collection[str] | None = None,
) -> Lineage:
    """Follow every column of a result.

    Args:
        result: What the build function returned.
        plan: The same as a plan.
        taken: What it was given.
        made_from: What the team declares, by column.
        columns: The columns that are kept; all by default.

    Returns:
        Nothing for a plan that cannot be computed; whoever runs it tells.
    """
    try:
        names = plan.collect_schema().names()
    except pl.exceptions.PolarsError:
        return Lineage()
    kept = [name for name in names if columns is None or name in columns]
    trail = _trail(result, plan, kept, taken) or {name: _unknown(name) for name in kept}
    edges = {name: _edges(trail[name], taken, made_from.get(name, ())) for name in kept}
    through = {key: inner for one in taken for key, inner in one.through.items()}
    return Lineage(edges, through)


def misdeclared(taken: Iterable[Taken], made_from: MadeFrom) -> list[str]:
    """Return the declared origins, as `parameter#column`, that what was given does not have."""
    given = {one.name: one.columns for one in taken}
    said = dict.fromkeys(source for sources in made_from.values() for source in sources)
    return [f"{name}#{column}" for name, column in said if column not in given[name]]


def _trail(
    result: object, plan: pl.LazyFrame, columns: Iterable[str], taken: Collection[Taken]
) -> Trail | None:
    try:
        return _sql_trail(result, taken) if is_relation(result) else plan_trail(plan, columns)
    except (Exception, pl.exceptions.PanicException):  # noqa: BLE001 - see the module's promise
        # The parser, or the plan as polars shows it, met what it does not know.
        return None


def _sql_trail(
    relation: Any,  # noqa: ANN401 - duckdb is imported only by those who use it
    taken: Collection[Taken],
) -> Trail | None:
    # Only builds in SQL wait for the library that reads it.
    from mesh_dagster.run.sql_trail import sql_trail  # noqa: PLC0415

    views = {one.name: one.columns for one in taken}
    return sql_trail(relation.sql_query(), relation.columns, views)


def _unknown(name: str) -> frozenset[Origin]:
    return frozenset({Origin(IN_MEMORY, name, "value")})


def _edges(
    found: Iterable[Origin], taken: Collection[Taken], declared: Iterable[SourceColumn]
) -> Edges:
    said = [
        Edge(one.source, column.column, "declared", "value")
        for column in declared
        for one in taken
        if one.name == column.parameter and column.column in one.columns
    ]
    known = [edge for origin in found for edge in _edges_of(origin, taken)]
    return strongest([*said, *(edge for edge in known if not said or edge.how == "derived")])


def _edges_of(origin: Origin, taken: Iterable[Taken]) -> Iterator[Edge]:
    for one in taken:
        if origin.column not in one.columns:
            continue
        if origin.place == one.name or (one.place and _within(origin.place, one.place)):
            yield Edge(one.source, origin.column, "derived", origin.kind)
        elif origin.place == IN_MEMORY or (one.place is None and "/" in origin.place):
            yield Edge(one.source, origin.column, "assumed", origin.kind)


def _within(folder: str, place: str) -> bool:
    return f"{folder}/".startswith(f"{place}/")
