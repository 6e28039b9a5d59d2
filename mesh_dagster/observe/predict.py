"""Foresee a breach while the promise still holds.

In:  when a port was published so far, how its promise stands, which ports upstream are late.
Out: when the promise will break if the next publication comes as they usually do.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median

from mesh_dagster.observe.calendar import FAR, Timing
from mesh_dagster.observe.freshness import Judged
from mesh_dagster.observe.status import BROKEN
from mesh_dagster.run.promises import PortFacts

_USUAL = 20
"""So many of the last publications tell what is usual."""


def predicted_breach(
    port: PortFacts,
    timing: Timing,
    judged: Judged,
    broken: Mapping[str, datetime],
    now: datetime,
) -> datetime | None:
    """Return when a promise that holds will break, or `None` if the next publication is in time.

    The next publication is expected after the usual time since the last one, later by as long as
    a port that it reads has been broken already.

    Args:
        port: The facts of the port.
        timing: Its promise.
        judged: How the promise stands.
        broken: Address of each broken port to the begin of its breach.
        now: The clock reading.
    """
    if judged.state in BROKEN or judged.newest is None:
        return None
    late = max((now - broken[one] for one in port.inputs if one in broken), default=timedelta(0))
    usual = usual_gap(port)
    if usual is None and not late:
        return None
    expected = max(port.made[-1].published_at + (usual or timedelta(0)), now) + late
    breaks = timing.breaks_at(judged.newest)
    return breaks if expected > breaks and breaks != FAR else None


def usual_gap(port: PortFacts) -> timedelta | None:
    """Return the usual time between two publications; `None` before the second."""
    times = [one.published_at for one in port.made[-_USUAL - 1 :]]
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(times)]
    return timedelta(seconds=median(gaps)) if gaps else None
