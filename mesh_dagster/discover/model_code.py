"""Write a proposed contract as the pandera model that a team would have written.

In:  a `Proposal`.
Out: lines of Python; what people should look at again is marked `review`.
"""

from collections.abc import Iterator

import polars as pl

from mesh_dagster.discover.propose import ProposedColumn
from mesh_dagster.discover.source_code import Call, Code, laid_out, one_line, type_code, value_code

_PLAIN: dict[type[pl.DataType], str] = {
    pl.Int64: "int",
    pl.Float64: "float",
    pl.String: "str",
    pl.Boolean: "bool",
}
_INDENT = 4
_WIDTH = 100


def annotation(dtype: pl.DataType) -> str:
    """Write a type as an annotation of a pandera model."""
    return _PLAIN.get(type(dtype)) or polars_code(dtype)


def polars_code(dtype: pl.DataType) -> str:
    """Write a polars type as an expression."""
    return one_line(type_code(dtype)).removesuffix("()")


def field_lines(column: ProposedColumn) -> Iterator[str]:
    """Yield the lines of one column in the body of a model."""
    arguments = _arguments(column)
    head = f"    {column.name}: {annotation(column.dtype)}"
    remark = f"  # review: {'; '.join(_remarks(column))}" if any(_remarks(column)) else ""
    opened = " = pa.Field(" if arguments else ""
    if remark and len(head + opened + remark) > _WIDTH:
        yield f"    {remark.strip()}"
        remark = ""
    if not arguments:
        yield f"{head}{remark}"
        return
    taken = len(head.lstrip()) + len(" = ") + len(remark)
    first, *more = laid_out(Call("pa.Field", [], arguments), _INDENT, taken).splitlines()
    yield f"{head} = {first}{remark}"
    yield from more


def _arguments(column: ProposedColumn) -> dict[str, Code]:
    given: dict[str, Code] = {}
    if column.nullable:
        given["nullable"] = True
    if column.unique:
        given["unique"] = True
    if column.least is not None:
        given["ge"] = column.least
    if column.choices:
        given["isin"] = list(column.choices)
    if column.digits:
        given["str_matches"] = f"^[0-9]{{{column.digits}}}$"
    if column.description:
        given["description"] = " ".join(column.description.split())
    metadata = {**column.metadata, **({"sensitivity": "personal"} if column.personal else {})}
    return {**given, **({"metadata": value_code(metadata)} if metadata else {})}


def _remarks(column: ProposedColumn) -> Iterator[str]:
    if column.choices:
        yield "are these all?"
    if column.digits:
        yield "always so many digits?"
    if column.seen:
        yield column.seen
    yield from column.asked
    if column.personal:
        yield "is it personal data?"
