"""Fingerprint a function, so that a rule that changed is seen to have changed.

In:  a check or parser that somebody wrote, or a value that it compares with.
Out: a text, equal on every machine and in every process for the same code and the same values.
It follows what a function closes over, its defaults, and the constants and functions of its own
package that it names. Anything else counts by its name only.
"""

import inspect
import re
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import date, time, timedelta, tzinfo
from decimal import Decimal
from enum import Enum
from functools import partial
from types import FunctionType

import polars as pl

_SHOWN_WHOLE = (
    str, int, float, bytes, type(None), date, time, timedelta, tzinfo, Decimal, Enum,
    pl.DataType, pl.Expr,
)  # fmt: skip


def fingerprint(value: object) -> str:
    """Return the fingerprint of a function, or of a value that a rule compares with."""
    return _print(value, package="", above=frozenset())


def _print(value: object, package: str, above: frozenset[int]) -> str:
    """Print a value; `above` holds the ids of the values that it stands in."""
    if isinstance(value, _SHOWN_WHOLE):
        return str(value) if isinstance(value, pl.Expr) else repr(value)
    if id(value) in above:
        return "itself"
    if isinstance(value, FunctionType):
        own = str(value.__module__).partition(".")[0]
        if package in ("", own):
            return _print(_parts_of(value), own, above | {id(value)})
    if isinstance(value, list | tuple | AbstractSet | Mapping | re.Pattern | partial):
        within = above | {id(value)}
        parts = [_print(part, package, within) for part in _ordered_parts(value)]
        return f"[{', '.join(sorted(parts) if isinstance(value, AbstractSet) else parts)}]"
    return str(getattr(value, "__qualname__", type(value).__qualname__))


def _ordered_parts(value: Iterable[object] | re.Pattern[str] | partial[object]) -> list[object]:
    if isinstance(value, Mapping):
        return [list(item) for item in sorted(value.items(), key=lambda item: repr(item[0]))]
    if isinstance(value, re.Pattern):
        return [value.pattern, value.flags]
    if isinstance(value, partial):
        return [value.func, value.args, value.keywords]
    return list(value)


def _parts_of(function: FunctionType) -> list[object]:
    try:
        code: list[object] = [inspect.getsource(function)]
    except OSError:  # typed at a prompt or made by `exec`
        code = [function.__code__.co_code, function.__code__.co_consts]
    named = inspect.getclosurevars(function)
    return [
        *code, function.__defaults__, function.__kwdefaults__, named.nonlocals, named.globals
    ]  # fmt: skip
