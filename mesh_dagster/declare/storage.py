"""Say how each type of a contract is stored, so that it reads back equal.

In:  polars types of a contract.
Out: the polars type that Delta can hold, or a refusal that names the type to use.
Delta has no unsigned, time-of-day, duration or categorical type and keeps microseconds.

Source:
    Delta transaction log protocol, "Schema Serialization Format", primitive types.
"""

import polars as pl

from mesh_dagster.declare.contract import Column, Contract
from mesh_dagster.errors import ContractRefusedError, nearest

PARTITION_COLUMN = "mesh_partition"
"""The Delta partition column; no contract may use the name."""
RULES_COLUMN = "mesh_rules"
"""Holds the broken rules of a row in quarantine; no contract may use the name."""
_RESERVED = frozenset({PARTITION_COLUMN, RULES_COLUMN, "*", ""})
"""pandera takes the star for all columns; DuckDB gives what has no name another one."""

_AS_IS = (
    pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.Float32, pl.Float64, pl.Boolean, pl.String,
    pl.Binary, pl.Date,
)  # fmt: skip
_WIDER: dict[type[pl.DataType], pl.DataType] = {
    pl.UInt8: pl.Int16(),
    pl.UInt16: pl.Int32(),
    pl.UInt32: pl.Int64(),
    pl.UInt64: pl.Decimal(20, 0),
    pl.Categorical: pl.String(),
    pl.Enum: pl.String(),
}
_INSTEAD = {
    "Time": "pl.Int64 (nanoseconds since midnight) or pl.String",
    "Duration": "pl.Int64 with the unit in the column's name",
    "Float16": "pl.Float32",
    "Int128": "pl.Decimal(38, 0)",
    "UInt128": "pl.Decimal(38, 0)",
    "Null": "the type that the values will have",
    "Object": "pl.String or pl.Binary",
    "Unknown": "a concrete type",
}
"""By name, since older versions of polars lack some of them."""
_DELTA_PRECISION = 38


class _NotStorableError(Exception):
    """Carries the type to use instead."""


def require_storable(contract: Contract, who: str) -> None:
    """Refuse a contract whose columns cannot be stored and read back equal.

    Raises:
        ContractRefusedError: Names the column and the type to use.
    """
    if not contract.columns:
        raise ContractRefusedError(who, "names no column", "Name the columns that it publishes.")
    for column in contract.columns:
        _require_storable_column(column, contract, who)
    folded = {column.name.casefold() for column in contract.columns}
    if len(folded) < len(contract.columns):
        raise ContractRefusedError(
            who, "has two columns whose names differ only in case", "Rename one of them."
        )
    for name in (name for key in contract.keys for name in key):
        if name not in contract.column_names:
            raise ContractRefusedError(
                who,
                f"has a key with the column '{name}', which it does not name",
                f"Name it, or correct 'unique'.{nearest(name, contract.column_names)}",
            )


def _require_storable_column(column: Column, contract: Contract, who: str) -> None:
    if contract.schema.columns[column.name].regex:
        raise ContractRefusedError(
            who,
            f"names columns by the pattern '{column.name}'",
            "Name each column that the port publishes.",
        )
    problem = f"has the column '{column.name}'"
    if column.name in _RESERVED:
        raise ContractRefusedError(who, f"{problem}, whose name is reserved", "Rename it.")
    if column.dtype is None:
        raise ContractRefusedError(who, f"{problem} without a type", "Give it one.")
    try:
        stored_type(column.dtype)
    except _NotStorableError as instead:
        problem += f" of type {column.dtype}, which a port cannot keep"
        raise ContractRefusedError(who, problem, f"Use {instead}.") from None


def is_storable(dtype: pl.DataType) -> bool:
    """Say whether a port can keep a type."""
    try:
        stored_type(dtype)
    except _NotStorableError:
        return False
    return True


def stored_type(dtype: pl.DataType) -> pl.DataType:
    """Return the type under which values of `dtype` are stored."""
    kind = type(dtype)
    if kind in _AS_IS:
        return dtype
    if kind in _WIDER:
        return _WIDER[kind]
    if isinstance(dtype, pl.List | pl.Array):
        return pl.List(_stored_part(dtype.inner))
    if isinstance(dtype, pl.Struct):
        return _stored_struct(dtype)
    return _stored_number_or_time(dtype)


def stored_type_or_none(dtype: pl.DataType) -> pl.DataType | None:
    """Return the same, or `None` for a type that no port can keep."""
    try:
        return stored_type(dtype)
    except _NotStorableError:
        return None


def _stored_number_or_time(dtype: pl.DataType) -> pl.DataType:
    if isinstance(dtype, pl.Decimal):
        precision = dtype.precision or _DELTA_PRECISION
        if precision > _DELTA_PRECISION:
            raise _NotStorableError("pl.Decimal with at most 38 digits")
        return pl.Decimal(precision, dtype.scale)
    if isinstance(dtype, pl.Datetime) and dtype.time_unit != "ns":
        return pl.Datetime("us", "UTC" if dtype.time_zone else None)
    if isinstance(dtype, pl.Datetime):
        raise _NotStorableError("pl.Datetime('us')")
    instead = _INSTEAD.get(type(dtype).__name__, "one of the types that Delta knows")
    raise _NotStorableError(instead)


def _stored_struct(dtype: pl.Struct) -> pl.DataType:
    if not dtype.fields:
        raise _NotStorableError("a struct with fields")
    if len({part.name.casefold() for part in dtype.fields}) < len(dtype.fields):
        raise _NotStorableError("fields whose names differ in more than case")
    return pl.Struct([pl.Field(part.name, _stored_part(part.dtype)) for part in dtype.fields])


def _stored_part(dtype: object) -> pl.DataType:
    try:
        whole = dtype() if isinstance(dtype, type) else dtype
    except TypeError:  # a list, struct or enum whose own parts are not named
        whole = None
    if not isinstance(whole, pl.DataType):
        raise _NotStorableError("it with the types of its parts, such as pl.List(pl.String)")
    return stored_type(whole)


def stored_schema(contract: Contract) -> dict[str, pl.DataType]:
    """Return the stored type of each column, in the contract's order."""
    return {name: stored_type(dtype) for name, dtype in contract_schema(contract).items()}


def contract_schema(contract: Contract) -> dict[str, pl.DataType]:
    """Return the promised type of each column, in the contract's order."""
    return {column.name: column.dtype for column in contract.columns if column.dtype is not None}
