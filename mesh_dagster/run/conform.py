"""Bring a batch into the shape of its contract: pandera's parsing, and nothing else.

In:  a plan and a contract.
Out: a plan with exactly the contract's columns, in its order. Data rules are judged by `audit.py`.
"""

import re

import pandera.polars as pa
import polars as pl
from pandera.backends.polars.container import DataFrameSchemaBackend
from pandera.config import ValidationDepth, config_context
from pandera.errors import SchemaError, SchemaErrors

from mesh_dagster.declare.contract import Contract
from mesh_dagster.run.native import without_invalid_rows
from mesh_dagster.run.schemas import drops_rows

NOT_CONFORMING = (SchemaError, SchemaErrors, NotImplementedError)
"""What `conform` raises about the shape of a batch, beside the errors of polars."""


def conform(plan: pl.LazyFrame, contract: Contract) -> pl.LazyFrame:
    """Parse a batch as pandera parses it, lazily, and select the contract's columns.

    Missing columns are added, columns cast and defaults set where the contract says so. An
    optional column that the batch lacks becomes nulls of its type; columns that the contract does
    not name are dropped. With `drop_invalid_rows` the batch is collected, because pandera drops
    rows eagerly.

    Raises:
        SchemaError: pandera refuses the shape; `audit` of the same batch says why.
        SchemaErrors: The same, of a schema with `drop_invalid_rows`.
        PolarsError: A column is missing, or, at collect, a value cannot be cast.
        NotImplementedError: pandera cannot parse polars frames in the way the schema asks.
    """
    schema = contract.schema
    try:
        if drops_rows(schema):
            parsed = without_invalid_rows(plan.collect(engine="streaming"), schema).lazy()
        else:
            parsed = _parsed(plan, schema)
    except (AttributeError, TypeError, ValueError) as error:
        # pandera stumbles so over a column that is to be cast, but to no type.
        raise NotImplementedError("pandera cannot parse this schema") from error
    return _shaped(parsed, contract)


def _parsed(plan: pl.LazyFrame, schema: pa.DataFrameSchema) -> pl.LazyFrame:
    columns = schema.columns.values()
    if schema.parsers or any(column.parsers for column in columns):
        raise NotImplementedError("pandera runs no parsers on polars frames")
    backend = DataFrameSchemaBackend()
    # At this depth pandera casts lazily; at any other it collects the frame once per column.
    with config_context(validation_enabled=True, validation_depth=ValidationDepth.SCHEMA_ONLY):
        known = backend.collect_column_info(plan, schema)
        plan = backend.add_missing_columns(plan, schema, known)
        plan = backend.strict_filter_columns(plan, schema, known)
        plan = backend.coerce_dtype(plan, schema)
        return backend.set_default(plan, schema)


def _shaped(plan: pl.LazyFrame, contract: Contract) -> pl.LazyFrame:
    present = plan.collect_schema().names()
    chosen: list[pl.Expr] = []
    for column in contract.columns:
        declared = contract.schema.columns[column.name]
        if declared.regex:
            matching = (name for name in present if re.fullmatch(column.name, name))
            chosen += [_named(name) for name in matching if name not in contract.column_names]
        elif column.name in present or column.required:
            chosen.append(_named(column.name))
        else:
            chosen.append(pl.lit(None, dtype=column.dtype or pl.Null).alias(column.name))
    return plan.select(chosen)


def _named(name: str) -> pl.Expr:
    # A name between ^ and $ would be read as a pattern.
    return pl.selectors.by_name(name).as_expr()
