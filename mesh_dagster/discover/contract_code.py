"""Write a contract and a promise as Python source.

In:  plain data.
Out: source, as `source_code.py` lays it out. Rules that somebody wrote as functions are left out.
"""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from mesh_dagster.declare.slo import Freshness, Quality
from mesh_dagster.declare.transcribe import usual_error
from mesh_dagster.declare.written import WrittenColumn, WrittenContract, WrittenRule
from mesh_dagster.discover.odcs.rules import as_listed
from mesh_dagster.discover.source_code import Call, Code, type_code, value_code

_USUAL_COLUMN: Mapping[str, object] = {
    "nullable": False, "unique": False, "required": True, "coerce": False, "regex": False,
    "drop_invalid_rows": False, "default": None, "title": None, "description": None, "metadata": {},
}  # fmt: skip
_USUAL_SCHEMA: Mapping[str, object] = {
    "strict": False, "ordered": False, "coerce": False, "add_missing_columns": False,
    "drop_invalid_rows": False, "title": None, "description": None, "metadata": {},
}  # fmt: skip


def schema_code(contract: WrittenContract) -> Code:
    """Return the source of a pandera schema."""
    named: dict[str, Code] = {"name": contract.name}
    checks = [_check_code(rule) for rule in contract.rules if rule.check]
    if checks:
        named["checks"] = checks
    if contract.keys:
        keys = [value_code(key) for key in contract.keys]
        named["unique"] = keys[0] if len(keys) == 1 else keys
    columns: Code = {column.name: _column_code(column) for column in contract.columns}
    return Call("pa.DataFrameSchema", [columns], {**named, **_unusual(contract, _USUAL_SCHEMA)})


def promise_code(promise: Freshness | Quality) -> Code:
    """Return the source of a promise: what is not usual in it."""
    given = {part.name: (getattr(promise, part.name), part.default) for part in fields(promise)}
    named = {
        name: Call("", list(map(value_code, value))) if name == "rows" else value_code(value)
        for name, (value, usual) in given.items()
        if usual is MISSING or value != usual
    }
    return Call(f"md.{type(promise).__name__}", [], named)


def _column_code(column: WrittenColumn) -> Code:
    checks = [_check_code(rule) for rule in column.rules if rule.check]
    given = [type_code(column.dtype), *([checks] if checks else [])]
    return Call("pa.Column", given, _unusual(column, _USUAL_COLUMN))


def _check_code(rule: WrittenRule) -> Code:
    rule = as_listed(rule)
    given = {name: value_code(v) for name, v in rule.arguments.items() if v is not None}
    flags: dict[str, Code] = {}
    if rule.error not in (None, usual_error(str(rule.check), rule.arguments)):
        flags["error"] = rule.error
    if not rule.ignore_na:
        flags["ignore_na"] = False
    if rule.level == "warn":
        flags["raise_warning"] = True
    return Call(f"pa.Check.{rule.check}", [], {**given, **flags})


def _unusual(
    whole: Any,  # noqa: ANN401 - a contract or a column
    usual: Mapping[str, object],
) -> dict[str, Code]:
    parts = {name: getattr(whole, name) for name in usual}
    return {name: value_code(part) for name, part in parts.items() if part != usual[name]}
