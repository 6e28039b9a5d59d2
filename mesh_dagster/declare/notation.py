"""Write values as JSON, and read them back equal; name types that were written as JSON.

In:  the values that rules compare with; types, as `declare/dtypes.py` writes them.
Out: JSON that people can read, such as `5` or `{"decimal": "1.50"}`; names, such as `List(Int64)`.
What cannot be read back equal is refused, so that whoever writes it can say so. polars is not
imported here, so that whoever only looks at a contract does not wait for it.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

Json = Any  # Any: JSON
TYPE_ARGUMENTS = {
    "Datetime": ("time_unit", "time_zone"),
    "Duration": ("time_unit",),
    "Decimal": ("precision", "scale"),
}
"""What types have beside their names, in the order in which polars shows it."""
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


def type_text(written: Json) -> str:
    """Name a type that `declare/dtypes.py` wrote, as polars does."""
    if isinstance(written, str):
        return written
    name, content = next(iter(written.items()))
    if name == "List":
        return f"List({type_text(content)})"
    if name == "Array":
        return _array_text(content)
    if name == "Struct":
        parts = (f"{part['name']!r}: {type_text(part['type'])}" for part in content)
        return f"Struct({{{', '.join(parts)}}})"
    if name == "Enum":
        return f"Enum(categories={content!r})"
    arguments = (f"{argument}={content[argument]!r}" for argument in TYPE_ARGUMENTS[name])
    return f"{name}({', '.join(arguments)})"


def _array_text(content: Json) -> str:
    """Name an array of arrays by its whole shape."""
    inner, shape = content["inner"], [content["size"]]
    while isinstance(inner, dict) and "Array" in inner:
        shape.append(inner["Array"]["size"])
        inner = inner["Array"]["inner"]
    return f"Array({type_text(inner)}, shape={tuple(shape)})"


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
