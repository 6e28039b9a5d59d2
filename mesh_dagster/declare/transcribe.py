"""Turn a contract into plain data, and plain data into a pandera schema.

In:  a `Contract`; or a `WrittenContract`, such as the registry keeps of another code location.
Out: the other of the two. Opaque rules are left out on the way back.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

import pandera.polars as pa
import polars as pl
from pandera.api.function_dispatch import Dispatcher

from mesh_dagster.declare.contract import (
    Contract,
    composite_keys,
    level_of,
    rule_text,
)
from mesh_dagster.declare.digest import check_digest
from mesh_dagster.declare.notation import NotWritableError, value_json, value_of
from mesh_dagster.declare.written import Arguments, WrittenColumn, WrittenContract, WrittenRule

_VALUE = "value"
_NO_FLAGS = int(re.UNICODE)


class NotFollowedError(Exception):
    """A rule, or a value it compares with, that cannot be judged exactly."""


def written(contract: Contract) -> WrittenContract:
    """Write a contract down."""
    schema = contract.schema
    return WrittenContract(
        name=contract.name,
        digest=contract.digest,
        columns=tuple(_column(column, schema) for column in schema.columns.values()),
        rules=tuple(_rule(None, check) for check in schema.checks),
        keys=tuple(tuple(names) for names in composite_keys(schema)),
        strict="filter" if schema.strict == "filter" else bool(schema.strict),
        ordered=schema.ordered,
        coerce=schema.coerce,
        add_missing_columns=schema.add_missing_columns,
        drop_invalid_rows=schema.drop_invalid_rows,
        title=schema.title,
        description=schema.description,
        metadata=_metadata(schema.metadata),
    )


def schema_of(contract: WrittenContract) -> pa.DataFrameSchema:
    """Return a pandera schema with everything but the opaque rules."""
    return pa.DataFrameSchema(
        {column.name: _pandera_column(column) for column in contract.columns},
        checks=[check for rule in contract.rules for check in _pandera_checks(rule)],
        name=contract.name,
        strict=contract.strict,
        ordered=contract.ordered,
        coerce=contract.coerce,
        add_missing_columns=contract.add_missing_columns,
        drop_invalid_rows=contract.drop_invalid_rows,
        unique=_unique(contract.keys),
        title=contract.title,
        description=contract.description,
        metadata=dict(contract.metadata) or None,
    )


def rows_that_keep(rule: WrittenRule, values: pl.Series) -> pl.Series:
    """Ask pandera which values keep a rule that judges each by itself.

    Returns:
        One Boolean for each value.

    Raises:
        NotFollowedError: The rule is opaque, or cannot be asked of values of this type.
    """
    plan = values.alias(_VALUE).to_frame().lazy()
    try:
        [check] = _pandera_checks(rule)
        kept: pl.Series = check(plan, _VALUE).check_output.collect().to_series()
    except (Exception, pl.exceptions.PanicException) as error:  # pandera raises anything
        raise NotFollowedError from error
    return kept


def usual_error(check: str, arguments: Arguments) -> str | None:
    """Return the message that pandera itself gives a built-in check; `None` where it cannot."""
    make: Callable[..., pa.Check] = getattr(pa.Check, check)
    try:
        return make(**arguments).error
    except (TypeError, ValueError):
        return None


def _column(column: pa.Column, schema: pa.DataFrameSchema) -> WrittenColumn:
    demanded = schema.dtype or column.dtype
    dtype = demanded.type if demanded is not None else None
    return WrittenColumn(
        name=str(column.name),
        dtype=dtype() if isinstance(dtype, type) else dtype,
        nullable=column.nullable,
        unique=column.unique,
        required=column.required,
        coerce=column.coerce,
        regex=column.regex,
        drop_invalid_rows=column.drop_invalid_rows,
        default=column.default,
        title=column.title,
        description=column.description,
        metadata=_metadata(column.metadata),
        rules=tuple(_rule(str(column.name), check) for check in column.checks),
    )


def _rule(column: str | None, check: pa.Check) -> WrittenRule:
    name, arguments = _built_in(check)
    return WrittenRule(
        text=rule_text(column, check),
        check=name,
        arguments=arguments,
        level=level_of(check),
        ignore_na=check.ignore_na,
        error=check.error,
        digest=hashlib.sha256(json.dumps(check_digest(check)).encode()).hexdigest(),
    )


def _built_in(check: pa.Check) -> tuple[str | None, Arguments]:
    if not isinstance(check._check_fn, Dispatcher) or check.element_wise:  # noqa: SLF001 - no public name
        return None, {}
    try:
        arguments = {name: _argument(value) for name, value in check._check_kwargs.items()}  # noqa: SLF001
    except NotWritableError:
        return None, {}
    return check.name, arguments


def _argument(value: object) -> object:
    """Return a value as it comes back from JSON."""
    if isinstance(value, re.Pattern):
        if value.flags != _NO_FLAGS:
            raise NotWritableError("a pattern with flags")
        return value.pattern
    return value_of(value_json(value))


def _metadata(given: Mapping[str, Any] | None) -> dict[str, Any]:  # Any: JSON
    kept = {}
    for name, value in (given or {}).items():
        try:
            kept[str(name)] = json.loads(json.dumps(value, allow_nan=False))
        except (TypeError, ValueError):  # noqa: PERF203 - entries are few
            continue
    return kept


def _pandera_column(column: WrittenColumn) -> pa.Column:
    return pa.Column(
        column.dtype,
        checks=[check for rule in column.rules for check in _pandera_checks(rule)],
        name=column.name,
        nullable=column.nullable,
        unique=column.unique,
        required=column.required,
        coerce=column.coerce,
        regex=column.regex,
        drop_invalid_rows=column.drop_invalid_rows,
        default=column.default,
        title=column.title,
        description=column.description,
        metadata=dict(column.metadata) or None,
    )


def _pandera_checks(rule: WrittenRule) -> Iterator[pa.Check]:
    if rule.check is None:
        return
    make: Callable[..., pa.Check] = getattr(pa.Check, rule.check)
    # Given none at all, pandera writes a message of its own.
    error = {} if rule.error is None else {"error": rule.error}
    yield make(
        **rule.arguments,
        **error,
        ignore_na=rule.ignore_na,
        raise_warning=rule.level == "warn",
    )


def _unique(keys: tuple[tuple[str, ...], ...]) -> list[str] | None:
    if len(keys) <= 1:
        return list(keys[0]) if keys else None
    # pandera takes several keys, but does not say so in its types.
    return cast("list[str]", [list(key) for key in keys])
