"""Say how each type of a contract is stored, so that it reads back equal.

In:  polars types of a contract.
Out: the polars type that Delta can hold, or a refusal that names the type to use.
Delta has no unsigned, time-of-day, duration or categorical type and keeps microseconds.

Source:
    Delta transaction log protocol, "Schema Serialization Format", primitive types.
"""

import polars as pl

from mesh_dagster.declare.contract import Contract
from mesh_dagster.errors import ContractRefusedError

PARTITION_COLUMN = "mesh_partition"
"""The Delta partition column; no contract may use the name."""
RULES_COLUMN = "mesh_rules"
"""Holds the broken rules of a row in quarantine; no contract may use the name."""
_RESERVED = frozenset({PARTITION_COLUMN, RULES_COLUMN})

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
_INSTEAD: dict[type[pl.DataType], str] = {
    pl.Time: "pl.Int64 (nanoseconds since midnight) or pl.String",
    pl.Duration: "pl.Int64 with the unit in the column's name",
    pl.Int128: "pl.Decimal(38, 0)",
    pl.Null: "the type that the values will have",
    pl.Object: "pl.String or pl.Binary",
    pl.Unknown: "a concrete type",
}
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
        problem = f"column '{column.name}' "
        if contract.schema.columns[column.name].regex:
            raise ContractRefusedError(
                who, problem + "is a pattern", "Name each column that the port publishes."
            )
        if column.name in _RESERVED:
            raise ContractRefusedError(who, problem + "has a reserved name", "Rename it.")
        if column.dtype is None:
            raise ContractRefusedError(who, problem + "has no type", "Give it one.")
        try:
            stored_type(column.dtype)
        except _NotStorableError as instead:
            raise ContractRefusedError(
                who, f"{problem}has type {column.dtype}, which a port cannot keep", f"Use {instead}."
            ) from None
    folded = {column.name.casefold() for column in contract.columns}
    if len(folded) < len(contract.columns):
        raise ContractRefusedError(
            who, "has two columns whose names differ only in case", "Rename one of them."
        )


def stored_type(dtype: pl.DataType) -> pl.DataType:
    """Return the type under which values of `dtype` are stored."""
    kind = type(dtype)
    if kind in _AS_IS:
        return dtype
    if kind in _WIDER:
        return _WIDER[kind]
    if isinstance(dtype, pl.Decimal):
        if dtype.precision is not None and dtype.precision > _DELTA_PRECISION:
            raise _NotStorableError("pl.Decimal with at most 38 digits")
        return pl.Decimal(dtype.precision or _DELTA_PRECISION, dtype.scale)
    if isinstance(dtype, pl.Datetime):
        if dtype.time_unit == "ns":
            raise _NotStorableError("pl.Datetime('us')")
        return pl.Datetime("us", "UTC" if dtype.time_zone else None)
    if isinstance(dtype, pl.List | pl.Array):
        return pl.List(stored_type(_instance(dtype.inner)))
    if isinstance(dtype, pl.Struct):
        return pl.Struct([pl.Field(f.name, stored_type(_instance(f.dtype))) for f in dtype.fields])
    raise _NotStorableError(_INSTEAD.get(kind, "one of the types that Delta knows"))


def stored_schema(contract: Contract) -> dict[str, pl.DataType]:
    """Return the stored type of each column, in the contract's order."""
    return {name: stored_type(dtype) for name, dtype in contract_schema(contract).items()}


def contract_schema(contract: Contract) -> dict[str, pl.DataType]:
    """Return the promised type of each column, in the contract's order."""
    return {column.name: column.dtype for column in contract.columns if column.dtype is not None}


def _instance(dtype: "pl.DataType | type[pl.DataType]") -> pl.DataType:
    return dtype() if isinstance(dtype, type) else dtype
