"""Hold what is known of where columns come from, and write it as JSON.

In:  edges, found by `run/lineage.py`.
Out: a `Lineage`, as it lies in the commit of a publication, in the registry's column `lineage`
and beside an internal:

    {"columns": {"earned": [["mesh://sales/invoices/v1/lines", "amount", "derived", "value"]]},
     "rows": [["mesh://sales/invoices/v1/lines", "track_id", "derived"]],
     "through": {"sales/invoices/internal/raw_lines": {"columns": {...}, "rows": [...]}}}

`rows` are edges of kind `row` that hold for every column; `through` says the same of each internal
between the port and what other products publish. `Lineage.of(publication.lineage)` reads it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import Any, Literal, NamedTuple

How = Literal["derived", "declared", "assumed"]
"""Followed through the plan or SQL; said by the team; or only an equal name."""
Kind = Literal["value", "row"]
"""A value is computed from it; or it only chooses, joins, groups or orders rows."""
Record = dict[str, Any]  # Any: JSON
_HOW: tuple[How, ...] = ("derived", "declared", "assumed")
_KIND: tuple[Kind, ...] = ("value", "row")


class Edge(NamedTuple):
    """One column that another is made from."""

    source: str
    """The address of a port, or the asset key of an internal, its parts joined by `/`."""
    column: str
    how: How
    kind: Kind

    @property
    def key(self) -> tuple[str, str]:
        """What the edge comes from."""
        return (self.source, self.column)

    def after(self, first: "Edge") -> "Edge":
        """Return the edge that leads over `first` to where this one leads."""
        how = max(self.how, first.how, key=_HOW.index)
        kind = max(self.kind, first.kind, key=_KIND.index)
        return Edge(*first.key, how, kind)


Edges = tuple[Edge, ...]
"""Sorted, each source column once."""


@dataclass(frozen=True)
class Lineage:
    """The edges of one port or internal."""

    columns: Mapping[str, Edges] = field(default_factory=dict)
    """Every column, also one that comes from nothing that the mesh knows."""
    through: Mapping[str, "Lineage"] = field(default_factory=dict)
    """The internals between, by asset key; none of them has internals of its own here."""

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> "Lineage":  # Any: JSON
        """Read a record; an empty one knows nothing."""
        rows = [Edge(source, column, how, "row") for source, column, how in record.get("rows", ())]
        columns = {
            name: strongest([*(Edge(*edge) for edge in edges), *rows])
            for name, edges in record.get("columns", {}).items()
        }
        through = record.get("through", {})
        return cls(columns, {key: cls.of(inner) for key, inner in through.items()})

    def to_ports(self) -> dict[str, Edges]:
        """Return the edges with internals left out: each column to columns of ports alone.

        A chain is known as its least known part, and chooses rows where one of its parts does.
        """
        return {name: strongest(self._beyond(edges)) for name, edges in self.columns.items()}

    def _beyond(self, edges: Iterable[Edge]) -> Iterator[Edge]:
        seen: set[Edge] = set()
        pending = list(edges)
        while pending:
            edge = pending.pop()
            if edge in seen:
                continue
            seen.add(edge)
            inner = self.through.get(edge.source)
            if inner is None:
                yield edge
                continue
            pending += [edge.after(part) for part in inner.columns.get(edge.column, ())]

    def record(self) -> Record:
        """Write it as JSON."""
        rows = _rows_of_all(list(self.columns.values()))
        columns = {
            name: [list(edge) for edge in edges if edge not in rows]
            for name, edges in self.columns.items()
        }
        known: Record = {"columns": columns, "rows": [list(edge[:3]) for edge in sorted(rows)]}
        if self.through:
            known["through"] = {key: inner.record() for key, inner in self.through.items()}
        return known


def strongest(edges: Iterable[Edge]) -> Edges:
    """Keep one edge for each source column: the best known, as a value rather than as a row."""
    best: dict[tuple[str, str], Edge] = {}
    for edge in edges:
        other = best.get(edge.key, edge)
        best[edge.key] = Edge(
            *edge.key,
            min(edge.how, other.how, key=_HOW.index),
            min(edge.kind, other.kind, key=_KIND.index),
        )
    return tuple(sorted(best.values()))


def _rows_of_all(columns: list[Edges]) -> set[Edge]:
    """Return the row edges that every column has, be it as a value, and equally well known."""
    if not columns:
        return set()
    known = [{edge[:3] for edge in edges} for edges in columns]
    shared = reduce(lambda some, others: some & others, known)
    return {e for edges in columns for e in edges if e.kind == "row" and e[:3] in shared}
