"""Start Dagster runs of the scenario and look at what they left behind."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from tests.compile.scenario import EVENTS, RAW_PLAYS


def run(
    defs: dg.Definitions,
    instance: dg.DagsterInstance,
    keys: Sequence[dg.AssetKey],
    partition: str | None = None,
) -> dg.ExecuteInProcessResult:
    """Materialize assets in this process; a failed run is returned like any other."""
    job = defs.resolve_implicit_global_asset_job_def()
    return job.execute_in_process(
        instance=instance, asset_selection=keys, partition_key=partition, raise_on_error=False
    )


def publish_day(
    defs: dg.Definitions, instance: dg.DagsterInstance, day: str
) -> dg.ExecuteInProcessResult:
    """Materialize one day of the plays, with its internal."""
    return run(defs, instance, [RAW_PLAYS, EVENTS], day)


def evaluations(result: dg.ExecuteInProcessResult) -> dict[str, tuple[bool, str]]:
    """Return each evaluated check with its outcome and severity."""
    return {
        evaluation.check_name: (evaluation.passed, evaluation.severity.value)
        for evaluation in result.get_asset_check_evaluations()
    }


def failure(result: dg.ExecuteInProcessResult) -> str:
    """Return what the one failed step of a run says."""
    [event] = [event for event in result.all_events if event.is_step_failure]
    data = event.step_failure_data.user_failure_data
    return str(data.description) if data else event.step_failure_data.error_display_string


def metadata(result: dg.ExecuteInProcessResult, key: dg.AssetKey) -> dict[str, Any]:
    """Return the metadata values of an asset's one materialization in a run."""
    [event] = [e for e in result.get_asset_materialization_events() if e.asset_key == key]
    known = event.step_materialization_data.materialization.metadata
    return {name: value.value for name, value in known.items()}


def materialized(result: dg.ExecuteInProcessResult) -> list[dg.AssetKey | None]:
    """Return the keys of the assets that a run materialized, in order."""
    return [event.asset_key for event in result.get_asset_materialization_events()]
