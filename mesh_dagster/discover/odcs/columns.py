"""Write a column of a contract as an ODCS property, and read it.

In:  a `WrittenColumn`; or a property.
Out: the other of the two. A property that was read and still says the same is written back as it
stood.
"""

from dataclasses import dataclass

import polars as pl

from mesh_dagster.declare.dtypes import type_json, type_of
from mesh_dagster.declare.notation import NotWritableError, value_json, value_of
from mesh_dagster.declare.written import WrittenColumn
from mesh_dagster.discover.documents import Json, PlaceError
from mesh_dagster.discover.odcs import dtypes
from mesh_dagster.discover.odcs.custom import custom_fields, customs_of, merged
from mesh_dagster.discover.odcs.rules import rule_fields, rules_of

TYPE = "meshType"
"""The exact type, where the fields of ODCS leave it open."""
FLAGS = "meshColumn"
"""What pandera demands of a column and ODCS has no word for."""
_CLASSIFIED = "sensitivity"
_FLAGS = ("coerce", "regex", "drop_invalid_rows")
_RULING = ("logicalTypeOptions", "quality", "required", "unique", "items", "properties")
"""What is dropped, not kept, where a column that changed says nothing of it."""


@dataclass(frozen=True)
class ReadColumn:
    """A property as it was read."""

    node: Json
    column: WrittenColumn
    primary: int | None
    """Its place in the primary key, counted from 1."""
    unread: tuple[Json, ...]
    """The checks that no rule can say."""


def property_of(
    column: WrittenColumn, read: ReadColumn | None, position: int | None = None
) -> Json:
    """Write a column.

    Args:
        column: What the contract promises.
        read: The property that it was read from, if any, as pandera took it.
        position: Its place in the primary key, counted from 1.
    """
    if read is None:
        return _property(column, position)
    if column == read.column:
        return read.node
    ours = _property(column, position)
    if read.unread:
        ours["quality"] = [*ours.get("quality", ()), *read.unread]
    return merged(ours, {n: field for n, field in read.node.items() if n not in _RULING})


def _property(column: WrittenColumn, position: int | None) -> dict[str, Json]:
    dtype = column.dtype
    typed = dtypes.type_fields(dtype) if dtype is not None else {}
    ruled = rule_fields(column.rules, dtype)
    options = {**typed.pop("logicalTypeOptions", {}), **ruled.pop("logicalTypeOptions", {})}
    described = {"businessName": column.title, "description": column.description}
    keys: dict[str, Json] = {"required": not column.nullable, "unique": column.unique}
    if position is not None:
        keys |= {"primaryKey": True, "primaryKeyPosition": position}
    sensitivity = column.metadata.get(_CLASSIFIED)
    classified = {_CLASSIFIED: sensitivity} if isinstance(sensitivity, str) else {}
    made: dict[str, Json] = {
        "name": column.name,
        **{name: text for name, text in described.items() if text is not None},
        **{name: typed.pop(name) for name in ("logicalType", "physicalType") if name in typed},
        **({"logicalTypeOptions": options} if options else {}),
        **{name: value for name, value in keys.items() if value},
        **({"classification": sensitivity} if classified else {}),
        **typed,
        **ruled,
    }
    return {**made, **custom_fields(_customs(column, made, classified))}


def _customs(column: WrittenColumn, made: Json, classified: Json) -> dict[str, Json]:
    flags: dict[str, Json] = {name: True for name in _FLAGS if getattr(column, name)}
    if not column.required:
        flags["optional"] = True
    if column.default is not None:
        flags["default"] = value_json(column.default)
    customs = {n: value for n, value in column.metadata.items() if n not in classified}
    if column.dtype is not None and dtypes.type_of(made) != column.dtype:
        customs[TYPE] = type_json(column.dtype)
    return {**customs, FLAGS: flags} if flags else customs


def read_property(node: Json) -> ReadColumn:
    """Read a property.

    Raises:
        PlaceError: It asks for what no column can keep.
    """
    customs = customs_of(node)
    flags = customs.pop(FLAGS, {})
    dtype = _dtype(node, customs.pop(TYPE, None))
    said = rules_of(node, dtype)
    if not isinstance(flags, dict):
        raise PlaceError(f"has a custom property '{FLAGS}' that is no mapping")
    classified = {_CLASSIFIED: node["classification"]} if "classification" in node else {}
    column = WrittenColumn(
        name=node["name"],
        dtype=dtype,
        nullable=not (node.get("required", False) or said.not_null),
        unique=node.get("unique", False) or said.unique,
        required=flags.get("optional") is not True,
        default=_default(flags.get("default")),
        title=node.get("businessName"),
        description=node.get("description"),
        metadata={**classified, **customs},
        rules=said.rules,
        **{name: flags.get(name) is True for name in _FLAGS},
    )
    return ReadColumn(node, column, _position(node), said.unread)


def _position(node: Json) -> int | None:
    if node.get("primaryKey") is not True:
        return None
    return max(int(node.get("primaryKeyPosition", 1)), 1)


def _dtype(node: Json, exact: Json) -> pl.DataType | None:
    if exact is None:
        return dtypes.type_of(node)
    try:
        return type_of(exact)
    except NotWritableError as error:
        raise PlaceError(f"has a custom property '{TYPE}' that is no type") from error


def _default(written: Json) -> object:
    try:
        return value_of(written)
    except NotWritableError as error:
        raise PlaceError(
            f"has a custom property '{FLAGS}' with a default that is no value"
        ) from error
