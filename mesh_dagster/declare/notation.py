"""Write types and values as JSON, and read them back equal.

In:  polars types, and the values that rules compare with.
Out: JSON that people can read, such as `"Int64"` or `{"Decimal": {"precision": 10, "scale": 2}}`.
What cannot be read back equal is refused, so that whoever writes it can say so.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import polars as pl

Json = Any  # Any: JSON
_ARGUMENTS: dict[type[pl.DataType], tuple[str, ...]] = {
    pl.Datetime: ("time_unit", "time_zone"),
    pl.Duration: ("time_unit",),
    pl.Decimal: ("precision", "scale"),
}
_READERS: dict[str, Callable[[Any], object]] = {
    "decimal": Decimal,
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "seconds": lambda seconds: timedelta(seconds=seconds),
    "float": float,
    "bytes": bytes.fromhex,
    "set": lambda parts: frozenset(map(value_of, parts)),
    "map": lambda parts: {name: value_of(part) for name, part in parts.items()},
}


class NotWritableError(Exception):
    """A value or a type that JSON cannot hold so that it reads back equal."""


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
    arguments = _ARGUMENTS.get(type(dtype))
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


def value_json(value: object) -> Json:
    """Write a value that a rule compares with.

    Raises:
        NotWritableError: It is no number, text, time, or collection of those.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": str(value)}
    if isinstance(value, list | tuple):
        return [value_json(part) for part in value]
    if isinstance(value, set | frozenset):
        return {"set": _sorted(value_json(part) for part in value)}
    if isinstance(value, Mapping):
        return {"map": {str(name): value_json(part) for name, part in value.items()}}
    return _special(value)


def value_of(written: Json) -> Json:
    """Read a value that `value_json` wrote; a tuple comes back as a list.

    Raises:
        NotWritableError: It is none.
    """
    if isinstance(written, list):
        return [value_of(part) for part in written]
    if not isinstance(written, dict):
        return written
    kind, content = next(iter(written.items()), ("", None))
    if len(written) != 1 or kind not in _READERS:
        raise NotWritableError("a value of unknown kind")
    try:
        return _READERS[kind](content)
    except (ArithmeticError, AttributeError, TypeError, ValueError) as error:
        raise NotWritableError(f"a value of kind '{kind}'") from error


def _special(value: object) -> Json:
    if isinstance(value, Decimal):
        return {"decimal": str(value)}
    if isinstance(value, datetime | date | time):
        # A datetime is a date too, so its own name comes from its type.
        return {type(value).__name__: value.isoformat()}
    if isinstance(value, timedelta):
        return {"seconds": value.total_seconds()}
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    raise NotWritableError(f"a value of type '{type(value).__name__}'")


def _sorted(parts: Iterable[Json]) -> list[Json]:
    return sorted(parts, key=lambda part: (type(part).__name__, str(part), repr(part)))


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
