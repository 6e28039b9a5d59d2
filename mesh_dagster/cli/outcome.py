"""Read from a Dagster run what became of each asset.

In:  a run's events; the registry, which knows what was refused.
Out: an `Outcome` for each asset of the run.
"""

import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from mesh_dagster import errors
from mesh_dagster.cli.steps import Asset
from mesh_dagster.cli.workspace import place_of
from mesh_dagster.declare.lifecycle import Deprecated
from mesh_dagster.run.registry import Refusal, Registry

if TYPE_CHECKING:
    import dagster as dg
    from dagster._core.execution.plan.objects import StepFailureData
    from dagster_shared.error import SerializableErrorInfo

_WITHOUT_VALUES = {
    *("FileNotFoundError", "IsADirectoryError", "NotADirectoryError", "PermissionError"),
    *("ImportError", "ModuleNotFoundError"),
    *("polars.exceptions.ColumnNotFoundError", "polars.exceptions.NoDataError"),
    *("_duckdb.BinderException", "_duckdb.CatalogException", "_duckdb.ParserException"),
}
"""Errors whose first line names files, modules, columns and tables, and no value of the data."""
_OTHER_COLUMNS = "; valid columns: "
"""Before the names of the others, which may be values: of a pivot, of a file without a header."""
State = Literal["published", "refused", "failed", "skipped"]


@dataclass(frozen=True)
class Outcome:
    """What became of one asset in one partition."""

    name: str
    """The address of a port, the key of an internal."""
    role: str
    """`port` or `internal`."""
    slice: str
    """The partition; empty for an asset without partitions."""
    state: State
    """`published` also stands for an internal that was stored."""
    version: int | None = None
    """The version of the port that readers get now; `None` before the first."""
    rows: int | None = None
    """The rows of that version."""
    refused_rows: int = 0
    """The rows of the batch that was refused."""
    rejected_rows: int = 0
    """The rows that this publication set aside."""
    note: str = ""
    run_id: str = ""
    deprecated_inputs: Mapping[str, Deprecated] = field(default_factory=dict)
    """The ports that it was made from and that end, by address."""


def outcomes_of(
    result: "dg.ExecuteInProcessResult",
    assets: Sequence[Asset],
    slice_: str,
    registry: Registry,
) -> list[Outcome]:
    """Return what became of each asset of a run."""
    made = {
        event.asset_key: event.step_materialization_data.materialization.metadata
        for event in result.get_asset_materialization_events()
    }
    failures = {
        str(event.step_key): event.step_failure_data
        for event in result.all_events
        if event.is_step_failure
    }
    stopped = _stopped(result)
    return [
        _outcome(
            Outcome(asset.name, asset.role, slice_, "published", run_id=result.run_id),
            made.get(asset.key),
            _refusal(asset, result.run_id, registry),
            _failure(asset, failures),
            stopped,
        )
        for asset in assets
    ]


def kept_errors(instance: "dg.DagsterInstance", run_id: str) -> list[str]:
    """Return the errors of a run, whole, as Dagster keeps them."""
    import dagster as dg

    ends = {dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE}
    found = [one.dagster_event for one in instance.all_logs(run_id, of_type=ends)]
    kept = [getattr(one.event_specific_data, "error", None) for one in found if one]
    return [error.to_string() for error in kept if error]


def _outcome(
    outcome: Outcome,
    made: Mapping[str, Any] | None,  # Any: Dagster's metadata values
    refusal: Refusal | None,
    failure: "StepFailureData | None",
    stopped: str,
) -> Outcome:
    if made is not None:
        return _published(outcome, made)
    if refusal is not None:
        note = _broken(refusal)
        return replace(outcome, state="refused", refused_rows=refusal.rows, note=note)
    if failure is not None:
        return replace(outcome, state="failed", note=_cause(failure.error))
    if stopped:
        return replace(outcome, state="failed", note=stopped)
    return replace(outcome, state="skipped", note="what it is made from was not built")


def _failure(asset: Asset, failures: "Mapping[str, StepFailureData]") -> "StepFailureData | None":
    name = asset.location.definitions.resolve_assets_def(asset.key).node_def.name
    # The steps of an asset that is a graph carry the graph's name before their own.
    return next((f for key, f in failures.items() if key.partition(".")[0] == name), None)


def _stopped(result: "dg.ExecuteInProcessResult") -> str:
    """Say why a run stopped before its steps, as where a resource cannot be made."""
    ends = [event for event in result.all_events if event.event_type_value == "PIPELINE_FAILURE"]
    begun = any(event.event_type_value == "STEP_START" for event in result.all_events)
    return "" if begun or not ends else _cause(ends[0].job_failure_data.error)


def _published(outcome: Outcome, metadata: Mapping[str, Any]) -> Outcome:
    from mesh_dagster.compile import names

    def number(key: str) -> int | None:
        value = getattr(metadata.get(key), "value", None)
        return value if isinstance(value, int) else None

    return replace(
        outcome,
        version=number(names.VERSION),
        rows=number(names.ROW_COUNT),
        rejected_rows=number(names.REJECTED_ROWS) or 0,
    )


def _refusal(asset: Asset, run_id: str, registry: Registry) -> Refusal | None:
    if asset.role != "port":
        return None
    return next((r for r in registry.refusals(asset.name) if r.run_id == run_id), None)


def _broken(refusal: Refusal) -> str:
    broken = [
        f"'{rule}'" + (f" on {rows:,} of {refusal.rows:,} rows" if rows is not None else "")
        for rule, rows in refusal.broken.items()
    ]
    return f"broke {'; '.join(broken)}" if broken else "the batch could not be judged"


def _cause(error: "SerializableErrorInfo | None") -> str:
    """Say what stopped a step; of errors that may hold values only the kind and the place."""
    while error is not None and error.cause is not None and _wraps(error):
        error = error.cause
    if error is None:
        return "it was stopped"
    kind, _, text = error.message.strip().partition(": ")
    if _ours(error):
        return text
    where = f"{error.cls_name}{place_of(_frames(error.stack))}"
    if kind not in _WITHOUT_VALUES or not text:
        return where
    first = text.splitlines()[0].partition(_OTHER_COLUMNS)[0]
    return f"{where}: {first.rstrip('.!')}"


def _wraps(error: "SerializableErrorInfo") -> bool:
    name = error.cls_name or ""
    return name.startswith("Dagster") or (name == "Failure" and _ours(error.cause))


def _ours(error: "SerializableErrorInfo | None") -> bool:
    known = getattr(errors, (error and error.cls_name) or "", object)
    return issubclass(known, errors.MeshError)


def _frames(stack: Iterable[str]) -> list[traceback.FrameSummary]:
    """Read frames back from lines such as `File "a.py", line 3, in build`."""
    frames: list[traceback.FrameSummary] = []
    for text in stack:
        parts = text.strip().split('"')
        numbers = text.partition(", line ")[2].partition(",")[0].split()
        if len(parts) > 1 and numbers and numbers[0].isdigit():
            frames.append(traceback.FrameSummary(parts[1], int(numbers[0]), "", lookup_line=False))
    return frames
