"""Follow each column of a SQL query to the columns of the views that it reads.

In:  the text of a DuckDB query, and the columns of the views that a build was given.
Out: for each of its columns, the views and columns behind it, and whether its values are computed
from them or they only choose, join, group or order rows; or just the columns that it names.
A query that cannot be followed to the end gives nothing, never half of its origins.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, build_scope

from mesh_dagster.run.plan_trail import Origin, Trail
from mesh_dagster.run.sql_nodes import (
    chosen_by_all,
    columns_of,
    is_opaque,
    is_whole_row,
    ordered_by_all,
    own_parts,
    parts_of,
    told_apart,
)

_DIALECT = "duckdb"
_Origins = frozenset[Origin]
_ROWS = (
    "from_", "joins", "laterals", "where", "group", "having", "qualify", "distinct", "sample",
    "order", "limit", "offset",
)  # fmt: skip
"""The clauses of a query that choose, join, group or order its rows."""
_WINDOW = ("partition_by", "order", "spec")
_UNNAMED = "_col_"
"""The library names columns so that DuckDB names after their expressions."""


class _LostError(Exception):
    """The query does something that is not followed."""


def sql_trail(
    query: str, columns: Iterable[str], views: Mapping[str, Iterable[str]]
) -> Trail | None:
    """Return the origins of each column.

    Args:
        query: What DuckDB runs.
        columns: The names of its columns, as DuckDB gives them; those that come twice are told
            apart in the result, as where DuckDB hands its rows on.
        views: Name to columns of each view that the query may read.

    Returns:
        `None` when the query cannot be followed.
    """
    try:
        found = _Follower(views).follow(_parsed(query, views)).whole
    except (SqlglotError, _LostError, RecursionError):
        return None
    given = told_apart(columns)
    if len(given) != len(found) or not all(map(_same_name, found, given)):
        return None
    return dict(zip(given, found.values(), strict=True))


def columns_read(query: str, views: Mapping[str, Iterable[str]]) -> dict[str, list[str]] | None:
    """Return the columns that a query names of each view, all of them for a star.

    Args:
        query: What DuckDB runs.
        views: Name, as `schema.view`, to columns of each view that the query may read.

    Returns:
        `None` when the query cannot be followed.
    """
    spelled = {
        view.lower(): {name.lower(): name for name in names} for view, names in views.items()
    }
    found: dict[str, set[str]] = {view: set() for view in spelled}
    try:
        for scope in _parsed(query, views).traverse():
            for column in scope.columns:
                source = scope.sources.get(column.table)
                if isinstance(source, exp.Table):
                    view = f"{source.db}.{source.name}".lower()
                    found[view].add(spelled[view][column.name.lower()])
            for whole in scope.find_all(exp.TableColumn):
                named = _source_of(scope, whole.name)
                if isinstance(named, exp.Table):
                    view = f"{named.db}.{named.name}".lower()
                    found[view] |= set(spelled[view].values())
    except (SqlglotError, _LostError, RecursionError, KeyError):
        return None
    return {view: sorted(found[view.lower()]) for view in views}


def _parsed(query: str, views: Mapping[str, Iterable[str]]) -> Scope:
    """Return a query with every column under the name of what it comes from."""
    known: dict[str, Any] = {}  # Any: one level for views, two where they lie in schemas
    for view, names in views.items():
        *schema, name = view.split(".")
        place = known.setdefault(schema[0], {}) if schema else known
        place[name] = dict.fromkeys(names, "unknown")
    qualified = qualify(parse_one(query, dialect=_DIALECT), schema=known, dialect=_DIALECT)
    scope = build_scope(qualified)
    if scope is None or any(map(is_opaque, qualified.walk())):
        raise _LostError
    return scope


class _Followed(NamedTuple):
    """What is known of one query."""

    columns: dict[str, _Origins]
    rows: _Origins
    """What chooses, joins, groups or orders the rows of all its columns."""

    @property
    def whole(self) -> dict[str, _Origins]:
        """The origins of each column, those of its rows included."""
        return {name: _merged(origins | self.rows) for name, origins in self.columns.items()}


class _Follower:
    """Follows one query; what it knows of a subquery it keeps."""

    def __init__(self, views: Mapping[str, Iterable[str]]) -> None:
        # DuckDB does not tell capitals from small letters in names.
        self._views = {
            view.lower(): (view, {name.lower(): name for name in names})
            for view, names in views.items()
        }
        self._known: dict[int, _Followed] = {}

    def follow(self, scope: Scope) -> _Followed:
        """Return the origins of each column of a query, and of its rows."""
        if id(scope) not in self._known:
            query = scope.expression
            if isinstance(query, exp.SetOperation):
                self._known[id(scope)] = self._united(scope, query)
            elif isinstance(query, exp.Select):
                self._known[id(scope)] = self._selected(scope, query)
            elif isinstance(query, exp.Unnest | exp.Values):
                self._known[id(scope)] = self._listed(scope, query)
            else:
                self._known[id(scope)] = self.follow(_inner_of(scope))
        return self._known[id(scope)]

    def _selected(self, scope: Scope, query: exp.Select) -> _Followed:
        names = told_apart(one.alias_or_name.lower() for one in query.selects)
        values = (self._value(scope, one) for one in query.selects)
        columns = dict(zip(names, values, strict=True))
        return _Followed(columns, _as_rows(self._rows(scope, query, columns)))

    def _listed(self, scope: Scope, query: exp.Unnest | exp.Values) -> _Followed:
        """Follow rows that are made from lists of values, which may be columns."""
        found = [self._column(scope, one) for part in query.expressions for one in columns_of(part)]
        origins = frozenset().union(*found)
        columns = {name.lower(): origins for name in query.alias_column_names}
        rows = origins if isinstance(query, exp.Unnest) else frozenset()
        return _Followed(columns, _as_rows(rows))

    def _united(self, scope: Scope, query: exp.SetOperation) -> _Followed:
        left, right = (self.follow(side) for side in scope.set_operation_scopes)
        columns = _beside(left.columns, right.columns, by_name=bool(query.args.get("by_name")))
        order = [one for clause in parts_of(query, "order") for one in columns_of(clause)]
        chosen = {one.name.lower() for one in order}
        if not isinstance(query, exp.Union) or query.args.get("distinct") or ordered_by_all(query):
            chosen |= columns.keys()
        if not chosen <= columns.keys():
            raise _LostError
        rows = _as_rows(frozenset().union(*(columns[name] for name in chosen)))
        return _Followed(columns, left.rows | right.rows | rows)

    def _value(self, scope: Scope, expression: exp.Expr) -> _Origins:
        """Return what a selected expression is made from; its windows choose rows."""
        windows, filters = list(expression.find_all(exp.Window)), expression.find_all(exp.Filter)
        choosing = [part for one in windows for name in _WINDOW for part in parts_of(one, name)]
        choosing += [part for one in filters for part in parts_of(one, "expression")]
        apart = {id(column) for part in choosing for column in columns_of(part)}
        if windows:
            choosing += parts_of(scope.expression, "windows")
        found = [self._column(scope, c) for c in columns_of(expression) if id(c) not in apart]
        found += [_as_rows(self._column(scope, c)) for part in choosing for c in columns_of(part)]
        return frozenset().union(*found, *self._subqueries(scope, [expression]))

    def _rows(self, scope: Scope, query: exp.Select, made: Mapping[str, _Origins]) -> _Origins:
        clauses = [clause for name in _ROWS for clause in parts_of(query, name)]
        clauses += own_parts(query.selects, (exp.Explode, exp.Unnest))
        if query.args.get("qualify"):
            clauses += parts_of(query, "windows")
        sources = [source for _, source in scope.selected_sources.values()]
        found = [self.follow(source).rows for source in sources if isinstance(source, Scope)]
        for column in {one for clause in clauses for one in columns_of(clause)}:
            name = column.name.lower()
            by_alias = name in made and not column.text("table") and not is_whole_row(column)
            found.append(made[name] if by_alias else self._column(scope, column))
        found += [made[name] for name in chosen_by_all(query, made)]
        return frozenset().union(*found, *self._subqueries(scope, clauses))

    def _column(self, scope: Scope, column: exp.Expr) -> _Origins:
        """Return what the values of a column of a source, or of its whole row, are made from."""
        if is_whole_row(column):
            whole = self._source(_source_of(scope, column.name))
            return frozenset().union(*whole.values())
        found = self._source(_source_of(scope, column.text("table"))).get(column.name.lower())
        if found is None:
            raise _LostError
        return found

    def _source(self, source: object) -> Mapping[str, _Origins]:
        if isinstance(source, Scope):
            return self.follow(source).columns
        named = isinstance(source, exp.Table) and source.db.lower() in ("", "main")
        if not isinstance(source, exp.Table) or not named or source.name.lower() not in self._views:
            raise _LostError
        view, names = self._views[source.name.lower()]
        return {small: frozenset({Origin(view, name, "value")}) for small, name in names.items()}

    def _subqueries(self, scope: Scope, clauses: Iterable[exp.Expr]) -> Iterator[_Origins]:
        """Yield what the queries within expressions are made from."""
        inside = {id(select) for clause in clauses for select in clause.find_all(exp.Query)}
        for inner in scope.subquery_scopes:
            if id(inner.expression) in inside:
                yield from self.follow(inner).whole.values()


def _beside(
    left: Mapping[str, _Origins], right: Mapping[str, _Origins], *, by_name: bool
) -> dict[str, _Origins]:
    """Return the columns of two queries, one above the other."""
    if by_name:
        nothing: _Origins = frozenset()
        return {n: left.get(n, nothing) | right.get(n, nothing) for n in {**left, **right}}
    if len(left) != len(right):
        raise _LostError
    pairs = zip(left.items(), right.values(), strict=True)
    return {name: some | others for (name, some), others in pairs}


def _inner_of(scope: Scope) -> Scope:
    """Return the query that `LATERAL` runs for each row of what stands before it."""
    inner = scope.expression.this
    for source in () if scope.expression.alias_column_names else scope.sources.values():
        if isinstance(source, Scope) and source.expression is inner.unnest():
            return source
    raise _LostError


def _same_name(found: str, given: str) -> bool:
    return found == given.lower() or found.startswith(_UNNAMED)


def _source_of(scope: Scope, name: str) -> object:
    inner: Scope | None = scope
    while inner is not None:
        if name in inner.sources:
            return inner.sources[name]
        inner = inner.parent  # a subquery may name what stands around it
    raise _LostError


def _as_rows(origins: _Origins) -> _Origins:
    return frozenset(origin._replace(kind="row") for origin in origins)


def _merged(origins: _Origins) -> _Origins:
    """Keep a value instead of the same column as a row."""
    values = {origin[:2] for origin in origins if origin.kind == "value"}
    return frozenset(o for o in origins if o.kind == "value" or o[:2] not in values)
