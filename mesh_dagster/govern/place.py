"""Find the line of the source that declares something.

In:  a product, a port, the name of a column.
Out: a `Place`, or `None` where the source is not at hand. Source is read, never run.
"""

import ast
import inspect
import linecache
import re
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from mesh_dagster.declare.port import OutputPort
from mesh_dagster.declare.product import DataProduct
from mesh_dagster.declare.wiring import Build

_REMARK = re.compile(r"#\s*review:")


@dataclass(frozen=True)
class Place:
    """A line of a file."""

    file: str
    line: int


def place_of(build: Build) -> Place | None:
    """Return where a build function stands."""
    function = inspect.unwrap(build.function)
    try:
        file, line = inspect.getsourcefile(function), inspect.getsourcelines(function)[1]
    except (OSError, TypeError):  # typed at a prompt
        return None
    return Place(file, line) if file else None


def place_of_product(product: DataProduct) -> Place | None:
    """Return where the first port of a product stands, which is near its declaration."""
    return next((place_of(port.build) for port in product.ports.values()), None)


def place_of_column(port: OutputPort, column: str) -> Place | None:
    """Return where the model of a port declares a column; the port, where that is not known."""
    for model in inspect.getmro(port.contract.model) if port.contract.model else ():
        place = _columns(model).get(column)
        if place is not None:
            return place
    return place_of(port.build)


def places_of_remarks(file: str) -> list[Place]:
    """Return where comments ask for a review of what was proposed."""
    lines = iter(linecache.getlines(file))
    return [
        Place(file, token.start[0])
        for token in tokenize.generate_tokens(lambda: next(lines, ""))
        if token.type == tokenize.COMMENT and _REMARK.match(token.string)
    ]


@cache  # finding a class reads its whole file, and a model may have a fault in every column
def _columns(model: type) -> dict[str, Place]:
    if getattr(sys.modules.get(model.__module__), model.__name__, None) is not model:
        return {}  # made in a function, or another file has taken the name of its module
    try:
        file, (source, first) = inspect.getsourcefile(model), inspect.getsourcelines(model)
    except (OSError, TypeError):  # typed at a prompt
        return {}
    return {name: Place(str(file), first + line - 1) for name, line in _fields("".join(source))}


def _fields(source: str) -> Iterator[tuple[str, int]]:
    """Yield the columns of a model with their lines, counted within its source."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            given = node.value.keywords if isinstance(node.value, ast.Call) else []
            alias = (one.value for one in given if one.arg == "alias")
            names = (str(one.value) for one in alias if isinstance(one, ast.Constant))
            yield next(names, node.target.id), node.lineno
