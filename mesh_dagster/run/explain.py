"""Say which rules a batch broke, in the words of the contract.

In:  faults: what pandera, or the fused query, found wrong.
Out: one `Finding` for every rule of the contract, in its order. No finding holds a data value.
"""

import re
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import pandera.polars as pa
import polars as pl
from pandera.config import ValidationDepth, config_context
from pandera.errors import SchemaError, SchemaErrorReason, SchemaErrors

from mesh_dagster.declare.contract import Contract, RuleKind, composite_keys
from mesh_dagster.run.schemas import declared_name, label_of
from mesh_dagster.run.verdict import Finding

_ENUM = re.compile(r"Enum\(categories=\[.*?\]\)")
_OUTPUT = "check_output"
_LONGEST_TYPE = 120

Demand = tuple[RuleKind, str | None, int]


@dataclass(frozen=True)
class Fault:
    """One demand of a schema that a batch did not meet."""

    demand: Demand
    """Kind, column and number, as in the `Rule` it stands for."""
    rows: int | None = None
    note: str = ""
    certain: bool = True
    """False when the demand could not be judged; that refuses a batch even where it only warns."""


@dataclass(frozen=True)
class _Raw:
    demand: Demand
    failing: pl.Series | None = None
    note: str = ""
    certain: bool = True


def type_text(dtype: object) -> str:
    """Write a type without the categories of an enum, which are data."""
    text = _ENUM.sub("Enum", str(dtype))
    return text if len(text) <= _LONGEST_TYPE else text[:_LONGEST_TYPE] + "..."


def findings_of(contract: Contract, faults: Iterable[Fault], unjudged: str = "") -> list[Finding]:
    """Give every rule its finding.

    Args:
        contract: The rules, in order.
        faults: What was found, in any order.
        unjudged: Why pandera could not judge; every rule without a fault then counts as broken.
    """
    found: dict[Demand, list[Fault]] = {}
    for fault in faults:
        found.setdefault(fault.demand, []).append(fault)
    findings = []
    for rule in contract.rules:
        same = found.get((rule.kind, rule.column, rule.number))
        if same:
            shown = rule if all(fault.certain for fault in same) else replace(rule, level="error")
            # Beside the rows that resist a cast, pandera reports the type that they leave behind.
            rows = same[0].rows if len(same) == 1 or rule.kind == "type" else None
            findings.append(Finding(shown, False, rows, same[0].note))
        elif unjudged:
            shown = replace(rule, level="error")
            findings.append(Finding(shown, False, None, f"not judged: {unjudged}"))
        else:
            findings.append(Finding(rule, True))
    return findings


def refuses(contract: Contract, faults: Iterable[Fault]) -> bool:
    """Say whether any fault is more than a warning; a fault that no rule knows is."""
    warned = {(r.kind, r.column, r.number) for r in contract.rules if r.level == "warn"}
    return any(not fault.certain or fault.demand not in warned for fault in faults)


def absent_faults(names: Iterable[str]) -> list[Fault]:
    """Say that columns are missing."""
    return [Fault(("type", name, 0), None, "is missing") for name in names]


def validated(frame: pl.DataFrame, schema: pa.DataFrameSchema) -> pl.DataFrame:
    """Let pandera validate at full depth, whatever the environment says."""
    depth = ValidationDepth.SCHEMA_AND_DATA
    with config_context(validation_enabled=True, validation_depth=depth):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return schema.validate(frame, lazy=True)


def faults_by_pandera(
    frame: pl.DataFrame, schema: pa.DataFrameSchema
) -> tuple[pl.DataFrame | None, list[Fault], str]:
    """Let pandera itself judge a frame.

    Args:
        frame: The batch, whole.
        schema: A labelled schema.

    Returns:
        The parsed frame if accepted, the faults, and why pandera could not judge, if so.
    """
    try:
        return validated(frame, schema), [], ""
    except SchemaErrors as errors:
        raw = [fault for error in errors.schema_errors for fault in _faults(error, frame, schema)]
        return None, list(_merged(raw, frame.height)), "" if raw else "SchemaErrors"
    except SchemaError as error:
        raw = list(_faults(error, frame, schema))
        return None, list(_merged(raw, frame.height)), "SchemaError"
    except Exception as error:  # noqa: BLE001 - whatever pandera raises, the batch is not accepted
        return None, [], type(error).__name__


