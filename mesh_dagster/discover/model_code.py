"""Write a proposed contract as the pandera model that a team would have written.

In:  a `Proposal`.
Out: lines of Python; what people should look at again is marked `review`.
"""

import json
from collections.abc import Iterator

import polars as pl

from mesh_dagster.discover.propose import ProposedColumn
from mesh_dagster.discover.source_code import one_line, type_code

_PLAIN: dict[type[pl.DataType], str] = {
    pl.Int64: "int",
    pl.Float64: "float",
    pl.String: "str",
    pl.Boolean: "bool",
}
_WIDEST = 100


def annotation(dtype: pl.DataType) -> str:
    """Write a type as an annotation of a pandera model."""
    return _PLAIN.get(type(dtype)) or polars_code(dtype)


def polars_code(dtype: pl.DataType) -> str:
    """Write a polars type as an expression."""
    return one_line(type_code(dtype)).removesuffix("()")


def field_lines(column: ProposedColumn) -> Iterator[str]:
    """Yield the lines of one column in the body of a model."""
    arguments = list(_arguments(column))
    head = f"    {column.name}: {annotation(column.dtype)}"
    remark = f"  # review: {'; '.join(_remarks(column))}" if any(_remarks(column)) else ""
    if not arguments:
        yield f"{head}{remark}"
        return
    line = f"{head} = pa.Field({', '.join(arguments)})"
    if len(line) + len(remark) <= _WIDEST:
        yield f"{line}{remark}"
        return
    yield f"{head} = pa.Field({remark}"
    yield from (f"        {line}" for argument in arguments for line in _wrapped(argument))
    yield "    )"


def _arguments(column: ProposedColumn) -> Iterator[str]:
    if column.nullable:
        yield "nullable=True"
    if column.unique:
        yield "unique=True"
    if column.least is not None:
        yield f"ge={column.least}"
    if column.choices:
        yield f"isin={json.dumps(list(column.choices), ensure_ascii=False)}"
    if column.personal:
        yield 'metadata={"sensitivity": "personal"}'


def _remarks(column: ProposedColumn) -> Iterator[str]:
    if column.choices:
        yield "are these all?"
    if column.seen:
        yield column.seen
    if column.personal:
        yield "is it personal data?"


def _wrapped(argument: str) -> Iterator[str]:
    """Yield a long list of choices one by one."""
    if len(argument) + 9 <= _WIDEST or not argument.startswith("isin=["):
        yield f"{argument},"
        return
    yield "isin=["
    for choice in json.loads(argument.removeprefix("isin=")):
        yield f"    {json.dumps(choice, ensure_ascii=False)},"
    yield "],"
