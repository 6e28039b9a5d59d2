"""Write types as JSON, and read them back equal.

In:  polars types.
Out: JSON that people can read, such as `"Int64"` or `{"Decimal": {"precision": 10, "scale": 2}}`.
"""

import polars as pl

from mesh_dagster.declare.notation import TYPE_ARGUMENTS, Json, NotWritableError


def type_json(dtype: pl.DataType) -> Json:
    """Write a type.

    Raises:
        NotWritableError: Its parts are not named.
    """
    name = type(dtype).__name__
    if isinstance(dtype, pl.List):
        return {name: _part_json(dtype.inner)}
    if isinstance(dtype, pl.Array):
        return {name: {"inner": _part_json(dtype.inner), "size": dtype.size}}
    if isinstance(dtype, pl.Struct):
        return {name: [{"name": f.name, "type": _part_json(f.dtype)} for f in dtype.fields]}
    if isinstance(dtype, pl.Enum):
        return {name: dtype.categories.to_list()}
    arguments = TYPE_ARGUMENTS.get(name)
    return {name: {a: getattr(dtype, a) for a in arguments}} if arguments else name


def type_of(written: Json) -> pl.DataType:
    """Read a type that `type_json` wrote.

    Raises:
        NotWritableError: It is none.
    """
    try:
        return _type_of(written)
    except (AttributeError, KeyError, TypeError, ValueError, pl.exceptions.PolarsError) as error:
        raise NotWritableError(f"the type {str(written)[:80]}") from error


def _part_json(dtype: object) -> Json:
    try:
        whole = dtype() if isinstance(dtype, type) else dtype
    except TypeError as error:
        raise NotWritableError("a type whose parts are not named") from error
    if not isinstance(whole, pl.DataType):
        raise NotWritableError("a type whose parts are not named")
    return type_json(whole)


def _type_of(written: Json) -> pl.DataType:
    name, content = next(
        iter({written: {}}.items() if isinstance(written, str) else written.items())
    )
    kind = getattr(pl, name)
    if not (isinstance(kind, type) and issubclass(kind, pl.DataType)):
        raise TypeError(name)
    if kind is pl.List:
        return pl.List(_type_of(content))
    if kind is pl.Array:
        return pl.Array(_type_of(content["inner"]), content["size"])
    if kind is pl.Struct:
        return pl.Struct([pl.Field(part["name"], _type_of(part["type"])) for part in content])
    if kind is pl.Enum:
        return pl.Enum(content)
    read: pl.DataType = kind(**content) if content else kind()
    return read