def shape_faults(errors: Iterable[SchemaError], schema: pa.DataFrameSchema) -> list[Fault]:
    """Read what pandera found wrong while it planned, before it saw a row."""
    none = pl.DataFrame()
    raw = [fault for error in errors for fault in _faults(error, none, schema)]
    return list(_merged(raw, -1))


def _faults(error: SchemaError, frame: pl.DataFrame, schema: pa.DataFrameSchema) -> Iterator[_Raw]:
    reasons = SchemaErrorReason
    reason, cases, label = error.reason_code, error.failure_cases, label_of(error.schema)
    failing = _failing(error)
    if reason == reasons.COLUMN_NOT_IN_SCHEMA:
        yield _Raw(("closed", None, 0), note="has more columns")
    elif reason == reasons.COLUMN_NOT_ORDERED:
        yield _Raw(("ordered", None, 0), note="are out of order")
    elif reason in (reasons.COLUMN_NOT_IN_DATAFRAME, reasons.ADD_MISSING_COLUMN_NO_DEFAULT):
        yield _Raw(("type", str(cases), 0), note="is missing")
    elif reason == reasons.INVALID_COLUMN_NAME:
        yield _Raw(("type", label, 0), note="is missing")
    elif reason == reasons.WRONG_DATATYPE:
        kind: RuleKind = "type" if label else "every_type"
        yield _Raw((kind, label, 0), note=f"is {type_text(cases)}")
    elif reason == reasons.DATATYPE_COERCION:
        yield from _uncastable(error, frame, schema)
    elif reason == reasons.SERIES_CONTAINS_NULLS:
        yield _Raw(("not_null", label, 0), failing)
    elif reason == reasons.SERIES_CONTAINS_DUPLICATES:
        yield _Raw(("unique", label, 0), failing)
    elif reason == reasons.DUPLICATES:
        yield _Raw(("keys", None, _key_number(error, frame, schema)), failing)
    elif reason in (reasons.DATAFRAME_CHECK, reasons.CHECK_ERROR):
        yield _check_fault(error, label, failing)


def _check_fault(error: SchemaError, label: str | None, failing: pl.Series | None) -> _Raw:
    demand: Demand = ("check" if label else "frame_check", label, error.check_index or 0)
    if error.reason_code == SchemaErrorReason.CHECK_ERROR:
        what = str(error.failure_cases).partition("(")[0]
        return _Raw(demand, note=f"could not be run: {what}", certain=False)
    return _Raw(demand, None if isinstance(error.failure_cases, bool) else failing)


def _uncastable(
    error: SchemaError, frame: pl.DataFrame, schema: pa.DataFrameSchema
) -> Iterator[_Raw]:
    cases = error.failure_cases
    output = error.check_output
    for name in cases.columns if isinstance(cases, pl.DataFrame) else frame.columns:
        if name not in frame.columns:
            continue
        failing = None
        if isinstance(output, pl.DataFrame) and output.height == frame.height:
            failing = ~output[_OUTPUT] & frame[name].is_not_null()
        note = f"cannot be cast from {type_text(frame.schema[name])}"
        yield _Raw(("type", declared_name(name, schema), 0), failing, note)


def _key_number(error: SchemaError, frame: pl.DataFrame, schema: pa.DataFrameSchema) -> int:
    for number, names in enumerate(composite_keys(schema)):
        subset = tuple(name for name in names if name in frame.columns or name in schema.columns)
        if str(error).startswith(f"columns '{subset}' not unique"):
            return number
    return 0


def _failing(error: SchemaError) -> pl.Series | None:
    output = error.check_output
    if not isinstance(output, pl.DataFrame) or _OUTPUT not in output.columns:
        return None
    return output[_OUTPUT].not_().fill_null(value=False)


def _merged(faults: list[_Raw], height: int) -> Iterator[Fault]:
    """Join the faults of one demand: a regex column breaks a rule once per row."""
    together: dict[Demand, list[_Raw]] = {}
    for fault in faults:
        together.setdefault(fault.demand, []).append(fault)
    for demand, same in together.items():
        if demand[0] == "type":
            same = same[:1]
        masks = [fault.failing for fault in same if fault.failing is not None]
        rows = None
        if len(masks) == len(same) and all(len(mask) == height for mask in masks):
            union = masks[0]
            for mask in masks[1:]:
                union = union | mask
            rows = int(union.sum())
        note = next((fault.note for fault in same if fault.note), "")
        yield Fault(demand, rows, note, all(fault.certain for fault in same))
