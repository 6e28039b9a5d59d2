"""Know when things are due: deadlines by cron, working days, partitions.

In:  what a promise says of time, clock readings. All times are aware UTC.
Out: times. A day is a day of the promise's zone, so it may have 23 or 25 hours.
Deadlines in the hour that a zone skips are due right after it; in the hour that comes twice, once.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from functools import lru_cache
from zoneinfo import ZoneInfo

from cronsim import CronSim

from mesh_dagster.declare.slo import Freshness, cron_fields, weekdays

_DAY = timedelta(days=1)
_EVERY_DAY = frozenset(range(7))
_DAYS_LOOKED_AT = 7
"""Deadlines within so many days are found among remembered days; later ones by a search."""
_DAYS_LOOKED_BACK = 370
FAR = datetime.max.replace(tzinfo=timezone.utc)
"""Never: a deadline whose cron expression does not come again."""


@dataclass(frozen=True)
class Calendar:
    """The time that counts."""

    zone: ZoneInfo
    days: frozenset[int] = _EVERY_DAY
    """Working weekdays; Monday is 0."""
    holidays: frozenset[date] = frozenset()
    whole: bool = field(init=False)
    """Whether all time counts."""

    def __post_init__(self) -> None:
        """Remember whether all time counts; it is asked for each publication."""
        object.__setattr__(self, "whole", self.days == _EVERY_DAY and not self.holidays)

    def is_off(self, moment: datetime) -> bool:
        """Say whether a moment lies in a day that does not count."""
        return not self.whole and not self._works(moment.astimezone(self.zone).date())

    def off_since(self, moment: datetime) -> datetime:
        """Return when the time began that does not count; the moment itself when it counts."""
        day = moment.astimezone(self.zone).date()
        while not self._works(day) and day > date.min:
            moment = _midnight(day, self.zone)
            day -= _DAY
        return moment

    def plus(self, moment: datetime, span: timedelta) -> datetime:
        """Return when a span of counting time has passed since a moment."""
        if self.whole:
            return moment + span
        left = span
        for begin, end in self._stretches(moment):
            if left <= end - begin:
                return begin + left
            left -= end - begin
        return FAR

    def between(self, begin: datetime, end: datetime) -> timedelta:
        """Return how much time counts from one moment to a later one."""
        if self.whole:
            return max(end - begin, timedelta(0))
        total = timedelta(0)
        for first, last in self._stretches(begin):
            if first >= end:
                break
            total += min(last, end) - first
        return total

    def _stretches(self, moment: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Yield the counting stretches from a moment on, a day at a time."""
        day = moment.astimezone(self.zone).date()
        while day < date.max:
            if self._works(day):
                yield max(_midnight(day, self.zone), moment), _midnight(day + _DAY, self.zone)
            day += _DAY

    def _works(self, day: date) -> bool:
        return day.weekday() in self.days and day not in self.holidays


@dataclass(frozen=True)
class Deadlines:
    """The times of a cron expression in a zone; days once computed are remembered."""

    cron: str
    zone: ZoneInfo
    _days: dict[date, list[datetime]] = field(default_factory=dict, repr=False, compare=False)

    def after(self, moment: datetime) -> datetime:
        """Return the first deadline later than a moment."""
        if moment == FAR:
            return FAR
        first = moment.astimezone(timezone.utc).date()
        for number in range(_DAYS_LOOKED_AT):
            times = self._of_day(first + number * _DAY)
            position = bisect_right(times, moment)
            if position < len(times):
                return times[position]
        return next(ticks(self.cron, self.zone, moment), FAR)

    def until(self, moment: datetime) -> datetime | None:
        """Return the last deadline up to a moment, if there is one not too long ago."""
        first = moment.astimezone(timezone.utc).date()
        for number in range(_DAYS_LOOKED_BACK):
            times = self._of_day(first - number * _DAY)
            position = bisect_right(times, moment)
            if position:
                return times[position - 1]
        return None

    def _of_day(self, day: date) -> list[datetime]:
        if day not in self._days:
            begin = datetime.combine(day, time(), timezone.utc)
            times = []
            for tick in ticks(self.cron, self.zone, begin - timedelta(seconds=1)):
                if tick >= begin + _DAY:
                    break
                times.append(tick)
            self._days[day] = times
        return self._days[day]


