"""Count how much of a promise's window was lost.

In:  the stretches of time in which a promise was broken, computed from the publications.
Out: what remains of its error budget. Nothing is sampled: time is added up.
A time slice is good if the promise held in it; here slices are as short as the clock allows.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from mesh_dagster.observe.calendar import Calendar


class Stretch(NamedTuple):
    """A stretch of time; the end does not belong to it."""

    begin: datetime
    end: datetime


def merged(stretches: Iterable[Stretch]) -> list[Stretch]:
    """Join stretches that touch or overlap; the result is in order of time."""
    joined: list[Stretch] = []
    for stretch in sorted(stretches):
        if joined and stretch.begin <= joined[-1].end:
            joined[-1] = Stretch(joined[-1].begin, max(joined[-1].end, stretch.end))
        else:
            joined.append(stretch)
    return joined


def clipped(stretches: Iterable[Stretch], now: datetime) -> list[Stretch]:
    """Return what of the stretches lies before a moment."""
    return [Stretch(begin, min(end, now)) for begin, end in stretches if begin < now]


def time_remaining(
    broken: Sequence[Stretch],
    now: datetime,
    *,
    target: float,
    window: timedelta,
    calendar: Calendar,
) -> float | None:
    """Return the share of the error budget that is left; negative when overspent.

    Args:
        broken: When the promise was broken, without overlaps.
        now: The end of the window.
        target: The share of the window in which the promise must hold.
        window: Its length.
        calendar: The time that counts; `None` is returned when none of the window does.
    """
    begin = now - window
    allowed = (1 - target) * calendar.between(begin, now)
    if not allowed:
        return None
    lost = sum(
        (
            calendar.between(max(stretch.begin, begin), min(stretch.end, now))
            for stretch in broken
            if stretch.end > begin
        ),
        timedelta(0),
    )
    return 1 - lost / allowed


def count_remaining(bad: int, total: int, target: float) -> float | None:
    """Return the same where single events count, such as batches; `None` without any."""
    return 1 - bad / ((1 - target) * total) if total else None
