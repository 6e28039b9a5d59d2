"""Act on one judgement: record it, tell it, deliver what waits, forget what is over.

In:  statuses, judged at the clock reading; the settings of alerts.
Out: what changed and what was delivered. Doing it twice changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from mesh_dagster.observe.alerts import JUDGE, Changes, record
from mesh_dagster.observe.delivery import Delivered, deliver
from mesh_dagster.observe.events import low_budgets, notify, tell_failures, tell_refusals
from mesh_dagster.observe.leaving import tell_deprecations
from mesh_dagster.observe.prune import prune_daily
from mesh_dagster.observe.settings import Settings
from mesh_dagster.observe.status import SloStatus
from mesh_dagster.run.registry import Registry


@dataclass(frozen=True)
class Tick:
    """What one tick did."""

    changes: Changes
    delivered: Delivered


def tick(
    found: Sequence[SloStatus],
    registry: Registry,
    settings: Settings,
    now: datetime,
    *,
    judge: str = JUDGE,
) -> Tick:
    """Record a judgement and send what is due.

    Args:
        found: At most one status for each promise.
        registry: Where it is written.
        settings: The sinks, and who is told.
        now: Aware UTC; when it was judged.
        judge: As in `record`.
    """
    routing = settings.routing
    with registry.held():
        changes = record(found, registry, now, routing=routing, judge=judge)
        notify("budget", low_budgets(found, now), registry, now, routing=routing)
        tell_refusals(registry, now, routing=routing)
        tell_failures(registry, now, routing=routing)
        tell_deprecations(registry, {one.address for one in found}, now, routing=routing)
        prune_daily(registry, now)
        return Tick(changes, deliver(registry, settings, now))