@dataclass(frozen=True)
class Timing:
    """What a freshness promise says of time, ready to be asked often."""

    promise: Freshness
    calendar: Calendar
    deadlines: Deadlines | None = None

    @classmethod
    def of(cls, promise: Freshness, deadlines: Deadlines | None = None) -> "Timing":
        """Read a promise.

        Args:
            promise: What is promised.
            deadlines: Its deadlines, where another promise with the same has them already.
        """
        zone = ZoneInfo(promise.timezone)
        days = weekdays(promise.calendar) if promise.calendar else _EVERY_DAY
        if promise.deadline and deadlines is None:
            deadlines = Deadlines(cron_fields(promise.deadline), zone)
        return cls(promise, Calendar(zone, days, frozenset(promise.holidays)), deadlines)

    def missed_at(self, newest: datetime) -> datetime:
        """Return when data that reaches up to `newest` is too old, the grace left out.

        With a deadline that is the first one at which it is older than the promise allows.
        """
        old = self.calendar.plus(newest, self.promise.within)
        return old if self.deadlines is None else self._working(self.deadlines.after(old))

    def ends(self, *, warned: bool = False) -> Callable[[datetime], datetime]:
        """Return `breaks_at`, or `warns_at`, in the form that is fastest for this promise."""
        if self.deadlines is not None or not self.calendar.whole:
            return self.warns_at if warned else self.breaks_at
        # Adding a span is what most promises come to, a hundred thousand times in a tick.
        span = self.promise.within + self.promise.grace
        if warned:
            span = min(self.promise.within, self.promise.warn or self.promise.within)
        return lambda newest: newest + span

    def limit(self, now: datetime) -> timedelta:
        """Return how old data may be now.

        Between deadlines it may grow older by the time since the last one.
        """
        if self.deadlines is None:
            return self.promise.within
        last = self.deadlines.until(now)
        while last is not None and self.calendar.is_off(last):
            last = self.deadlines.until(last - timedelta.resolution)
        return self.promise.within + (self.calendar.between(last, now) if last else timedelta(0))

    def breaks_at(self, newest: datetime) -> datetime:
        """Return when data that reaches up to `newest` breaks the promise."""
        return self._graced(self.missed_at(newest))

    def end_of(self, newest: datetime | None) -> datetime | None:
        """Return `breaks_at`; `None` for no data, and where that never comes."""
        breaks = self.breaks_at(newest) if newest else FAR
        return None if breaks == FAR else breaks

    def warns_at(self, newest: datetime) -> datetime:
        """Return when data that reaches up to `newest` is worth a warning."""
        missed, warn = self.missed_at(newest), self.promise.warn
        return min(missed, self.calendar.plus(newest, warn)) if warn else missed

    def due_at(self, end: datetime) -> datetime:
        """Return when a partition that ended must have been published."""
        if self.deadlines is None:
            return self.breaks_at(end)
        return self._graced(self._working(self.deadlines.after(end - timedelta.resolution)))

    def _graced(self, moment: datetime) -> datetime:
        if moment == FAR or not self.promise.grace:
            return moment
        return self.calendar.plus(moment, self.promise.grace)

    def _working(self, deadline: datetime) -> datetime:
        while self.deadlines and deadline != FAR and self.calendar.is_off(deadline):
            deadline = self.deadlines.after(deadline)
        return deadline


@lru_cache(maxsize=10_000)
def _midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return when a day begins; a tick asks for few days, a million times."""
    return datetime.combine(day, time(), zone).astimezone(timezone.utc)


def ticks(cron: str, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    """Yield the times of a cron expression later than a moment, each once."""
    last = after
    for tick in CronSim(cron, after.astimezone(zone)):
        # In the hour that comes twice, the library may step back.
        moment = tick.astimezone(timezone.utc)
        if moment > last:
            yield moment
            last = moment
