"""Run one SELECT statement over published ports, and let it do nothing else.

In:  the text of a statement, a store.
Out: its rows as a plan.
DuckDB is locked before the statement runs: no files but those of the ports that it names, no
network, no extensions, no settings, no writing. Its messages about data never reach anybody,
for they may quote values; those about the statement itself do.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from mesh_dagster.declare.address import Address, Reference
from mesh_dagster.errors import SqlRefusedError, listed
from mesh_dagster.run.count import Read, count
from mesh_dagster.run.delta import Snapshot
from mesh_dagster.run.frames import quoted, relation
from mesh_dagster.run.read import connect, deprecation, read_of, resolve
from mesh_dagster.run.store import Store

if TYPE_CHECKING:
    import duckdb

_LOCKED = (
    "SET python_enable_replacements = false",
    "SET autoload_known_extensions = false",
    "SET enable_external_access = false",
    "SET lock_configuration = true",
)
_MISSING_TABLE = re.compile(r"Table with name (\S+) does not exist")


class _Opened(NamedTuple):
    """A port that a statement names."""

    columns: Collection[str]
    read: Read
    """As it is to be counted."""
    told: str | None
    """That it is deprecated."""


def view_name(address: Address) -> str:
    """Return the name under which SQL finds a port, such as `sales.invoices_v1_lines`."""
    return f"{address.domain}.{address.product}_v{address.major}_{address.port}"


def view_names(store: Store) -> dict[Address, str]:
    """Return the name of every published port."""
    return {address: view_name(address) for address in store.addresses()}


@contextmanager
def select(
    statement: str, store: Store, tell: Callable[[str], None] | None = None
) -> Iterator[pl.LazyFrame]:
    """Run a statement; the plan can be collected until the context ends.

    Args:
        statement: One SELECT.
        store: Where the ports lie that it names.
        tell: Takes a sentence for each of them that is deprecated.

    Raises:
        SqlRefusedError: It is not one SELECT statement, or cannot be run.
    """
    import duckdb  # noqa: PLC0415 - most readers never need it

    names = view_names(store)
    with connect() as connection:
        try:
            _require_select(statement, connection)
            opened = _open_ports(statement, names, store, connection)
            for one in opened.values():
                if one.told and tell:
                    tell(one.told)
            plan = connection.sql(statement).pl().lazy()
            try:
                yield plan
            finally:
                count(store.registry_url, *_with_columns(opened, statement))
        except duckdb.Error as error:
            raise _refusal(error, list(names.values())) from error


def _require_select(statement: str, connection: "duckdb.DuckDBPyConnection") -> None:
    import duckdb  # noqa: PLC0415 - most readers never need it

    parsed = connection.extract_statements(statement)
    if len(parsed) != 1 or parsed[0].type != duckdb.StatementType.SELECT:
        raise SqlRefusedError("is not one SELECT statement", "Ask one question at a time.")


def _open_ports(
    statement: str,
    names: dict[Address, str],
    store: Store,
    connection: "duckdb.DuckDBPyConnection",
) -> dict[str, _Opened]:
    """Make views of the ports that the statement names, lock the connection, say what is read."""
    text = statement.casefold()
    asked = connection.get_table_names(statement, qualified=True)
    named = {name.partition(" AS ")[0].casefold() for name in asked}
    files: list[str] = []
    opened: dict[str, _Opened] = {}
    for domain in sorted({address.domain for address in names}):
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(domain)}")
    for address, name in names.items():
        schema, _, view = name.partition(".")
        if not re.search(rf"\b{view}\b", text):
            continue
        content = resolve(Reference(address), store)
        if name in named:
            opened[name] = _opened(Reference(address), content, store)
        target = f"{quoted(schema)}.{quoted(view)}"
        if content.files and store.local:
            files += content.urls
            rows = relation(content, connection).sql_query()
            connection.execute(f"CREATE VIEW {target} AS {rows}")
            continue
        # What is empty or lies on an object store is copied, for DuckDB shall fetch nothing.
        table = content.plan().collect(engine="streaming").to_arrow()
        connection.register("content", table)
        connection.execute(f"CREATE TABLE {target} AS SELECT * FROM content")  # noqa: S608 - quoted
        connection.unregister("content")
    connection.execute("SET allowed_paths = ?", [files])
    for setting in _LOCKED:
        connection.execute(setting)
    return opened


def _opened(reference: Reference, content: Snapshot, store: Store) -> _Opened:
    told = deprecation(reference, content, store)
    return _Opened(content.schema, read_of(reference, content, "sql"), told)


def _with_columns(opened: Mapping[str, _Opened], statement: str) -> list[Read]:
    """Say which columns are read, once nobody waits for the library that knows it."""
    from mesh_dagster.run.sql_trail import columns_read  # noqa: PLC0415 - see above

    found = columns_read(statement, {name: one.columns for name, one in opened.items()})
    if found is None:
        return [one.read for one in opened.values()]
    return [replace(one.read, columns=tuple(found[name])) for name, one in opened.items()]


def _refusal(error: "duckdb.Error", names: list[str]) -> SqlRefusedError:
    import duckdb  # noqa: PLC0415 - most readers never need it

    kind = type(error).__name__.removesuffix("Exception")
    missing = _MISSING_TABLE.search(str(error))
    if isinstance(error, duckdb.CatalogException) and missing:
        name = missing[1].strip('"')
        asked = name.rpartition(".")[2]
        close = get_close_matches(asked, [known.partition(".")[2] for known in names], n=1)
        near = [known for known in names if close and known.endswith(f".{close[0]}")]
        remedy = f"Did you mean '{near[0]}'?" if near else f"Published: {listed(names)}."
        return SqlRefusedError(f"names '{name}', which is not published here", remedy)
    if isinstance(error, duckdb.ParserException | duckdb.BinderException | duckdb.CatalogException):
        first = str(error).strip().splitlines()[0].partition("Error: ")[2].strip().rstrip(".!")
        return SqlRefusedError(f"cannot be understood: {first}", "Correct it.")
    if isinstance(error, duckdb.PermissionException):
        return SqlRefusedError("reaches outside the published ports", "Name views only.")
    return SqlRefusedError(
        f"stopped on a {kind} error in the data",
        "Filter or cast the columns that it computes with.",
    )
