"""Write rows as a table, CSV, JSON or Parquet.

In:  a lazy frame; where to write it.
Out: text or bytes on stdout, or a file that is there only when it is whole. CSV, JSON and Parquet
are streamed; a table shows its first rows.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import RawIOBase
from pathlib import Path
from typing import IO, TYPE_CHECKING, Literal, cast
from uuid import uuid4

import click

from mesh_dagster.cli.output import console
from mesh_dagster.errors import UnreadableRowsError
from mesh_dagster.share.wording import cell_text

if TYPE_CHECKING:
    import polars as pl
    from polars._typing import PolarsDataType
    from typing_extensions import Buffer

Format = Literal["table", "csv", "json", "parquet"]
TABLE_ROWS = 20
"""A table shows so many rows unless more are asked for."""
_LONGEST_CELL = 40

format_option = click.option(
    "--format",
    "format_",
    type=click.Choice(["table", "csv", "json", "parquet"]),
    default="table",
    show_default=True,
    help="How to write the rows; csv, json and parquet write them all.",
)
output_option = click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write to a file."
)
limit_option = click.option(
    "--limit", type=click.IntRange(min=0), help="Write at most so many rows (table: 20)."
)


def write_rows(
    plan: "pl.LazyFrame", format_: Format, output: Path | None = None, limit: int | None = None
) -> None:
    """Write the rows of a plan.

    Raises:
        UnreadableRowsError: The rows cannot be computed; nothing is left of a file.
        click.UsageError: Parquet was asked for on a terminal.
    """
    if format_ == "parquet" and output is None and sys.stdout.isatty():
        raise click.UsageError("Parquet is not for a terminal. Give --output FILE, or pipe it.")
    with _target(output) as target, _computing():
        if format_ == "table":
            target.write(_table(plan, limit, terminal=output is None).encode())
            return
        plan = plan if limit is None else plan.head(limit)
        _SINKS[format_](plan, target)


def _csv(plan: "pl.LazyFrame", target: IO[bytes]) -> None:
    import polars as pl

    schema = plan.collect_schema()
    # CSV has one level; what is nested is written as JSON text.
    plan.select(
        _json_text(plain(pl.col(name), dtype)).alias(name)
        if dtype.is_nested()
        else plain(pl.col(name), dtype).alias(name)
        for name, dtype in schema.items()
    ).sink_csv(_file(target.write))


def _json(plan: "pl.LazyFrame", target: IO[bytes]) -> None:
    import polars as pl

    schema = plan.collect_schema()
    array = _JsonArray(target)
    plan.select(
        plain(pl.col(name), dtype).alias(name) for name, dtype in schema.items()
    ).sink_ndjson(_file(array.write))
    array.end()


def _parquet(plan: "pl.LazyFrame", target: IO[bytes]) -> None:
    plan.sink_parquet(_file(target.write))


_SINKS: dict[str, Callable[["pl.LazyFrame", IO[bytes]], None]] = {
    "csv": _csv,
    "json": _json,
    "parquet": _parquet,
}


def plain(column: "pl.Expr", dtype: "PolarsDataType") -> "pl.Expr":
    """Turn a column into types that text formats know: times as ISO 8601, bytes as base64.

    Decimals stay exact: JSON holds them as text.
    """
    import polars as pl

    if isinstance(dtype, pl.Datetime):
        return column.dt.to_string("iso:strict")
    if isinstance(dtype, pl.Binary):
        return column.bin.encode("base64")
    if isinstance(dtype, pl.Categorical | pl.Enum):
        return column.cast(pl.String)
    return _plain_nested(column, dtype) if dtype.is_nested() else column


def _plain_nested(column: "pl.Expr", dtype: "PolarsDataType") -> "pl.Expr":
    import polars as pl

    if isinstance(dtype, pl.Array):
        return _plain_nested(column.arr.to_list(), pl.List(dtype.inner))
    if isinstance(dtype, pl.List):
        return column.list.eval(plain(pl.element(), dtype.inner))
    if isinstance(dtype, pl.Struct):
        fields = [plain(column.struct.field(f.name), f.dtype).alias(f.name) for f in dtype.fields]
        return pl.when(column.is_not_null()).then(pl.struct(fields))
    return column


def _json_text(column: "pl.Expr") -> "pl.Expr":
    import polars as pl

    # Only a struct is written as JSON, so the column becomes the one field of a struct.
    written = pl.struct(column.alias("v")).struct.json_encode()
    text = written.str.strip_prefix('{"v":').str.strip_suffix("}")
    return pl.when(column.is_not_null()).then(text)


class _JsonArray:
    """Turns lines of JSON, as they come, into one array."""

    def __init__(self, target: IO[bytes]) -> None:
        self._target = target
        self._line_ended = False
        self._begun = False

    def write(self, lines: bytes) -> int:
        text = lines.replace(b"\n", b",\n")
        if not text:
            return 0
        if self._line_ended:
            text = b",\n" + text
        self._line_ended = text.endswith(b",\n")
        if self._line_ended:
            text = text.removesuffix(b",\n")
        if not self._begun:
            text = b"[\n" + text
        self._begun = True
        self._target.write(text)
        return len(lines)

    def end(self) -> None:
        self._target.write(b"\n]\n" if self._begun else b"[]\n")


class _Writer(RawIOBase):
    """A file that hands on what is written to it."""

    def __init__(self, write: Callable[[bytes], int]) -> None:
        super().__init__()
        self._write = write

    def writable(self) -> bool:
        return True

    def write(self, given: "Buffer") -> int:
        data = bytes(given)
        self._write(data)
        return len(data)


def _file(write: Callable[[bytes], int]) -> IO[bytes]:
    return cast("IO[bytes]", _Writer(write))


@contextmanager
def _target(output: Path | None) -> Iterator[IO[bytes]]:
    if output is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    aside = output.with_name(f".{output.name}.{uuid4().hex}")
    try:
        with aside.open("wb") as file:
            yield file
        os.replace(aside, output)  # noqa: PTH105 - in one step, over an older file too
    finally:
        aside.unlink(missing_ok=True)


@contextmanager
def _computing() -> Iterator[None]:
    import polars as pl

    try:
        yield
    except pl.exceptions.PolarsError as error:
        raise UnreadableRowsError(type(error).__name__) from error


def _table(plan: "pl.LazyFrame", limit: int | None, *, terminal: bool) -> str:
    import polars as pl
    from rich.table import Table

    shown = TABLE_ROWS if limit is None else limit
    first = plan.head(shown).collect(engine="streaming")
    rows = plan.select(pl.len()).collect(engine="streaming").item()
    screen = console()
    width = screen.width if terminal and screen.is_terminal else None
    cells = {name: _cells(first[name]) for name in first.columns}
    fitting = _fitting(cells, width)
    table = Table(show_edge=False, pad_edge=False, header_style="bold")
    for name in fitting:
        numeric = first.schema[name].is_numeric()
        table.add_column(name, no_wrap=True, justify="right" if numeric else "left")
    for row in zip(*(cells[name] for name in fitting), strict=True):
        table.add_row(*row)
    with screen.capture() as captured:
        screen.print(table)
        screen.print(_caption(first, rows, fitting))
    return captured.get()


def _cells(values: "pl.Series") -> list[str]:
    return [_cell(value) for value in values.to_list()]


def _cell(value: object) -> str:
    text = cell_text(value)
    return text if len(text) <= _LONGEST_CELL else text[: _LONGEST_CELL - 1] + "…"


def _fitting(cells: dict[str, list[str]], width: int | None) -> list[str]:
    """Return the leading columns that fit side by side, at least one."""
    fitting: list[str] = []
    used = 0
    for name, texts in cells.items():
        used += max(map(len, [name, *texts])) + 3
        if width is not None and fitting and used - 3 > width:
            break
        fitting.append(name)
    return fitting


def _caption(first: "pl.DataFrame", rows: int, fitting: list[str]) -> str:
    all_rows = "1 row" if rows == 1 else f"{rows:,} rows"
    count = f"{first.height:,} of {all_rows}" if rows > first.height else all_rows
    hidden = [name for name in first.columns if name not in fitting]
    return f"{count}; too wide to show: {', '.join(hidden)}" if hidden else count
