"""Lay out Python source: calls, lists and mappings, each on one line or on one line for each part.

In:  a tree of source, whose texts and numbers come from anywhere.
Out: text that parses to exactly that tree; whatever is not a name is written by `repr`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from decimal import Decimal

import polars as pl

_WIDTH = 100
_STEP = 4
_NAMED_PARTS: Mapping[type[pl.DataType], tuple[str, ...]] = {
    pl.Decimal: ("precision", "scale"),
    pl.Datetime: ("time_unit", "time_zone"),
    pl.Duration: ("time_unit",),
}


@dataclass(frozen=True)
class Call:
    """A call of a name that is known to be one."""

    name: str
    given: Sequence["Code"] = ()
    named: Mapping[str, "Code"] = field(default_factory=dict)


@dataclass(frozen=True)
class Name:
    """A name, or an expression that is known to be safe."""

    text: str


Code = Call | Name | list["Code"] | dict[str, "Code"] | str | int | float | None


def laid_out(code: Code, indent: int = 0, taken: int = 0) -> str:
    """Write source; `taken` characters stand before it in its line."""
    line = one_line(code)
    if indent + taken + len(line) <= _WIDTH:
        return line
    if isinstance(code, str):
        return _long_text(code, indent)
    if not _parts(code):
        return line
    opened, closed = _ends(code)
    inner = indent + _STEP
    lines = [
        f"{' ' * inner}{lead}{laid_out(part, inner, len(lead) + 1)}," for lead, part in _parts(code)
    ]
    return "\n".join([opened, *lines, f"{' ' * indent}{closed}"])


def one_line(code: Code) -> str:
    """Write source on one line, however long."""
    if isinstance(code, Name):
        return code.text
    if isinstance(code, Call | list | dict):
        opened, closed = _ends(code)
        return f"{opened}{', '.join(lead + one_line(part) for lead, part in _parts(code))}{closed}"
    return _quoted(code) if isinstance(code, str) else repr(code)


def value_code(value: object) -> Code:
    """Return the source of a value that a rule compares with."""
    if isinstance(value, float) and not math.isfinite(value):
        return Call("float", [str(value)])
    if isinstance(value, Decimal):
        return Call("Decimal", [str(value)])
    if isinstance(value, date | time | timedelta | bytes):
        return Name(repr(value))
    if isinstance(value, list | tuple | set | frozenset):
        some = sorted(value, key=repr) if isinstance(value, set | frozenset) else value
        return [value_code(part) for part in some]
    if isinstance(value, Mapping):
        return {str(name): value_code(part) for name, part in value.items()}
    if value is None or isinstance(value, str | int | float):
        return value
    raise TypeError(type(value))


def type_code(dtype: pl.DataType | None) -> Code:
    """Return the source of a type."""
    return None if dtype is None else Call(f"pl.{type(dtype).__name__}", _arguments(dtype))


def _arguments(dtype: pl.DataType) -> list[Code]:
    if isinstance(dtype, pl.Array):
        return [_part(dtype.inner), dtype.size]
    if isinstance(dtype, pl.List):
        return [_part(dtype.inner)]
    if isinstance(dtype, pl.Struct):
        return [{part.name: _part(part.dtype) for part in dtype.fields}]
    if isinstance(dtype, pl.Enum):
        return [list(dtype.categories)]
    names = _NAMED_PARTS.get(type(dtype), ())
    return [part for part in (getattr(dtype, name) for name in names) if part is not None]


def _part(dtype: object) -> Code:
    whole = dtype() if isinstance(dtype, type) else dtype
    return type_code(whole if isinstance(whole, pl.DataType) else None)


def _parts(code: Code) -> list[tuple[str, Code]]:
    """Return the parts of a compound, each with what stands before it."""
    if isinstance(code, Call):
        named = [(f"{name}=", part) for name, part in code.named.items()]
        return [*(("", part) for part in code.given), *named]
    if isinstance(code, list):
        return [("", part) for part in code]
    if isinstance(code, dict):
        return [(f"{_quoted(name)}: ", part) for name, part in code.items()]
    return []


def _ends(code: Code) -> tuple[str, str]:
    if isinstance(code, Call):
        return f"{code.name}(", ")"
    return ("[", "]") if isinstance(code, list) else ("{", "}")


def _long_text(text: str, indent: int) -> str:
    """Write a text as several in a row, which Python joins; they end behind blanks."""
    inner, rest, pieces = " " * (indent + _STEP), text, []
    most = max(_WIDTH - len(inner) - len('""'), 1)
    while rest:
        cut = len(rest) if len(rest) <= most else rest.rfind(" ", 0, most) + 1 or most
        pieces.append(f"{inner}{_quoted(rest[:cut])}")
        rest = rest[cut:]
    return "\n".join(["(", *pieces, f"{' ' * indent})"])


def _quoted(text: str) -> str:
    """Write a text in double quotes where it holds none."""
    plain = repr(text)
    if plain.startswith('"') or '"' in text:
        return plain
    return f'"{plain[1:-1]}"'
