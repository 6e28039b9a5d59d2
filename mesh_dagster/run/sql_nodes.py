"""Find the parts of a parsed SQL query.

In:  nodes, as the library that reads SQL makes them.
Out: nodes and names. What a query means stands in `run/sql_trail.py`.
"""

from collections.abc import Iterable, Iterator

from sqlglot import exp

_OPAQUE = (exp.Columns, exp.Pivot, exp.TableFromRows, exp.PositionalColumn)


def is_opaque(node: exp.Expr) -> bool:
    """Say whether a node makes columns, or chooses rows, in a way that is not followed."""
    if isinstance(node, exp.With):
        return bool(node.args.get("recursive"))
    if isinstance(node, exp.SetOperation):
        counted = [part for name in ("limit", "offset") for part in parts_of(node, name)]
        return any(part.find(exp.Query) for part in counted)
    return isinstance(node, _OPAQUE)


def parts_of(expression: exp.Expr, name: str) -> list[exp.Expr]:
    """Return what stands under a name in a node."""
    given = expression.args.get(name)
    parts = given if isinstance(given, list) else [given]
    return [part for part in parts if isinstance(part, exp.Expr)]


def own_parts(
    expressions: Iterable[exp.Expr], kinds: tuple[type[exp.Expr], ...]
) -> Iterator[exp.Expr]:
    """Yield the parts of some kinds, but not those of queries within expressions."""
    for one in expressions:
        nodes = one.walk(prune=lambda node: isinstance(node, exp.Select | exp.SetOperation))
        yield from (node for node in nodes if isinstance(node, kinds))


def columns_of(expression: exp.Expr) -> Iterator[exp.Expr]:
    """Yield the columns, and whole rows, that an expression names itself."""
    return own_parts([expression], (exp.Column, exp.TableColumn))


def is_whole_row(node: exp.Expr) -> bool:
    """Say whether a row is named as one value, such as in `to_json(plays)`."""
    return isinstance(node, exp.TableColumn)


def chosen_by_all(query: exp.Select, names: Iterable[str]) -> Iterator[str]:
    """Yield the names of the selected columns that choose rows without being named again."""
    every = query.args.get("distinct") or ordered_by_all(query)
    groups = any(clause.args.get("all") for clause in parts_of(query, "group"))
    for name, one in zip(names, query.selects, strict=True):
        if every or (groups and not one.find(exp.AggFunc)):
            yield name


def ordered_by_all(query: exp.Query) -> bool:
    """Say whether a query orders its rows by every column, without naming any."""
    words = (word for clause in parts_of(query, "order") for word in clause.find_all(exp.Var))
    return any(word.name.upper() == "ALL" for word in words)


def told_apart(names: Iterable[str]) -> list[str]:
    """Name columns of equal names as DuckDB does where it hands them on: `g`, `g_1`, `g_2`."""
    taken: dict[str, None] = {}
    told = []
    for name in names:
        new, number = name, 1
        while new.lower() in taken:
            new, number = f"{name}_{number}", number + 1
        taken[new.lower()] = None
        told.append(new)
    return told
