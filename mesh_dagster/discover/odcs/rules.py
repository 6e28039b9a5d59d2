"""Write the rules of a column as ODCS does, and read them.

In:  rules as plain data; or the options and quality checks of an ODCS property.
Out: the other of the two, and what the checks demand that no rule can say.
A bound, length or pattern goes into the options of the logical type, a list of values into the
library metric `invalidValues`; every other rule is a custom check of the engine pandera. Rules are
read options first, so a rule goes there only while it comes before those in `quality`.
"""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from mesh_dagster.declare.notation import NotWritableError, value_json, value_of
from mesh_dagster.declare.transcribe import usual_error
from mesh_dagster.declare.written import Level, WrittenRule
from mesh_dagster.discover.documents import Json, PlaceError, at
from mesh_dagster.discover.odcs.dtypes import type_fields
from mesh_dagster.discover.odcs.patterns import require_pattern
from mesh_dagster.discover.odcs.values import text_of
from mesh_dagster.discover.odcs.values import value_of as read_value

ENGINE = "pandera"
_BOUNDS = {
    "minimum": "greater_than_or_equal_to",
    "maximum": "less_than_or_equal_to",
    "exclusiveMinimum": "greater_than",
    "exclusiveMaximum": "less_than",
}
_BOUND_OF = {check: option for option, check in _BOUNDS.items()}
_ARGUMENT = {"minimum": "min_value", "exclusiveMinimum": "min_value"}
_BOUNDED = ("integer", "number", "date", "timestamp", "time")
_OPTIONS = "logicalTypeOptions"
_PATTERNS = ("str_matches", "str_contains")
_LENGTHS = {"min_value": "minLength", "max_value": "maxLength"}
_NONE_ARE = {"mustBe": 0}
_MILD = ("warning", "warn", "info")
CHECKS = frozenset({
    "equal_to", "not_equal_to", "greater_than", "greater_than_or_equal_to", "less_than",
    "less_than_or_equal_to", "in_range", "isin", "notin", "str_matches", "str_contains",
    "str_startswith", "str_endswith", "str_length", "unique_values_eq",
})  # fmt: skip
"""The built-in checks of pandera; a document cannot ask for anything else."""


@dataclass(frozen=True)
class Read:
    """What the options and checks of a property demand."""

    rules: tuple[WrittenRule, ...]
    not_null: bool = False
    """Whether a check forbids nulls."""
    unique: bool = False
    """Whether a check forbids values that come twice."""
    unread: tuple[Json, ...] = ()
    """The checks that no rule can say."""


def rule(
    check: str | None,
    arguments: dict[str, Any],  # Any: what a check compares with
    level: Level = "error",
    *,
    ignore_na: bool = True,
    error: str | None = None,
) -> WrittenRule:
    """Return a rule whose text and digest pandera has yet to give."""
    return WrittenRule("", check, arguments, level, ignore_na, error, "")


def rule_fields(rules: Sequence[WrittenRule], dtype: pl.DataType | None) -> dict[str, Json]:
    """Return the options and checks of a property that say these rules."""
    options: dict[str, Json] = {}
    quality: list[Json] = []
    logical = type_fields(dtype).get("logicalType") if dtype is not None else None
    for one in map(as_listed, rules):
        said = _options(one, dtype, logical) if not quality else {}
        if said and not said.keys() & options.keys():
            options.update(said)
        else:
            quality.append(_in_library(one, dtype) or custom_check(one))
    fields = {_OPTIONS: options, "quality": quality}
    return {name: field for name, field in fields.items() if field}


