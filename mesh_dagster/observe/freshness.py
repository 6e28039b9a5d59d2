"""Judge whether a port's data is as new as promised, and since when.

In:  the facts of one port, what its promise says of time, a clock reading.
Out: a `Judged`: when the promise was broken, how it stands now. Nothing is read or written.

Why: the newest data is that of the current publication, or of all partitions together. An event
later than its publication counts as the publication, so that a wrong clock keeps nothing fresh.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile

from mesh_dagster.observe.budget import Stretch, clipped, merged
from mesh_dagster.observe.calendar import Timing
from mesh_dagster.observe.partitions import Late
from mesh_dagster.observe.status import State
from mesh_dagster.run.history import Made
from mesh_dagster.run.promises import PortFacts


@dataclass(frozen=True)
class Judged:
    """How a freshness promise stands at one moment."""

    state: State
    since: datetime
    newest: datetime | None
    """How far the data reaches; with groups, that of the one that is most behind."""
    broken: Sequence[Stretch]
    """When the promise was broken, as far as the facts reach back; in order, without overlaps."""
    late_groups: Sequence[str] = ()
    """Most behind first."""
    missing: Sequence[str] = ()
    """Partitions, newest first."""


def judge(port: PortFacts, timing: Timing, late: Sequence[Late], now: datetime) -> Judged:
    """Judge a port that promises freshness.

    Args:
        port: Its facts at the clock reading.
        timing: Its promise.
        late: The partitions that are missing or came late.
        now: The clock reading.
    """
    steps = steps_of(port)
    waits = [Stretch(one.due, one.published or now) for one in late]
    broken = merged(clipped([*_stretches(steps, timing.ends(), now), *waits], now))
    newest = steps[-1].event if port.made else None
    state: State = "breached" if newest else "no_data"
    if broken and broken[-1].end == now:
        since = broken[-1].begin
    else:
        state, since = _unbroken(port, steps, timing, broken, now)
    missing = [one.key for one in reversed(late) if one.published is None]
    return Judged(state, since, newest, broken, _late_groups(port, timing, now), missing)


def steps_of(port: PortFacts) -> list[Made]:
    """Return how far a port's data reached, from its registration on, in order of time."""
    promise, made, registered = port.freshness, list(port.made), port.registered_at
    if promise is None or promise.by is None:
        made = [Made(published_at, published_at) for published_at, _ in made]
    elif port.partitioned and promise.per is None:
        made = list(_accumulated(made, port.newest_before))
    if registered and port.complete and not (made and made[0].published_at < registered):
        # Until its first publication a port is as fresh as if it had one then.
        made.insert(0, Made(registered, registered))
    return made


def _accumulated(made: Sequence[Made], newest: datetime | None) -> Iterator[Made]:
    for published_at, event in made:
        newest = max(filter(None, (newest, event)), default=None)
        yield Made(published_at, newest)


def _stretches(
    steps: Sequence[Made], ends: Callable[[datetime], datetime], now: datetime
) -> Iterator[Stretch]:
    """Yield when data was there that was no longer good enough."""
    last = Made(now, None)
    for (begin, newest), (end, _) in zip(steps, [*steps[1:], last], strict=False):
        over = begin if newest is None else ends(newest)
        if over < end and begin < end:
            yield Stretch(max(begin, over), end)


def _unbroken(
    port: PortFacts,
    steps: Sequence[Made],
    timing: Timing,
    broken: Sequence[Stretch],
    now: datetime,
) -> tuple[State, datetime]:
    if not port.made:
        return "paused", port.registered_at or now
    if timing.calendar.is_off(now):
        return "paused", timing.calendar.off_since(now)
    since = broken[-1].end if broken else steps[0].published_at
    warned = _last_stretch(steps, timing.ends(warned=True), now)
    if warned is None:
        return "ok", since
    if warned.end == now:
        return "warn", max(since, warned.begin)
    return "ok", max(since, warned.end)


def _last_stretch(
    steps: Sequence[Made], ends: Callable[[datetime], datetime], now: datetime
) -> Stretch | None:
    """Return the last of the stretches, joined with those that it touches."""
    last: Stretch | None = None
    following = now
    for published_at, event in reversed(steps):
        begin = published_at if event is None else max(published_at, ends(event))
        if begin < following:
            if last is not None and following < last.begin:
                break
            last = Stretch(begin, following if last is None else last.end)
        elif last is not None:
            break
        following = published_at
    return last


def _late_groups(port: PortFacts, timing: Timing, now: datetime) -> list[str]:
    ordered = sorted(port.groups.items(), key=lambda group: (group[1], group[0]))
    late = takewhile(lambda group: timing.breaks_at(group[1]) < now, ordered)
    return [name for name, _ in late]
