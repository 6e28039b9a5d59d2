"""Start Dagster runs of the scenario and look at what they left behind."""

from collections.abc import Sequence

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


def materialized(result: dg.ExecuteInProcessResult) -> list[dg.AssetKey | None]:
    """Return the keys of the assets that a run materialized, in order."""
    return [event.asset_key for event in result.get_asset_materialization_events()]
