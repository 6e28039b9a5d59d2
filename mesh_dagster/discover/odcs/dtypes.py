"""Write the type of a column as ODCS does, and read it.

In:  a polars type; or an ODCS property (a column, or a part of one).
Out: the fields of a property that speak of its type; or a polars type.
The logical type says the family, its options or the physical type how wide. `columns.py` notes
the exact type where these leave it open.
"""

import re
from collections.abc import Callable, Iterator
from zoneinfo import ZoneInfo

import polars as pl

from mesh_dagster.declare.storage import stored_type_or_none
from mesh_dagster.discover.documents import Json, PlaceError, at

_FORMATS: dict[str, type[pl.DataType]] = {
    "i8": pl.Int8, "i16": pl.Int16, "i32": pl.Int32, "i64": pl.Int64,
    "u8": pl.UInt8, "u16": pl.UInt16, "u32": pl.UInt32, "u64": pl.UInt64,
    "f32": pl.Float32, "f64": pl.Float64,
}  # fmt: skip
_UNSIGNED = {dtype: name for name, dtype in _FORMATS.items() if name.startswith("u")}
_USUAL: dict[str, pl.DataType] = {
    "string": pl.String(),
    "date": pl.Date(),
    "time": pl.Time(),
    "number": pl.Float64(),
    "integer": pl.Int64(),
    "boolean": pl.Boolean(),
    "vector": pl.List(pl.Float32()),
}
_LOGICAL: dict[type[pl.DataType], str] = {
    pl.String: "string", pl.Categorical: "string", pl.Enum: "string", pl.Binary: "string",
    pl.Boolean: "boolean", pl.Date: "date", pl.Time: "time",
    pl.Datetime: "timestamp", pl.List: "array", pl.Array: "array", pl.Struct: "object",
}  # fmt: skip
_PHYSICAL: dict[type[pl.DataType], str] = {
    pl.Int8: "tinyint", pl.Int16: "smallint", pl.Int32: "int", pl.Int64: "bigint",
    pl.Float32: "real", pl.Float64: "double", pl.Boolean: "boolean", pl.String: "string",
    pl.Binary: "binary", pl.Date: "date",
}  # fmt: skip
_NAMES: dict[str, type[pl.DataType]] = {
    **{name: dtype for dtype, name in _PHYSICAL.items()},
    "byte": pl.Int8, "short": pl.Int16, "integer": pl.Int32, "int4": pl.Int32, "long": pl.Int64,
    "int8": pl.Int64, "int64": pl.Int64, "float": pl.Float64, "float8": pl.Float64,
    "float64": pl.Float64, "double precision": pl.Float64, "float4": pl.Float32,
    "bool": pl.Boolean, "text": pl.String, "varchar": pl.String, "nvarchar": pl.String,
    "char": pl.String, "json": pl.String, "bytes": pl.Binary, "varbinary": pl.Binary,
    "blob": pl.Binary, "bytea": pl.Binary,
}  # fmt: skip
_NUMBERS = (
    pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.Float32, pl.Float64, pl.Decimal,
)  # fmt: skip
_FAMILIES: dict[str, tuple[type[pl.DataType], ...]] = {
    "integer": _NUMBERS[:4],
    "number": _NUMBERS,
    "string": (pl.String, pl.Binary),
    "object": (pl.String,),
}
"""The physical types that say more of a logical type; objects may be kept as JSON texts."""
_PRECISE = re.compile(r"(?:decimal|numeric) ?\(([0-9]{1,2})(?:, ?([0-9]{1,2}))?\)")
_NAMED = re.compile(r"([a-z][a-z0-9 _]*?) ?(?:\([0-9, ]*\))?")
_MOST_DIGITS = 38
_LONGEST_ARRAY = 2**31 - 1
_ZONED = ("timestamptz", "timestamp_tz", "timestamp with time zone")
_UTC = "UTC"


def type_fields(dtype: pl.DataType) -> dict[str, Json]:
    """Return the fields of a property that say its type; none where ODCS has no name for it."""
    return {**_fields(dtype), **_physical_field(dtype)}


def type_of(node: Json) -> pl.DataType | None:
    """Read the type of a property; `None` when it leaves the type open.

    Raises:
        PlaceError: It names a type that cannot be.
    """
    logical, options = node.get("logicalType"), node.get("logicalTypeOptions") or {}
    if str(options.get("format")) in _FORMATS:
        return _FORMATS[options["format"]]()
    if logical == "timestamp":
        return pl.Datetime("us", _zone(node, options))
    if logical in _NESTED:
        nested = _NESTED[logical](node, options)
        if nested is not None:
            return nested
    physical = _physical(node.get("physicalType"))
    fits = logical is None or isinstance(physical, _FAMILIES.get(logical, ()))
    return physical if physical is not None and fits else _USUAL.get(logical or "")


