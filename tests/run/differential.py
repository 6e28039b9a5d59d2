"""Hold our verdict against pandera's: acceptance, the rules that fail, the rows that break them."""

import re
import warnings
from dataclasses import replace
from typing import Any

import pandera.polars as pa
import polars as pl
from pandera.config import ValidationDepth, config_context
from pandera.errors import SchemaError, SchemaErrorReason, SchemaErrors

from mesh_dagster.run.audit import audit
from mesh_dagster.run.verdict import Verdict

ROW_KEYS = 2
Demand = tuple[str, str | None, int]

R = SchemaErrorReason
KINDS = {
    R.COLUMN_NOT_IN_SCHEMA: "closed",
    R.COLUMN_NOT_ORDERED: "ordered",
    R.COLUMN_NOT_IN_DATAFRAME: "type",
    R.ADD_MISSING_COLUMN_NO_DEFAULT: "type",
    R.INVALID_COLUMN_NAME: "type",
    R.WRONG_DATATYPE: "type",
    R.DATATYPE_COERCION: "type",
    R.SERIES_CONTAINS_NULLS: "not_null",
    R.SERIES_CONTAINS_DUPLICATES: "unique",
    R.DUPLICATES: "keys",
}


def _pandera(
    schema: pa.DataFrameSchema, frame: pl.DataFrame
) -> tuple[bool, dict[Demand, set[int] | None] | None]:
    """Whether pandera accepts, and what it found; nothing where it stumbled."""
    depth = ValidationDepth.SCHEMA_AND_DATA
    try:
        with (
            config_context(validation_enabled=True, validation_depth=depth),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            schema.validate(frame, lazy=True)
    except SchemaErrors as errors:
        return False, _found(errors.schema_errors, schema, frame.height)
    except (Exception, pl.exceptions.PanicException):  # noqa: BLE001 - pandera raises anything
        return False, None
    return True, {}


def _found(
    errors: list[SchemaError], schema: pa.DataFrameSchema, height: int
) -> dict[Demand, set[int] | None]:
    masks: dict[Demand, list[Any]] = {}
    for error in errors:
        masks.setdefault(_demand(error, schema), []).append(_failing(error, height))
    found: dict[Demand, set[int] | None] = {}
    for demand, parts in masks.items():
        known = [part for part in parts if part is not None]
        whole = len(known) == len(parts) and demand[0] != "type"
        rows = {row for part in known for row in part.arg_true()}
        found[demand] = rows if whole else None
    return found


def _demand(error: SchemaError, schema: pa.DataFrameSchema) -> Demand:
    kind = KINDS.get(error.reason_code)
    if kind in ("closed", "ordered", "keys"):
        return kind, None, 0
    name = error.column_name or error.schema.name
    if error.reason_code in (R.COLUMN_NOT_IN_DATAFRAME, R.ADD_MISSING_COLUMN_NO_DEFAULT):
        name = error.failure_cases
    if error.reason_code == R.DATATYPE_COERCION:
        name = error.failure_cases.columns[0]
    if name is None:
        return "frame_check", None, error.check_index
    if name not in schema.columns:
        name = next(label for label in schema.columns if re.fullmatch(label, name))
    return kind or "check", name, 0 if kind else error.check_index


def _failing(error: SchemaError, height: int) -> pl.Series | None:
    output = error.check_output
    if isinstance(error.failure_cases, bool | str) or not isinstance(output, pl.DataFrame):
        return None
    if output.height != height or error.reason_code == R.DATATYPE_COERCION:
        return None
    return ~output["check_output"]


def _ours(verdict: Verdict) -> dict[Demand, int | None]:
    return {(f.rule.kind, f.rule.column, f.rule.number): f.failing_rows for f in verdict.broken}


def compare(schema: pa.DataFrameSchema, frame: pl.DataFrame) -> None:
    """Judge a frame twice, by pandera and by the audit, and assert that both say the same."""
    accepted, found = _pandera(schema, frame)
    verdict = audit(frame.lazy(), schema)

    ours = _ours(verdict)
    said = f"ours {verdict.accepted} {ours}, pandera's {accepted} {found}"
    assert verdict.accepted == accepted, said
    assert accepted == (not ours), said
    if found is not None:
        assert set(ours) == set(found), said
        # How many rows a window or an aggregate over several columns of one pattern breaks is open.
        known = {
            demand: rows
            for demand, rows in found.items()
            if rows is not None and (ours[demand] is not None or demand[:2] != ("check", "^x.$"))
        }
        counts = {demand: len(rows) for demand, rows in known.items()}
        assert {demand: ours[demand] for demand in known} == counts, said


def compare_row_keys(schema: pa.DataFrameSchema, frame: pl.DataFrame) -> None:
    """Assert that row keys are of rows that pandera found too, and that nothing else changes."""
    verdict = audit(frame.lazy(), schema, profile="rows")
    _, found = _pandera(schema, frame)

    named = audit(frame.lazy(), schema, profile="rows", row_keys=ROW_KEYS)

    assert tuple(replace(f, row_keys=()) for f in named.findings) == verdict.findings
    for finding in named.broken:
        demand = (finding.rule.kind, finding.rule.column, finding.rule.number)
        shown = {key.row for key in finding.row_keys}
        rows = (found or {}).get(demand)
        if rows is not None:
            assert shown <= rows, (finding, found)
            most = min(ROW_KEYS, len(rows)) if finding.failing_rows is not None else 0
            assert len(shown) == most or finding.rule.kind in ("check", "frame_check"), finding
