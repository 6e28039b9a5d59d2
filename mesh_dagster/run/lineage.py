"""Follow each column of a plan to the stored columns that it is made from.

In:  the plan that a build function returned.
Out: for each of its columns, the files and columns that polars must read to compute it: those it
is computed from, and those that choose, join or group its rows.
A frame that was collected on the way, or came through DuckDB, ends the trail.

Why: the optimizer of polars already knows which columns a query cannot do without. Asking it for
one column at a time gives lineage that cannot be wrong about what is read.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

Origin = tuple[str, str]
"""The URL of a stored file, and the name of one of its columns."""


def origins(plan: pl.LazyFrame) -> Mapping[str, frozenset[Origin]]:
    """Return the origins of each column; a column without stored origins has none.

    Returns:
        Empty when this version of polars does not show its optimized plans.
    """
    try:
        names = plan.collect_schema().names()
        return {name: frozenset(_scanned(plan.select(pl.col(name)))) for name in names}
    except (AttributeError, NotImplementedError, pl.exceptions.PolarsError):
        return {}


def _scanned(plan: pl.LazyFrame) -> Iterator[Origin]:
    # Polars shows its optimized plan to other engines by this interface, without a public name.
    traverser: Any = plan._ldf.visit()  # noqa: SLF001
    pending = [traverser.get_node()]
    while pending:
        traverser.set_node(pending.pop())
        node = traverser.view_current_node()
        if type(node).__name__ == "Scan":
            columns = traverser.get_schema()
            yield from ((str(path), column) for path in node.paths for column in columns)
        pending += traverser.get_inputs()
