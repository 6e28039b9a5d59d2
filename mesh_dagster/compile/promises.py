"""Show how promises stand in Dagster: the `freshness` check of a port.

In:  an `SloStatus`, judged by `observe/`.
Out: check results, after a publication, and check evaluations, from the sensor. Groups that are
late are counted and not named: their names are data.
"""

from collections.abc import Iterator
from datetime import datetime

import dagster as dg

from mesh_dagster.compile import names
from mesh_dagster.compile.metadata import Metadata
from mesh_dagster.declare.port import OutputPort
from mesh_dagster.errors import RegistryError
from mesh_dagster.observe.judgement import statuses
from mesh_dagster.observe.spans import span_text
from mesh_dagster.observe.status import SloStatus
from mesh_dagster.run.registry import Registry

CHECK = "freshness"
_DESCRIPTIONS = {
    "ok": "The data is as new as promised.",
    "warn": "The data is still as new as promised, but older than it should be.",
    "breached": "The data is older than promised.",
    "no_data": "There should be data, and there is none.",
    "paused": "Nothing is due now.",
}
_UNJUDGED = "Published, but the registry did not tell how the promise stands."


def freshness_check_for(port: OutputPort) -> list[dg.AssetCheckSpec]:
    """Return the check of a port's freshness promise, if it makes one."""
    if port.freshness is None:
        return []
    longest = span_text(port.freshness.within)
    description = f"The newest data is at most {longest} old. Judged by the mesh."
    key = names.port_key(port.address)
    return [dg.AssetCheckSpec(CHECK, asset=key, description=description)]


def freshness_results(
    port: OutputPort, registry: Registry, now: datetime
) -> Iterator[dg.AssetCheckResult]:
    """Judge a port's freshness promise, if it makes one, right after its publication.

    Dagster asks for a result whatever happens, and what is published stays so without a judgement.
    """
    if port.freshness is None:
        return
    try:
        judged = statuses(registry, now, only={str(port.address)})
    except RegistryError:
        judged = []
    status = next((one for one in judged if one.objective == CHECK), None)
    yield dg.AssetCheckResult(
        asset_key=names.port_key(port.address),
        check_name=CHECK,
        passed=status is not None and _passed(status),
        severity=_severity(status) if status else dg.AssetCheckSeverity.WARN,
        metadata=_metadata(status) if status else {},
        description=_DESCRIPTIONS[status.state] if status else _UNJUDGED,
    )


def freshness_evaluation(port: OutputPort, status: SloStatus) -> dg.AssetCheckEvaluation:
    """Report a judgement that the sensor made."""
    return dg.AssetCheckEvaluation(
        asset_key=names.port_key(port.address),
        check_name=CHECK,
        passed=_passed(status),
        severity=_severity(status),
        metadata=_metadata(status),
        description=_DESCRIPTIONS[status.state],
        blocking=False,
    )


def _passed(status: SloStatus) -> bool:
    return status.state in {"ok", "paused"}


def _severity(status: SloStatus) -> dg.AssetCheckSeverity:
    return dg.AssetCheckSeverity.ERROR if status.broken else dg.AssetCheckSeverity.WARN


def _metadata(status: SloStatus) -> Metadata:
    known: Metadata = {
        names.SLO_STATE: dg.MetadataValue.text(status.state),
        names.SLO_SINCE: dg.MetadataValue.timestamp(status.since),
    }
    if status.age is not None:
        known[names.SLO_AGE] = dg.MetadataValue.float(status.age.total_seconds())
    if status.limit is not None:
        known[names.SLO_LIMIT] = dg.MetadataValue.float(status.limit.total_seconds())
    if status.budget_remaining is not None:
        known[names.SLO_BUDGET] = dg.MetadataValue.float(status.budget_remaining)
    if status.late_group_count:
        known[names.SLO_LATE_GROUPS] = dg.MetadataValue.int(status.late_group_count)
    if status.missing_partition_count:
        known[names.SLO_MISSING] = dg.MetadataValue.int(status.missing_partition_count)
    if status.caused_by:
        known[names.SLO_CAUSE] = dg.MetadataValue.text(status.caused_by)
    return known