def rules_of(node: Json, dtype: pl.DataType | None) -> Read:
    """Read the rules of a property.

    Raises:
        PlaceError: A rule cannot be kept by anybody, such as a pattern that is none.
    """
    options = node.get(_OPTIONS) or {}
    _require_known(options, node.get("logicalType"))
    rules = list(_of_options(options, dtype))
    not_null, unique, unread = False, False, []
    for number, check in enumerate(node.get("quality") or ()):
        with at("quality", number):
            found = _of_check(check, dtype)
        not_null |= forbids_nulls(check)
        unique |= is_metric(check, "duplicateValues") and not (check.get("arguments") or {})
        if found is not None:
            rules.append(found)
        elif not (is_metric(check, "nullValues") or is_metric(check, "duplicateValues")):
            unread.append(check)
    return Read(tuple(rules), not_null, unique, tuple(unread))


def custom_check(one: WrittenRule) -> Json:
    """Return the check of the engine pandera that says a rule."""
    content: dict[str, Json] = {"function": one.digest}
    if one.check is not None:
        arguments = {name: value_json(value) for name, value in one.arguments.items()}
        content = {"check": one.check, "arguments": arguments}
    if not one.ignore_na:
        content["ignoreNulls"] = False
    written = {"name": one.text, "type": "custom", "engine": ENGINE, "implementation": content}
    return {**written, **_described(one)}


def of_custom_check(check: Json) -> WrittenRule | None:
    """Read a check of the engine pandera; `None` for any other, and for a function of a team.

    Raises:
        PlaceError: It is none that pandera knows.
    """
    content = check.get("implementation")
    if check.get("engine") != ENGINE or not isinstance(content, dict) or "function" in content:
        return None
    name = str(content.get("check"))
    with at("implementation"):
        arguments = _arguments(name, content.get("arguments"))
    return rule(
        name,
        arguments,
        _level(check),
        ignore_na=content.get("ignoreNulls") is not False,
        error=check.get("description"),
    )


def _arguments(name: str, given: Json) -> dict[str, Json]:
    if name not in CHECKS or not isinstance(given, dict):
        raise PlaceError("names no check of pandera with its arguments")
    try:
        arguments = {argument: value_of(value) for argument, value in given.items()}
    except NotWritableError as error:
        raise PlaceError("compares with a value that cannot be read") from error
    if name in _PATTERNS:
        require_pattern(arguments.get("pattern"))
    return arguments


def as_listed(one: WrittenRule) -> WrittenRule:
    """Return a rule with its values in the order in which they were given.

    They are kept as a set, but pandera's own message lists them.
    """
    listed = str(one.error).removeprefix(f"{one.check}(").removesuffix(")")
    given = {
        name: values for name, values in one.arguments.items() if isinstance(values, frozenset)
    }
    try:
        in_order = list(ast.literal_eval(listed)) if given else []
    except (SyntaxError, TypeError, ValueError):
        return one
    if not given or any(values != frozenset(in_order) for values in given.values()):
        return one
    return replace(one, arguments={**one.arguments, **dict.fromkeys(given, in_order)})


def is_metric(check: Json, metric: str) -> bool:
    """Say whether a check demands that no row is counted by a library metric."""
    return check.get("metric") == metric and _operators(check) == _NONE_ARE


def forbids_nulls(check: Json) -> bool:
    """Say whether a check demands that a column holds no null."""
    absent = (check.get("arguments") or {}).get("missingValues") or ()
    return is_metric(check, "nullValues") or (is_metric(check, "missingValues") and None in absent)


def _operators(check: Json) -> dict[str, Json]:
    return {name: value for name, value in check.items() if name.startswith("must")}


def _described(one: WrittenRule) -> dict[str, Json]:
    described: dict[str, Json] = {} if _unsaid(one) else {"description": one.error}
    return described if one.level == "error" else {**described, "severity": "warning"}


def _unsaid(one: WrittenRule) -> bool:
    """Say whether a rule has no message of its team."""
    if one.check is None:
        return one.error is None or one.text.endswith(one.error)
    return one.error in (None, usual_error(one.check, one.arguments))


def _level(check: Json) -> Level:
    return "warn" if str(check.get("severity")).lower() in _MILD else "error"


