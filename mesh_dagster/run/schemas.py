"""Copy pandera schemas for the audit: with names that errors carry, or without parsing.

In:  a `DataFrameSchema`.
Out: a copy; the schema that the product declared is never changed.
"""

import copy

import pandera.polars as pa

_LABEL = "mesh_dagster/column"


def labelled(schema: pa.DataFrameSchema) -> pa.DataFrameSchema:
    """Copy a schema so that every error names its column and every failure is an error.

    pandera replaces the name of a regex column by the column it found, prints data values when a
    check only warns, and hides what it dropped. The copy does none of this.
    """
    named = copy.copy(schema)
    named.columns = {name: _labelled(name, column) for name, column in schema.columns.items()}
    named.checks = [_loud(check) for check in schema.checks]
    named.drop_invalid_rows = False
    return named


def label_of(column: object) -> str | None:
    """Return the contract's name of a column of a labelled schema."""
    metadata = getattr(column, "metadata", None) or {}
    name = metadata.get(_LABEL)
    return None if name is None else str(name)


def without_parsing(schema: pa.DataFrameSchema) -> pa.DataFrameSchema:
    """Copy a schema so that it only checks: data already conformed is not parsed twice."""
    checked = copy.copy(schema)
    checked.columns = {name: _unparsed(column) for name, column in schema.columns.items()}
    checked.parsers = []
    checked.coerce = False
    checked.add_missing_columns = False
    checked.drop_invalid_rows = False
    checked.strict = schema.strict is True
    return checked


def _labelled(name: str, column: pa.Column) -> pa.Column:
    named = copy.copy(column)
    named.metadata = {**(column.metadata or {}), _LABEL: name}
    named.checks = [_loud(check) for check in column.checks]
    named.drop_invalid_rows = False
    return named


def _unparsed(column: pa.Column) -> pa.Column:
    checked = copy.copy(column)
    checked.parsers = []
    checked.default = None
    # A nested schema is judged by its own coercion and by nothing else.
    checked.coerce = bool(getattr(column.dtype, "auto_coerce", False))
    checked.drop_invalid_rows = False
    return checked


def _loud(check: pa.Check) -> pa.Check:
    loud = copy.copy(check)
    loud.raise_warning = False
    return loud
