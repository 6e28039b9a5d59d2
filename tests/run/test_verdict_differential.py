"""Compare our verdict with pandera's, over random schemas and random frames."""

import os
import re
import warnings
from typing import Any

import pandera.polars as pa
import polars as pl
from hypothesis import HealthCheck, Phase, given, seed, settings
from pandera.config import ValidationDepth, config_context
from pandera.errors import SchemaError, SchemaErrorReason, SchemaErrors

from mesh_dagster.run.audit import audit
from mesh_dagster.run.verdict import Verdict
from tests.run.schemas_and_frames import cases

CASES = int(os.environ.get("MESH_FUZZ_CASES", "1000"))
# A failing case is printed as it was drawn: to shrink one takes minutes.
QUICK = settings(
    max_examples=CASES,
    phases=[Phase.generate],
    deadline=None,
    database=None,
    derandomize=False,  # or no case would ever be new
    suppress_health_check=list(HealthCheck),
)
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
) -> tuple[bool, dict[Demand, int | None] | None]:
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
) -> dict[Demand, int | None]:
    masks: dict[Demand, list[Any]] = {}
    for error in errors:
        masks.setdefault(_demand(error, schema), []).append(_failing(error, height))
    found: dict[Demand, int | None] = {}
    for demand, parts in masks.items():
        known = [part for part in parts if part is not None]
        union = pl.DataFrame({str(n): part for n, part in enumerate(known)})
        whole = len(known) == len(parts) and demand[0] != "type"
        found[demand] = (
            int(union.select(pl.any_horizontal(pl.all()).sum()).item()) if whole else None
        )
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


def _compare(schema: pa.DataFrameSchema, frame: pl.DataFrame) -> None:
    accepted, found = _pandera(schema, frame)

    verdict = audit(frame.lazy(), schema)

    ours = _ours(verdict)
    assert audit(frame.lazy(), schema, profile="rows").findings == verdict.findings
    assert verdict.accepted == accepted
    assert accepted == (not ours)
    if found is not None:
        assert set(ours) == set(found)
        # How many rows a window or an aggregate over several columns of one pattern breaks is open.
        known = {
            demand: rows
            for demand, rows in found.items()
            if rows is not None and (ours[demand] is not None or demand[:2] != ("check", "^x.$"))
        }
        assert {demand: ours[demand] for demand in known} == known


@seed(20260801)
@QUICK
@given(cases())
def test_the_verdict_is_panderas_on_cases_that_never_change(
    case: tuple[pa.DataFrameSchema, pl.DataFrame],
) -> None:
    _compare(*case)


@QUICK
@given(cases())
def test_the_verdict_is_panderas_on_new_cases(
    case: tuple[pa.DataFrameSchema, pl.DataFrame],
) -> None:
    _compare(*case)
