"""Turn columns into the types under which Delta stores them, and back into what is promised.

In:  promised types, or the fields of a Delta table.
Out: polars expressions, and schemas of either side. How each type is stored is decided in
`declare/storage.py`; a type that Delta lacks stands in the metadata of its field.
"""

import base64
import io
from collections.abc import Mapping, Sequence

import polars as pl
from deltalake import Field, Schema

from mesh_dagster.declare.storage import stored_type

_TYPE_KEY = "mesh_dagster.type"


def named(name: str) -> pl.Expr:
    """Return a column by its exact name; `pl.col` takes a name between ^ and $ for a pattern."""
    return pl.selectors.by_name(name).as_expr()


def promised(column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Turn a stored column back into its promised type."""
    if stored_type(dtype) == dtype:
        return column
    if isinstance(dtype, pl.Datetime) and dtype.time_zone:
        return column.dt.cast_time_unit(dtype.time_unit).dt.convert_time_zone(dtype.time_zone)
    return column.cast(dtype)


def stored(column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Turn a column of a promised type into the type under which it is stored."""
    kept = stored_type(dtype)
    if kept == dtype:
        return column
    if isinstance(dtype, pl.Datetime) and dtype.time_zone:
        return column.dt.convert_time_zone("UTC").dt.cast_time_unit("us")
    return column.cast(kept)


def delta_schema(schema: Mapping[str, pl.DataType]) -> Schema:
    """Write promised types as a Delta schema."""
    kept = {name: stored_type(dtype) for name, dtype in schema.items()}
    plain = Schema.from_arrow(pl.DataFrame(schema=kept).to_arrow().schema)
    return Schema(
        [
            field
            if kept[field.name] == schema[field.name]
            else Field(field.name, field.type, metadata={_TYPE_KEY: _encoded(schema[field.name])})
            for field in plain.fields
        ]
    )


def promised_schema(fields: Sequence[Field]) -> dict[str, pl.DataType]:
    """Read the promised types back from the fields of a Delta table."""
    plain = pl.Schema(Schema(list(fields)))
    return {
        field.name: _decoded(field.metadata[_TYPE_KEY])
        if _TYPE_KEY in field.metadata
        else plain[field.name]
        for field in fields
    }


def _encoded(dtype: pl.DataType) -> str:
    buffer = io.BytesIO()
    pl.DataFrame(schema={"type": dtype}).write_ipc(buffer)
    return base64.b64encode(buffer.getvalue()).decode()


def _decoded(text: str) -> pl.DataType:
    return pl.read_ipc(io.BytesIO(base64.b64decode(text))).schema["type"]
