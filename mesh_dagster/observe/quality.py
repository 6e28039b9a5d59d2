"""Judge whether a port's batches are as valid as promised.

In:  the facts of one port, a clock reading.
Out: an `SloStatus`. Nothing is read or written.
A batch with enough valid rows is published, any other refused, and each counts. The promise is
broken while a slice of the port waits for a batch in place of one that was refused.
"""

from bisect import bisect_right
from datetime import datetime
from operator import attrgetter

from mesh_dagster.observe.budget import count_remaining
from mesh_dagster.observe.status import SloStatus, State
from mesh_dagster.run.promises import PortFacts


def quality_status(port: PortFacts, now: datetime) -> SloStatus:
    """Judge a port; one that no batch was made for is `paused`."""
    state, since = _state(port, now)
    bad, total = counted(port, now)
    return SloStatus(
        address=port.address,
        product_key=port.product_key,
        owner=port.owner,
        objective="quality",
        state=state,
        since=since,
        age=None,
        limit=None,
        target=port.quality.target,
        window=port.quality.window,
        budget_remaining=count_remaining(bad, total, port.quality.target),
    )


def counted(port: PortFacts, now: datetime) -> tuple[int, int]:
    """Return how many batches of the window were refused, and how many there were."""
    begin = now - port.quality.window
    times = attrgetter("published_at")
    made = bisect_right(port.made, now, key=times) - bisect_right(port.made, begin, key=times)
    refused = bisect_right(port.refused, now) - bisect_right(port.refused, begin)
    return refused, refused + made


def _state(port: PortFacts, now: datetime) -> tuple[State, datetime]:
    if port.refused_since is not None:
        return "breached", port.refused_since
    if not port.made:
        return "paused", port.registered_at or now
    last_refused = max(port.refused, default=port.made[0].published_at)
    recovered = (one.published_at for one in port.made if one.published_at >= last_refused)
    return "ok", next(recovered, port.made[0].published_at)
