"""Read what an ODCS document promises of its tables.

In:  a file, which may be hostile.
Out: a `ContractFile`; its contracts carry the document along, so that what only the document says
is written back by `ports.py`.
"""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType

from mesh_dagster.declare.contract import Contract
from mesh_dagster.declare.transcribe import schema_of
from mesh_dagster.declare.written import WrittenContract
from mesh_dagster.discover.documents import (
    Json,
    PlaceError,
    at,
    check_odcs,
    read_document,
    refused,
)
from mesh_dagster.discover.odcs.patterns import require_few_patterns
from mesh_dagster.discover.odcs.promises import Promises, promises_of
from mesh_dagster.discover.odcs.tables import SOURCE, ReadTable, read_table
from mesh_dagster.errors import UnknownTableError


@dataclass(frozen=True)
class ContractFile:
    """A document as it was read."""

    path: Path
    document: Json
    tables: Mapping[str, ReadTable]

    def table(self, name: str | None = None) -> ReadTable:
        """Return a table, by default the only one.

        Raises:
            UnknownTableError: There is none, or several without a name given.
        """
        if name is None and len(self.tables) == 1:
            return next(iter(self.tables.values()))
        if name is None or name not in self.tables:
            raise UnknownTableError(str(self.path), name, self.tables)
        return self.tables[name]

    def promises(self, table: ReadTable) -> Promises:
        """Return the promises on one of the tables."""
        return promises_of(self.document, table.node["name"], table.rows)

    def carried(self, table: ReadTable) -> WrittenContract:
        """Return the contract of a table, with the document that it was read from."""
        source = {"document": self.document, "table": table.node["name"]}
        return replace(table.contract, metadata={**table.contract.metadata, SOURCE: source})


def odcs(path: str | Path, schema: str | None = None) -> Contract:
    """Read the contract of a port from an ODCS document.

    The file is read when the port is declared. A freshness or quality that the document promises
    is the port's, unless its declaration says another.

    Args:
        path: The file, relative to the module that calls this.
        schema: The name of the table, where the document describes several.

    Raises:
        DocumentRefusedError: It is no ODCS document, or asks for what no port can promise.
        UnknownTableError: No table is meant, or none has the name.
        StandardsMissingError: The rules of the standard are not installed.
    """
    frame = inspect.currentframe()
    file = read_contract(_beside(frame.f_back if frame else None, Path(path)))
    table = file.table(schema)
    promises = file.promises(table)
    contract = Contract.of(schema_of(file.carried(table)), f"'{path}'")
    return replace(contract, freshness=promises.freshness, quality=promises.quality)


def read_contract(path: Path) -> ContractFile:
    """Read a file.

    Raises:
        DocumentRefusedError: It is no ODCS document, or asks for what no port can promise.
        StandardsMissingError: The rules of the standard are not installed.
    """
    document = read_document(path, _check)
    try:
        tables = _tables(document)
        for name, table in tables.items():
            promises_of(document, name, table.rows)
    except PlaceError as error:
        raise refused(path, error) from error
    return ContractFile(path, document, tables)


def _check(document: Json) -> None:
    check_odcs(document)
    require_few_patterns(document)


def _tables(document: Json) -> dict[str, ReadTable]:
    tables: dict[str, ReadTable] = {}
    for number, node in enumerate(document.get("schema") or ()):
        with at("schema", number):
            if node["name"] in tables:
                raise PlaceError("names a table twice")
            tables[node["name"]] = read_table(node)
    return tables


def _beside(frame: FrameType | None, path: Path) -> Path:
    """Return a path as the module of a frame means it."""
    module = frame.f_globals.get("__file__") if frame else None
    return Path(module).parent / path if module else path