def _options(one: WrittenRule, dtype: pl.DataType | None, logical: str | None) -> dict[str, Json]:
    """Return the options that say a rule; none when they do not read back equal."""
    if one.level != "error" or not one.ignore_na or not _unsaid(one):
        return {}
    said: dict[str, Json] = {}
    if one.check in _BOUND_OF and logical in _BOUNDED:
        [value] = one.arguments.values()
        said = {_BOUND_OF[one.check]: text_of(value)}
    if one.check == "str_length" and logical == "string":
        given = {name: one.arguments.get(name) for name in _LENGTHS}
        said = {_LENGTHS[name]: value for name, value in given.items() if value is not None}
    if one.check in _PATTERNS and logical == "string":
        said = {"pattern": one.arguments["pattern"]}
    try:
        again = list(_of_options(said, dtype))
    except PlaceError:
        return {}
    return said if [_said(r) for r in again] == [_said(one)] else {}


def _of_options(options: Json, dtype: pl.DataType | None) -> Iterator[WrittenRule]:
    lengths = {name: options[option] for name, option in _LENGTHS.items() if option in options}
    for option, value in options.items():
        if option in _BOUNDS:
            argument = _ARGUMENT.get(option, "max_value")
            bound = read_value(value, dtype, _OPTIONS, option)
            yield rule(_BOUNDS[option], {argument: bound})
        if option in _LENGTHS.values() and lengths:
            yield rule("str_length", lengths)
            lengths = {}
        if option == "pattern":
            yield _pattern(value)


def _require_known(options: Json, logical: str | None) -> None:
    """Refuse bounds, lengths and patterns of types that have none."""
    texts = {"pattern", *_LENGTHS.values()} if logical != "string" else set()
    bounds = set(_BOUNDS) if logical not in _BOUNDED else set()
    for option in sorted(options.keys() & (texts | bounds)):
        raise PlaceError("has an option that its type does not have", (_OPTIONS, option))


def _pattern(pattern: str) -> WrittenRule:
    with at(_OPTIONS, "pattern"):
        require_pattern(pattern)
    # A pattern is searched for anywhere; pandera's match begins at the start of the text.
    anchored = pattern.startswith("^") and "|" not in pattern
    return rule("str_matches" if anchored else "str_contains", {"pattern": pattern})


def _in_library(one: WrittenRule, dtype: pl.DataType | None) -> Json:
    """Return a check of the library that says a rule, or `None`."""
    if one.check != "isin" or not one.ignore_na or not _unsaid(one):
        return None
    arguments = {"validValues": [text_of(value) for value in one.arguments["allowed_values"]]}
    written = {"type": "library", "metric": "invalidValues", "arguments": arguments, **_NONE_ARE}
    check = {**written, **_described(one)}
    try:
        again = _of_check(check, dtype)
    except PlaceError:
        return None
    return check if again is not None and _said(again) == _said(one) else None


def _of_check(check: Json, dtype: pl.DataType | None) -> WrittenRule | None:
    if check.get("type") == "custom":
        return of_custom_check(check)
    arguments = check.get("arguments") or {}
    if is_metric(check, "invalidValues") and set(arguments) == {"validValues"}:
        name, given = "isin", arguments["validValues"]
    elif is_metric(check, "missingValues") and set(arguments) == {"missingValues"}:
        name, given = "notin", arguments["missingValues"]
    else:
        return None
    place = ("arguments", next(iter(arguments)))
    some = [value for value in given or () if value is not None]
    values = [read_value(value, dtype, *place) for value in some]
    argument = "allowed_values" if name == "isin" else "forbidden_values"
    return rule(name, {argument: values}, _level(check)) if values else None


def _said(one: WrittenRule) -> Json:
    """Return what a rule demands, so that two can be compared; 1 and 1.0 differ."""
    given = {name: value for name, value in one.arguments.items() if value is not None}
    return one.check, one.level, {name: repr(value_json(value)) for name, value in given.items()}