def _fields(dtype: pl.DataType) -> dict[str, Json]:
    kind = type(dtype)
    if kind in _UNSIGNED:
        # They are stored wider, so the physical type does not tell.
        return {"logicalType": "integer", "logicalTypeOptions": {"format": _UNSIGNED[kind]}}
    if dtype.is_numeric():
        return {"logicalType": "integer" if dtype.is_integer() else "number"}
    fields: dict[str, Json] = {"logicalType": _LOGICAL[kind]} if kind in _LOGICAL else {}
    if isinstance(dtype, pl.Datetime) and dtype.time_zone:
        fields["logicalTypeOptions"] = {"timezone": True, "defaultTimezone": dtype.time_zone}
    if isinstance(dtype, pl.Array):
        fields["logicalTypeOptions"] = {"minItems": dtype.size, "maxItems": dtype.size}
    if isinstance(dtype, pl.List | pl.Array):
        fields["items"] = type_fields(_whole(dtype.inner))
    if isinstance(dtype, pl.Struct):
        parts = dtype.fields
        fields["properties"] = [{"name": p.name, **type_fields(_whole(p.dtype))} for p in parts]
    return fields


def _physical_field(dtype: pl.DataType) -> dict[str, Json]:
    stored = stored_type_or_none(dtype)
    return {"physicalType": _physical_name(stored)} if stored is not None else {}


def _physical_name(stored: pl.DataType) -> str:
    if isinstance(stored, pl.Decimal):
        return f"decimal({stored.precision},{stored.scale})"
    if isinstance(stored, pl.Datetime):
        return "timestamp" if stored.time_zone else "timestamp_ntz"
    if isinstance(stored, pl.List):
        return f"array<{_physical_name(_whole(stored.inner))}>"
    if isinstance(stored, pl.Struct):
        return f"struct<{','.join(_parts(stored))}>"
    return _PHYSICAL[type(stored)]


def _parts(stored: pl.Struct) -> Iterator[str]:
    return (f"{part.name}:{_physical_name(_whole(part.dtype))}" for part in stored.fields)


def _whole(dtype: object) -> pl.DataType:
    whole = dtype() if isinstance(dtype, type) else dtype
    return whole if isinstance(whole, pl.DataType) else pl.Unknown()


def _physical(name: object) -> pl.DataType | None:
    text = str(name or "").strip().lower()
    if precise := _PRECISE.fullmatch(text):
        precision, scale = int(precise[1]), int(precise[2] or 0)
        fits = 0 < precision <= _MOST_DIGITS and scale <= precision
        return pl.Decimal(precision, scale) if fits else None
    if text in _ZONED:
        return pl.Datetime("us", _UTC)
    if text.startswith(("timestamp", "datetime")):
        return pl.Datetime("us")
    named = _NAMED.fullmatch(text)
    kind = _NAMES.get(named[1]) if named else None
    return kind() if kind else None


def _zone(node: Json, options: Json) -> str | None:
    if "timezone" not in options:
        return _UTC if str(node.get("physicalType")).lower() in _ZONED else None
    if options["timezone"] is not True:
        return None
    zone = options.get("defaultTimezone", _UTC)
    try:
        return ZoneInfo(zone).key
    except (KeyError, ValueError, OSError) as error:
        place = ("logicalTypeOptions", "defaultTimezone")
        raise PlaceError("names a time zone that nobody knows", place) from error


def _array(node: Json, options: Json) -> pl.DataType | None:
    if not node.get("items"):
        return None
    with at("items"):
        inner = type_of(node["items"])
    if inner is None:
        return None
    least, most = options.get("minItems"), options.get("maxItems")
    fixed = most is not None and least == most and 0 < most <= _LONGEST_ARRAY
    return pl.Array(inner, int(most)) if fixed else pl.List(inner)


def _map(node: Json, options: Json) -> pl.DataType | None:
    parts = [{**node.get("map", {}).get(name, {}), "name": name} for name in ("key", "value")]
    entry = _struct({"properties": parts}, options)
    return pl.List(entry) if entry is not None else None


def _struct(node: Json, _: Json) -> pl.DataType | None:
    parts = node.get("properties")
    if not parts:
        return None
    fields: dict[str, pl.DataType] = {}
    for number, part in enumerate(parts):
        with at("properties", number):
            dtype = type_of(part)
        if dtype is None:
            return None
        if part["name"] in fields:
            raise PlaceError("names a column twice", ("properties", number))
        fields[part["name"]] = dtype
    return pl.Struct(fields)


_NESTED: dict[str, Callable[[Json, Json], pl.DataType | None]] = {
    "array": _array,
    "map": _map,
    "object": _struct,
}
