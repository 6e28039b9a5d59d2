"""Write a few rows that stand for those of a port, for the test of what is made from them.

In:  a `Proposal`, the types of the port's columns.
Out: Python source. No value comes from the data, but for the choices that the proposal names.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import polars as pl

from mesh_dagster.discover.model_code import polars_code
from mesh_dagster.discover.propose import Proposal, ProposedColumn
from mesh_dagster.discover.source_code import Call, Code, Name, value_code

_ROWS = (1, 2, 3)
_NATURAL = (pl.Int64, pl.Float64, pl.String, pl.Boolean, pl.Binary, pl.Date)
"""Types that polars gives to their values by itself."""
_NAMED = {
    "import datetime": re.compile(r"(?<![.\w])datetime\."),
    "from decimal import Decimal": re.compile(r"(?<![.\w])Decimal\("),
}
_SIMPLE: Mapping[type, Callable[[int], Any]] = {  # Any: a value of the type
    pl.String: lambda number: chr(ord("a") + number - 1),
    pl.Categorical: lambda number: chr(ord("a") + number - 1),
    pl.Boolean: lambda number: number % 2 == 1,
    pl.Binary: lambda number: bytes([number]),
    pl.Date: lambda number: date(2026, 1, number),
    pl.Datetime: lambda number: datetime(2026, 1, number),  # noqa: DTZ001 - the column has the zone
}


def stand_ins(found: Proposal, schema: Mapping[str, pl.DataType]) -> Code:
    """Return the source of a frame with rows that the proposed contract accepts.

    Args:
        found: What is proposed for the port's columns.
        schema: The types that they have.
    """
    rows = {column.source: _values(column, schema[column.source]) for column in found.columns}
    types: dict[str, Code] = {
        name: _type(dtype) for name, dtype in schema.items() if type(dtype) not in _NATURAL
    }
    named: dict[str, Code] = {"schema_overrides": types} if types else {}
    return Call("pl.LazyFrame", [value_code(rows)], named)


def imports_of(source: str) -> Iterator[str]:
    """Yield what the source of rows needs to import, beside polars."""
    return (line for line, named in _NAMED.items() if named.search(source))


def _values(column: ProposedColumn, dtype: pl.DataType) -> list[Any]:
    values = [_value(dtype, number) for number in _ROWS]
    if column.digits:
        values = [str(number).zfill(column.digits) for number in _ROWS]
    if column.choices:
        values = [column.choices[number % len(column.choices)] for number in _ROWS]
    elif not column.digits and _may_stand(column, dtype, values):
        values[0] = column.metadata["example"]
    return [*values[:-1], None] if column.nullable else values


def _may_stand(column: ProposedColumn, dtype: pl.DataType, values: list[Any]) -> bool:
    """Say whether the example of a column is one of its values, and none of those there are."""
    example: Any = column.metadata.get("example")  # Any: JSON
    if type(dtype) not in _NATURAL or type(example) is not type(values[0]) or example in values:
        return False
    return column.least is None or example >= column.least


def _value(given: object, number: int) -> Any:  # noqa: ANN401 - of whichever type
    dtype = given() if isinstance(given, type) else given
    if isinstance(dtype, pl.Enum):
        return dtype.categories[number % len(dtype.categories)]
    if isinstance(dtype, pl.Decimal):
        return Decimal(number).scaleb(-dtype.scale)
    if isinstance(dtype, pl.Struct):
        return {part.name: _value(part.dtype, number) for part in dtype.fields}
    if isinstance(dtype, pl.List | pl.Array):
        return [_value(dtype.inner, number)] * getattr(dtype, "size", 1)
    kind = type(dtype)
    return _SIMPLE[kind](number) if kind in _SIMPLE else _number(dtype, number)


def _number(dtype: object, number: int) -> int | float:
    return float(number) if isinstance(dtype, pl.Float32 | pl.Float64) else number


def _type(dtype: pl.DataType) -> Name:
    text = polars_code(dtype)
    return Name(f"{text}()" if text == "pl.Categorical" else text)
