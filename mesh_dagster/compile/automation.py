"""Say when Dagster runs a step by itself, and how old it may look in Dagster's own UI.

In:  cadences and freshness promises.
Out: automation conditions, Dagster's freshness policies, and the sensor that acts on them.
"""

from contextlib import suppress
from datetime import timedelta
from functools import cache
from typing import Any

import dagster as dg
from dagster_shared.check import CheckError

from mesh_dagster.compile import names
from mesh_dagster.declare.port import Internal, OutputPort
from mesh_dagster.declare.product import DataProduct
from mesh_dagster.declare.slo import Freshness

_SHORTEST_WARNING = timedelta(minutes=1)


def condition_for(
    product: DataProduct, step: Internal | OutputPort
) -> dg.AutomationCondition[Any] | None:  # Any: Dagster's conditions speak of assets and checks
    """Return the condition under which a step runs by itself.

    A step with a cadence runs by it. A step without one follows what it reads; what begins a
    pipeline and has no cadence takes the one of the first port or internal that is made from it.
    """
    cadence = step.execution.cadence or _inherited(product, step.build.name)
    if cadence is not None:
        return dg.AutomationCondition.on_cron(cadence)
    reads = step.build.taken("internal") or step.build.taken("input")
    return _follows_inputs() if reads else None


def freshness_for(promise: Freshness | None) -> dg.FreshnessPolicy | None:
    """Return Dagster's policy for a promise; it shows in the UI and decides nothing.

    What Dagster's policies cannot say is left out: a deadline sooner than data may be old, and a
    warning within a minute.
    """
    if promise is None:
        return None
    if promise.deadline is not None:
        with suppress(CheckError):
            return dg.FreshnessPolicy.cron(
                deadline_cron=promise.deadline,
                lower_bound_delta=promise.within,
                timezone=promise.timezone,
            )
    warn = promise.warn if promise.warn and promise.warn >= _SHORTEST_WARNING else None
    return dg.FreshnessPolicy.time_window(fail_window=promise.within, warn_window=warn)


@cache
def automation_sensor() -> dg.AutomationConditionSensorDefinition:
    """Return the sensor that evaluates the conditions; it runs without being switched on.

    It is always the same one, so that definitions which carry it can be merged.
    """
    roles = [dg.AssetSelection.tag(names.ROLE_TAG, role) for role in ("port", "internal")]
    return dg.AutomationConditionSensorDefinition(
        names.AUTOMATION_SENSOR,
        target=roles[0] | roles[1],
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Builds internals and ports by their cadence, or when what they read changed.",
    )


def _follows_inputs() -> dg.AutomationCondition[Any]:  # Any: as above
    """Return Dagster's eager condition, content with inputs that have some of their partitions.

    Eager itself waits until no partition of any input is missing, so whoever reads a port by day
    would wait for the last day of its calendar.
    """
    missing = ~dg.AutomationCondition.any_deps_missing()
    there = dg.AutomationCondition.all_deps_match(~dg.AutomationCondition.missing())
    return (dg.AutomationCondition.eager().without(missing) & there).with_label("follows inputs")


def _inherited(product: DataProduct, name: str) -> str | None:
    """Find the cadence of what is made from a step that reads nothing."""
    steps: list[Internal | OutputPort] = [*product.internals.values(), *product.ports.values()]
    own = next((step for step in steps if step.build.name == name), None)
    if own is None or own.build.taken("internal") or own.build.taken("input"):
        return None
    readers = [s for s in steps if any(p.name == name for p in s.build.taken("internal"))]
    found = (step.execution.cadence for step in readers if step.execution.cadence)
    return next(found, None)
