"""Say which rules a batch broke, in the words of the contract.

In:  faults: what pandera, or the fused query, found wrong.
Out: one `Finding` for every rule of the contract, in its order. No finding holds a data value.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import pandera.polars as pa
import polars as pl
from pandera.api.function_dispatch import Dispatcher
from pandera.errors import SchemaError, SchemaErrors
from pandera.errors import SchemaErrorReason as Reason

from mesh_dagster.declare.contract import Contract, RuleKind, composite_keys
from mesh_dagster.run.native import ANYTHING, validated
from mesh_dagster.run.schemas import declared_name, label_of
from mesh_dagster.run.verdict import Finding, RowKey

_ENUM = re.compile(r"Enum\(categories=\[.*?\]\)")
_OUTPUT = "check_output"
_LONGEST_TYPE = 120

_SHAPES: dict[Reason, tuple[RuleKind, str]] = {
    Reason.COLUMN_NOT_IN_SCHEMA: ("closed", "has more columns"),
    Reason.COLUMN_NOT_ORDERED: ("ordered", "are out of order"),
}
_MISSING = (
    Reason.COLUMN_NOT_IN_DATAFRAME,
    Reason.ADD_MISSING_COLUMN_NO_DEFAULT,
    Reason.INVALID_COLUMN_NAME,
)
_BY_ROW: dict[Reason, RuleKind] = {
    Reason.SERIES_CONTAINS_NULLS: "not_null",
    Reason.SERIES_CONTAINS_DUPLICATES: "unique",
}

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
    places: tuple[int, ...] = ()
    """The numbers of some of these rows."""


@dataclass(frozen=True)
class _Raw:
    demand: Demand
    failing: pl.Series | None = None
    note: str = ""
    certain: bool = True
    in_order: bool = True
    """Whether `failing` has the rows in the order of the batch."""


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
            row_keys = () if rows is None else tuple(RowKey(place) for place in same[0].places)
            findings.append(Finding(shown, False, rows, same[0].note, row_keys))  # noqa: FBT003
        elif unjudged:
            shown = replace(rule, level="error")
            findings.append(
                Finding(shown, passed=False, failing_rows=None, note=f"not judged: {unjudged}")
            )
        else:
            findings.append(Finding(rule, passed=True))
    return findings


def refuses(contract: Contract, faults: Iterable[Fault]) -> bool:
    """Say whether any fault is more than a warning; a fault that no rule knows is."""
    warned = {(r.kind, r.column, r.number) for r in contract.rules if r.level == "warn"}
    return any(not fault.certain or fault.demand not in warned for fault in faults)


def absent_faults(names: Iterable[str]) -> list[Fault]:
    """Say that columns are missing."""
    return [Fault(("type", name, 0), None, "is missing") for name in names]


def faults_by_pandera(
    frame: pl.DataFrame, schema: pa.DataFrameSchema, row_keys: int = 0
) -> tuple[pl.DataFrame | None, list[Fault], str]:
    """Let pandera itself judge a frame.

    Args:
        frame: The batch, whole.
        schema: A labelled schema.
        row_keys: How many rows of each fault to name.

    Returns:
        The parsed frame if accepted, the faults, and why pandera could not judge, if so.
    """
    try:
        return validated(frame, schema), [], ""
    except SchemaErrors as errors:
        raw = [fault for error in errors.schema_errors for fault in _faults(error, frame, schema)]
        faults = list(_merged(raw, frame.height, row_keys))
        return None, faults, "" if raw else "SchemaErrors"
    except SchemaError as error:
        raw = list(_faults(error, frame, schema))
        return None, list(_merged(raw, frame.height, row_keys)), "SchemaError"
    except ANYTHING as error:  # whatever pandera raises, the batch is not accepted
        return None, [], type(error).__name__


def shape_faults(errors: Iterable[SchemaError], schema: pa.DataFrameSchema) -> list[Fault]:
    """Read what pandera found wrong while it planned, before it saw a row."""
    none = pl.DataFrame()
    raw = [fault for error in errors for fault in _faults(error, none, schema)]
    return list(_merged(raw, -1))


def _faults(error: SchemaError, frame: pl.DataFrame, schema: pa.DataFrameSchema) -> Iterator[_Raw]:
    reason, cases, label = error.reason_code, error.failure_cases, label_of(error.schema)
    if reason in _SHAPES:
        kind, note = _SHAPES[reason]
        yield _Raw((kind, None, 0), note=note)
    elif reason in _MISSING:
        # Of a pattern that meets no column, the cases are the columns that there are.
        yield _Raw(("type", label or str(cases), 0), note="is missing")
    elif reason == Reason.WRONG_DATATYPE:
        of_frame: Demand = ("every_type", None, 0)
        yield _Raw(("type", label, 0) if label else of_frame, note=f"is {type_text(cases)}")
    elif reason == Reason.DATATYPE_COERCION:
        yield from _uncastable(error, frame, schema)
    elif reason in _BY_ROW:
        yield _Raw((_BY_ROW[reason], label, 0), _failing(error))
    elif reason == Reason.DUPLICATES:
        yield _Raw(("keys", None, _key_number(error, frame, schema)), _failing(error))
    else:
        yield _check_fault(error, label, _failing(error))


def _check_fault(error: SchemaError, label: str | None, failing: pl.Series | None) -> _Raw:
    demand: Demand = ("check" if label else "frame_check", label, error.check_index or 0)
    if error.reason_code == Reason.CHECK_ERROR:
        what = str(error.failure_cases).partition("(")[0]
        return _Raw(demand, note=f"could not be run: {what}", certain=False)
    check = error.check
    # What a custom check returns may have been joined or sorted.
    in_order = check.element_wise or isinstance(check._check_fn, Dispatcher)  # noqa: SLF001
    failing = None if isinstance(error.failure_cases, bool) else failing
    return _Raw(demand, failing, in_order=in_order)


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


def _merged(faults: list[_Raw], height: int, row_keys: int = 0) -> Iterator[Fault]:
    """Join the faults of one demand: a regex column breaks a rule once per row."""
    together: dict[Demand, list[_Raw]] = {}
    for fault in faults:
        together.setdefault(fault.demand, []).append(fault)
    for demand, same in together.items():
        counted = same[:1] if demand[0] == "type" else same
        masks = [fault.failing for fault in counted if fault.failing is not None]
        rows, places = None, ()
        if len(masks) == len(counted) and all(len(mask) == height for mask in masks):
            union = masks[0]
            for mask in masks[1:]:
                union = union | mask
            rows = int(union.sum())
            in_order = all(fault.in_order for fault in counted)
            places = tuple(union.arg_true().head(row_keys)) if in_order else ()
        note = next((fault.note for fault in same if fault.note), "")
        yield Fault(demand, rows, note, all(fault.certain for fault in same), places)
