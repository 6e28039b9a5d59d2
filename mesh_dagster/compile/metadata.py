"""Describe ports and publications in Dagster metadata.

In:  declarations, before the first run; a publication and its verdict, after each.
Out: metadata under the keys of `names.py`: counts, columns, rules and times, never a data value.
"""

import inspect
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import dagster as dg
import polars as pl

from mesh_dagster.compile import names
from mesh_dagster.declare.contract import Column, Contract
from mesh_dagster.declare.lifecycle import State, state_row, state_text
from mesh_dagster.declare.port import OutputPort
from mesh_dagster.declare.product import DataProduct
from mesh_dagster.declare.wiring import Build
from mesh_dagster.run.edges import Edge, Lineage
from mesh_dagster.run.registry import Publication
from mesh_dagster.run.store import WHOLE

Metadata = dict[str, Any]  # Any: every type that Dagster takes for metadata


def port_metadata(product: DataProduct, port: OutputPort) -> Metadata:
    """Describe a port as it is declared."""
    return {
        names.ADDRESS: str(port.address),
        names.CONTRACT_VERSION: port.version,
        names.PURPOSE: product.purpose,
        names.READ: dg.MetadataValue.md(f'```python\nmd.read("{port.address}")\n```'),
        names.COLUMN_SCHEMA: column_schema(port.contract),
        **({} if port.state == "active" else {names.LIFECYCLE: state_text(port.state)}),
        **code_references(port.build),
    }


def described(product: DataProduct, port: OutputPort) -> str:
    """Return the description of a port, and first what its readers have to expect of it."""
    text = port.description or product.purpose
    return (
        text if port.state == "active" else f"**This port is {state_text(port.state)}.**\n\n{text}"
    )


def input_states(states: Mapping[str, State]) -> Metadata:
    """Show the inputs that are not active, and where each stands in its life."""
    if not states:
        return {}
    return {names.INPUT_STATES: {address: state_row(state) for address, state in states.items()}}


def column_schema(contract: Contract) -> dg.TableSchema:
    """Show a contract as Dagster's column schema."""
    keys = [f"unique: {', '.join(key)}" for key in contract.keys if len(key) > 1]
    return dg.TableSchema(
        columns=[_column(column) for column in contract.columns],
        constraints=dg.TableConstraints(other=[*_table_rules(contract), *keys]),
    )


def code_references(build: Build) -> Metadata:
    """Point to the build function's lines."""
    function = inspect.unwrap(build.function)
    try:
        path, line = inspect.getsourcefile(function), inspect.getsourcelines(function)[1]
    except (OSError, TypeError):
        return {}
    with warnings.catch_warnings():
        # Dagster calls code references beta, once for each of them.
        warnings.simplefilter("ignore", dg.BetaWarning)
        reference = dg.LocalFileCodeReference(
            file_path=str(path), line_number=line, label=build.name
        )
        return {names.CODE_REFERENCES: dg.CodeReferencesMetadataValue(code_references=[reference])}


def publication_metadata(publication: Publication, uri: str) -> Metadata:
    """Describe one publication."""
    counts = {names.ROW_COUNT: publication.port_rows}
    if publication.slice != WHOLE:
        counts[names.PARTITION_ROW_COUNT] = publication.rows
    known: Metadata = {
        **counts,
        names.URI: uri,
        names.ADDRESS: publication.address,
        names.VERSION: publication.version,
        names.CONTRACT_VERSION: publication.contract_version,
        names.PUBLICATION: publication.publication_id,
        names.REJECTED_ROWS: publication.rejected_rows,
        names.INPUTS: dict(publication.inputs),
        names.PROFILE: _profile(publication),
    }
    if publication.data_time:
        known[names.DATA_TIME] = dg.MetadataValue.timestamp(publication.data_time)
    return known


def column_lineage(lineage: Lineage) -> Metadata:
    """Show where columns come from.

    Dagster's own column lineage holds the columns from which values are computed, followed or
    declared. Whatever else is known, with how it is known, stands beside it as JSON.
    """
    deps = {name: _column_deps(edges) for name, edges in lineage.columns.items()}
    known: Metadata = {names.LINEAGE: lineage.record()}
    if any(deps.values()):
        known[names.COLUMN_LINEAGE] = dg.TableColumnLineage(deps_by_column=deps)
    return known


def _column_deps(edges: Iterable[Edge]) -> list[dg.TableColumnDep]:
    return [
        dg.TableColumnDep(asset_key=names.source_key(edge.source), column_name=edge.column)
        for edge in edges
        if edge.kind == "value" and edge.how != "assumed"
    ]


def _column(column: Column) -> dg.TableColumn:
    return dg.TableColumn(
        name=column.name,
        type=_type_text(column.dtype),
        description=column.description,
        constraints=dg.TableColumnConstraints(
            nullable=column.nullable, unique=column.unique, other=list(column.rules)
        ),
    )


def _type_text(dtype: pl.DataType | None) -> str:
    if isinstance(dtype, pl.Datetime):
        zone = f", {dtype.time_zone}" if dtype.time_zone else ""
        return f"Datetime({dtype.time_unit}{zone})"
    if isinstance(dtype, pl.Decimal):
        return f"Decimal({dtype.precision}, {dtype.scale})"
    return str(dtype)


def _table_rules(contract: Contract) -> list[str]:
    return [rule.text for rule in contract.rules if rule.check == "values" and rule.column is None]


def _profile(publication: Publication) -> dg.TableMetadataValue:
    shown = ("column", "nulls", "nans", "approximate_distinct")
    columns = publication.profile.get("columns", [])
    return dg.MetadataValue.table(
        records=[
            dg.TableRecord({name: "" if c[name] is None else c[name] for name in shown})
            for c in columns
        ],
        schema=dg.TableSchema(columns=[dg.TableColumn(name) for name in shown]),
    )
