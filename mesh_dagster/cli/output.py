"""Write text, times and JSON as people and scripts read them.

In:  plain values.
Out: text. What stands in it is decided by the commands.
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mesh_dagster.share.wording import moment, span

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

__all__ = [
    "Command",
    "as_json_option",
    "columns",
    "console",
    "grid",
    "moment",
    "print_all",
    "span",
    "write_json",
]

Command = TypeVar("Command", bound=Callable[..., Any])
_WIDE = 1_000
_NARROWEST = 60

as_json_option = click.option(
    "--json", "as_json", is_flag=True, help="Write JSON to stdout instead."
)


def write_json(value: object) -> None:
    """Write a value to stdout as JSON; times as ISO 8601."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=_plain))


def console(*, stderr: bool = False) -> "Console":
    """Return a rich console; in a pipe it is as wide as a line needs."""
    from rich.console import Console

    # Named now, for whoever silences what builds print exchanges `sys.stdout` meanwhile.
    stream = sys.stderr if stderr else sys.stdout
    made = Console(file=stream, highlight=False, emoji=False, markup=False)
    if not made.is_terminal:
        made.width = _WIDE
    made.width = max(made.width, _NARROWEST)
    return made


def grid(*header: str, right: tuple[str, ...] = ()) -> "Table":
    """Return a table without lines; the columns named in `right` are aligned to the right."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for name in header:
        table.add_column(
            name, justify="right" if name in right else "left", no_wrap=name in ("column", "time")
        )
    return table


def print_all(screen: "Console", *renderables: "RenderableType") -> None:
    """Print texts and tables without blanks at the ends of lines."""
    with screen.capture() as captured:
        for renderable in renderables:
            screen.print(renderable)
    lines = captured.get().splitlines()
    screen.file.write("".join(f"{line.rstrip()}\n" for line in lines))


def columns(header: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int]) -> str:
    """Align text in columns; rich takes seconds for thousands of rows, this takes none.

    Args:
        header: The names of the columns.
        rows: As many texts each.
        right: The columns that are aligned to the right.
    """
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    layout = "  ".join(
        f"{{:>{width}}}" if number in right else f"{{:<{width}}}"
        for number, width in enumerate(widths)
    )
    lines = [layout.format(*row).rstrip() for row in rows]
    return "\n".join([click.style(layout.format(*header).rstrip(), bold=True), *lines])


def _plain(value: object) -> object:
    if isinstance(value, date | datetime):
        return value.isoformat()
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Mapping):
        return dict(value)
    return str(value)
