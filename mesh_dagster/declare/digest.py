"""Digest what a schema demands, so that a contract that changed is seen to have changed.

In:  a pandera schema, or one of its checks.
Out: a text, equal on every machine for equal demands, whatever the descriptions say.
"""

import hashlib
import inspect
import json
from collections.abc import Callable

import pandera.polars as pa

from mesh_dagster.declare.fingerprint import fingerprint


def schema_digest(schema: pa.DataFrameSchema, keys: list[list[str]]) -> str:
    """Return the digest of a schema with these composite keys."""
    columns = [
        [
            name,
            str(column.dtype),
            column.nullable,
            column.unique,
            column.required,
            column.regex,
            column.coerce,
            fingerprint(column.default),
            column.drop_invalid_rows,
            [check_digest(check) for check in column.checks],
            [fingerprint(parser._parser_fn) for parser in column.parsers],  # noqa: SLF001 - no public name
        ]
        for name, column in schema.columns.items()
    ]
    whole = [
        columns,
        [check_digest(check) for check in schema.checks],
        [fingerprint(parser._parser_fn) for parser in schema.parsers],  # noqa: SLF001 - no public name
        [str(schema.dtype), keys, schema.strict, schema.ordered, schema.coerce],
        [schema.add_missing_columns, schema.drop_invalid_rows],
    ]
    return hashlib.sha256(json.dumps(whole).encode()).hexdigest()


def check_digest(check: pa.Check) -> list[str]:
    """Return what tells a check from every other, equal on every machine."""
    statistics = dict(check.statistics or {})
    if check.name in {"isin", "notin"}:
        statistics = {name: set(values) for name, values in statistics.items()}
    flags = (check.ignore_na, check.element_wise, check.raise_warning)
    return [str(check.name), *map(fingerprint, (statistics, _function_of(check), *flags))]


def _function_of(check: pa.Check) -> Callable[..., object]:
    """Return what somebody wrote; pandera wraps the checks that are methods of a model."""
    function: Callable[..., object] = check._check_fn  # noqa: SLF001 - no public name
    if not inspect.isfunction(function):
        return function
    method = inspect.getclosurevars(function).nonlocals.get("self")
    return getattr(method, "check_fn", function)
