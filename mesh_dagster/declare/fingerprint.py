"""Fingerprint a function, so that a rule that changed is seen to have changed.

In:  a check or parser that somebody wrote, or a value that it compares with.
Out: a text, equal on every machine and in every process for the same code and the same values.
It follows what a function closes over, its defaults, and the constants and functions of its own
package that it names. Anything else counts by its name only; comments, docstrings, decorators and
what else stands on the lines of a lambda do not count.
"""

import ast
import copy
import inspect
import linecache
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, time, timedelta, tzinfo
from decimal import Decimal
from enum import Enum
from functools import lru_cache, partial
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
    named = inspect.getclosurevars(function)
    return [
        *_code_of(function),
        function.__defaults__, function.__kwdefaults__, named.nonlocals, named.globals,
    ]  # fmt: skip


def _code_of(function: FunctionType) -> list[object]:
    code = function.__code__
    linecache.checkcache(code.co_filename)
    source = "".join(linecache.getlines(code.co_filename, function.__globals__))
    written = _functions(source).get((code.co_firstlineno, code.co_name), ())
    # Without its source it was typed at a prompt or made by `exec`.
    return [ast.unparse(_bare(one)) for one in written] or [code.co_code, code.co_consts]


_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


@lru_cache(maxsize=64)  # a module may hold the checks of many contracts
def _functions(source: str) -> Mapping[tuple[int, str], Sequence[_Function]]:
    """Return the functions of a module by first line and name; several lambdas may share a line."""
    found: defaultdict[tuple[int, str], list[_Function]] = defaultdict(list)
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except SyntaxError:  # the file is no longer what was loaded
        return {}
    for node in nodes:
        if isinstance(node, _Function):
            decorators = [] if isinstance(node, ast.Lambda) else node.decorator_list
            first = min(one.lineno for one in (node, *decorators))
            found[first, getattr(node, "name", "<lambda>")].append(node)
    return found


def _bare(function: _Function) -> _Function:
    """Return a function without what only people read."""
    if isinstance(function, ast.Lambda):
        return function
    bare = copy.copy(function)
    bare.decorator_list = []
    bare.body = function.body[ast.get_docstring(function) is not None :]
    return bare
