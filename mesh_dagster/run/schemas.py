"""Copy pandera schemas for the audit: with names that errors carry, or without parsing.

In:  a `DataFrameSchema`.
Out: a copy; the schema that the product declared is never changed.
"""

import copy
import re
from collections.abc import Iterable
from typing import Any

import pandera.polars as pa
import polars as pl

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


def without_columns(schema: pa.DataFrameSchema, names: set[str]) -> pa.DataFrameSchema:
    """Copy a schema without some of its columns."""
    smaller = copy.copy(schema)
    smaller.columns = {name: c for name, c in schema.columns.items() if name not in names}
    return smaller


def absent_columns(schema: pa.DataFrameSchema, present: Iterable[str]) -> list[str]:
    """Return the columns that a batch must have and lacks; patterns are not looked at."""
    known = set(present)
    columns = schema.columns.items()
    return [n for n, c in columns if c.required and not c.regex and n not in known]


def cast_targets(
    plan: pl.LazyFrame, schema: pa.DataFrameSchema
) -> dict[str, tuple[str, Any]]:  # Any: a pandera type, or nothing where pandera stumbles
    """Return the contract's name and the type of each column that pandera would cast."""
    present = plan.collect_schema().names()
    if schema.dtype is not None:
        targets = {name: (declared_name(name, schema), schema.dtype) for name in present}
        return targets if schema.coerce or any(c.coerce for c in schema.columns.values()) else {}
    found = {}
    for label, column in schema.columns.items():
        if not (schema.coerce or column.coerce) or (not column.required and label not in present):
            continue
        for name in columns_of(label, schema, present):
            found[name] = (label, column.dtype)
    return found


def declared_name(name: str, schema: pa.DataFrameSchema) -> str:
    """Return the contract's name of a column of a batch; its own if the contract has none."""
    if name in schema.columns:
        return name
    patterns = (label for label, column in schema.columns.items() if column.regex)
    return next((label for label in patterns if re.fullmatch(label, name)), name)


def columns_of(label: str, schema: pa.DataFrameSchema, present: list[str]) -> list[str]:
    """Return the columns that a column of a schema governs; its own name where it is absent."""
    if not schema.columns[label].regex:
        return [label]
    named = {name for name, column in schema.columns.items() if not column.regex}
    return [name for name in present if re.fullmatch(label, name) and name not in named]


def drops_rows(schema: pa.DataFrameSchema) -> bool:
    """Say whether pandera would drop invalid rows, which it does on collected frames only."""
    return any(part.drop_invalid_rows for part in [schema, *schema.columns.values()])


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
