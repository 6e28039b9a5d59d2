"""Turn what a build function returns into a plan, and stored data into what it takes.

In:  one of the four frames: polars LazyFrame and DataFrame, DuckDB relation, pyarrow Table.
Out: a LazyFrame to stage; or one of the four over stored Parquet files.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import polars as pl

from mesh_dagster.declare.storage import stored_type
from mesh_dagster.declare.wiring import FrameKind
from mesh_dagster.errors import FrameRefusedError
from mesh_dagster.run.delta import Snapshot
from mesh_dagster.run.rejected import Rejected
from mesh_dagster.run.store import Store

if TYPE_CHECKING:
    import duckdb

Connect = Callable[[], "duckdb.DuckDBPyConnection"]
"""Opens, or returns, the DuckDB connection that all relations of one step share."""

_UNSIGNED: dict[type[pl.DataType], str] = {
    pl.UInt8: "UTINYINT",
    pl.UInt16: "USMALLINT",
    pl.UInt32: "UINTEGER",
    pl.UInt64: "UBIGINT",
}


def as_plan(frame: object, who: str, did: str = "returned") -> pl.LazyFrame:
    """Return any of the four frames as a plan; a DuckDB relation stays unread.

    Raises:
        FrameRefusedError: It is no frame; `who` returned it, or did as `did` says.
    """
    if isinstance(frame, pl.LazyFrame):
        return frame
    if isinstance(frame, pl.DataFrame):
        return frame.lazy()
    if is_relation(frame):
        relation: Any = frame  # Any: duckdb is imported only by those who use it
        return _lazily(relation, f"'{who}' {did}")
    if _comes_from(frame, "pyarrow", "Table"):
        table: Any = frame  # Any: as above
        return pl.LazyFrame(table)
    package = type(frame).__module__.partition(".")[0]
    of = "" if package == "builtins" else f"{package} "
    got = "nothing" if frame is None else f"a {of}{type(frame).__name__}"
    raise FrameRefusedError(f"'{who}' {did}", got)


def is_relation(frame: object) -> bool:
    """Know a DuckDB relation without importing DuckDB."""
    return _comes_from(frame, "duckdb", "DuckDBPyRelation")


def from_snapshot(content: Snapshot, kind: FrameKind, name: str, connect: Connect) -> object:
    """Hand stored data to a build function as the kind of frame that it takes."""
    if kind == "duckdb" and content.files:
        connection = connect()
        rows = relation(content, connection).sql_query()
        connection.execute(f"CREATE OR REPLACE TEMP VIEW {quoted(name)} AS {rows}")
        return connection.view(name)
    return from_plan(content.plan(), kind, name, connect)


def from_plan(plan: pl.LazyFrame, kind: FrameKind, name: str, connect: Connect) -> object:
    """Hand a plan to a build function as the kind of frame that it takes."""
    if kind == "lazy":
        return plan
    frame = plan.collect(engine="streaming")
    if kind == "eager":
        return frame
    if kind == "arrow":
        return frame.to_arrow()
    connection = connect()
    connection.register(name, frame.to_arrow())
    return connection.view(name)


def relation(
    content: Snapshot, connection: "duckdb.DuckDBPyConnection"
) -> "duckdb.DuckDBPyRelation":
    """Return stored data as a DuckDB relation that reads the Parquet files directly."""
    if not content.files or isinstance(content, Rejected):
        return connection.from_arrow(content.plan().collect().to_arrow())
    _reach(content, connection)
    files = connection.read_parquet(content.urls, union_by_name=True)
    stored = pl.DataFrame(schema={n: stored_type(dtype) for n, dtype in content.schema.items()})
    shape = connection.from_arrow(stored.to_arrow())
    found = dict(zip(files.columns, map(str, files.types), strict=True))
    wanted = dict(zip(shape.columns, map(str, shape.types), strict=True))
    wanted |= {n: _UNSIGNED[type(t)] for n, t in content.schema.items() if type(t) in _UNSIGNED}
    return files.project(", ".join(_projected(name, found, wanted) for name in wanted))


def quoted(identifier: str) -> str:
    """Quote an identifier for SQL."""
    return '"' + identifier.replace('"', '""') + '"'


def _lazily(relation: "duckdb.DuckDBPyRelation", who: str) -> pl.LazyFrame:
    import duckdb  # noqa: PLC0415 - imported already by whoever made the relation

    try:
        plan: pl.LazyFrame = relation.pl(lazy=True)
    except duckdb.ConnectionException as error:
        raise FrameRefusedError(who, "a relation of a connection that is closed") from error
    return plan


def _reach(content: Snapshot, connection: "duckdb.DuckDBPyConnection") -> None:
    """Let DuckDB read an object store as Python does; it would fetch an extension to do so."""
    scheme, remote, _ = content.uri.partition("://")
    if remote and not connection.filesystem_is_registered(scheme):
        connection.register_filesystem(
            Store(content.uri, content.storage_options).path(content.uri).fs
        )


def _comes_from(frame: object, package: str, name: str) -> bool:
    root = type(frame).__module__.lstrip("_").partition(".")[0]
    return (root, type(frame).__name__) == (package, name)


def _projected(name: str, found: Mapping[str, str], wanted: Mapping[str, str]) -> str:
    """Select a column as its promised type; files from before it was promised lack it."""
    if found.get(name) == wanted[name]:
        return quoted(name)
    column = quoted(name) if name in found else "NULL"
    return f"CAST({column} AS {wanted[name]}) AS {quoted(name)}"
