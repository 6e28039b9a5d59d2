"""Draw up how one port kept its freshness promise over its window.

In:  an assessed port, a clock reading.
Out: points of equal distance: the age and its limit, the budget that was left.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from mesh_dagster.observe.budget import Stretch, clipped, time_remaining
from mesh_dagster.observe.calendar import Timing
from mesh_dagster.observe.freshness import Judged, steps_of
from mesh_dagster.observe.status import BROKEN
from mesh_dagster.run.promises import PortFacts


@dataclass(frozen=True)
class Point:
    """How the promise stood at one moment."""

    at: datetime
    age: timedelta | None
    """The counting time since the newest data; `None` when there was none."""
    limit: timedelta
    broken: bool
    budget_remaining: float | None


@dataclass(frozen=True)
class Timeline:
    """How one port kept its freshness promise."""

    address: str
    begin: datetime
    end: datetime
    target: float
    points: Sequence[Point]
    broken: Sequence[Stretch]
    """When it was broken within the window."""
    published: Sequence[datetime]
    breaks_at: datetime | None
    """When it breaks if nothing newer is published; `None` where it is broken, or never will be."""


def timeline(
    port: PortFacts, timing: Timing, judged: Judged, now: datetime, count: int
) -> Timeline:
    """Return `count` points over the window, the last one at `now`.

    A port that is younger than its window is drawn from its own begin.
    """
    window = timing.promise.window
    begin = max(now - window, _born(port) or now - window)
    moments = [begin + (now - begin) * number / (count - 1) for number in range(count)]
    steps = steps_of(port)
    points = []
    for moment in moments:
        reached = [event for published_at, event in steps if published_at <= moment]
        newest = reached[-1] if reached and port.made else None
        broken = clipped(judged.broken, moment)
        points.append(
            Point(
                at=moment,
                age=timing.calendar.between(newest, moment) if newest else None,
                limit=timing.limit(moment),
                broken=any(one.begin < moment <= one.end for one in judged.broken),
                budget_remaining=time_remaining(
                    broken,
                    moment,
                    target=timing.promise.target,
                    window=window,
                    calendar=timing.calendar,
                ),
            )
        )
    return Timeline(
        address=port.address,
        begin=begin,
        end=now,
        target=timing.promise.target,
        points=points,
        broken=[one for one in judged.broken if one.end > begin],
        published=[one.published_at for one in port.made if one.published_at > begin],
        breaks_at=None if judged.state in BROKEN else timing.end_of(judged.newest),
    )


def _born(port: PortFacts) -> datetime | None:
    """Return when a port was registered or first published; `None` before all that is known."""
    known = [port.registered_at, *(one.published_at for one in port.made[:1])]
    return min((time for time in known if time), default=None) if port.complete else None
