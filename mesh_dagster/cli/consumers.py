"""Show who depends on a port, and a few of its rows.

In:  consumers and a sample, as `discover/` describes them.
Out: tables of rich.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from mesh_dagster.cli.output import grid, span
from mesh_dagster.share.wording import asked, cell_text

if TYPE_CHECKING:
    from rich.table import Table

    from mesh_dagster.discover.entries import Consumer, SampleEntry

_MOST_CONSUMERS = 10
_MOST_ROWS = 5
_LONGEST_CELL = 24


def consumers_table(consumers: Sequence["Consumer"], now: datetime) -> "Table":
    """List who depends on a port, products first."""
    names = ("who", "how", "reads", "last", "version", "columns", "purpose")
    table = grid(*names, right=("reads", "version"))
    for one in consumers[:_MOST_CONSUMERS]:
        declared = ["declared input"] if one.declared else []
        table.add_row(
            one.name,
            ", ".join([*declared, *one.ways]),
            f"{one.reads:,}",
            f"{span(now - one.last_read_at)} ago" if one.last_read_at else "never",
            "" if one.last_version is None else str(one.last_version),
            asked(one.columns, one.reads),
            "; ".join(one.purposes),
        )
    more = len(consumers) - _MOST_CONSUMERS
    if more > 0:
        table.add_row(f"and {more:,} more")
    return table


def sample_table(sample: "SampleEntry") -> "Table":
    """Show the first rows of a sample; long values are cut."""
    table = grid(*sample.columns)
    for row in sample.rows[:_MOST_ROWS]:
        table.add_row(*(_cell(value) for value in row))
    return table


def _cell(value: object) -> str:
    text = cell_text(value)
    return text if len(text) <= _LONGEST_CELL else f"{text[:_LONGEST_CELL]}..."
