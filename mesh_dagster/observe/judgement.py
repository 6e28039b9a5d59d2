"""Judge all promises of many ports at one moment.

In:  the registry, a clock reading; or the facts of ports, which are plain values.
Out: one `SloStatus` for each promise. Nothing is written: `alerts.py` decides what changed.
Only publications in the registry count, so a forged event or a run without end changes nothing.
"""

import gc
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from mesh_dagster.declare.slo import Freshness
from mesh_dagster.observe.budget import time_remaining
from mesh_dagster.observe.calendar import Timing
from mesh_dagster.observe.causes import causes
from mesh_dagster.observe.freshness import Judged, judge
from mesh_dagster.observe.partitions import Expectations
from mesh_dagster.observe.predict import predicted_breach
from mesh_dagster.observe.quality import quality_status
from mesh_dagster.observe.status import BROKEN, SloStatus
from mesh_dagster.run.promises import PortFacts, by_data_time, gather, with_all_publications
from mesh_dagster.run.registry import Registry

MOST_NAMED = 20
"""So many late groups and missing partitions stand in a status; all are counted."""


@dataclass(frozen=True)
class Assessed:
    """A port with how its freshness stands, where it promises any."""

    port: PortFacts
    timing: Timing | None = None
    judged: Judged | None = None


def statuses(
    registry: Registry,
    now: datetime,
    *,
    historic: bool = False,
    only: Collection[str] | None = None,
) -> list[SloStatus]:
    """Judge every promise of every registered port, by address, freshness first.

    Args:
        registry: What was declared, published and refused; a constant number of statements.
        now: Aware UTC; whatever was published later does not count.
        historic: Judge ports that were first published after `now` by data time alone, as if
            each batch had been published when its newest event happened.
        only: The addresses to judge; then no cause is found outside them.
    """
    with _uncollected():
        return statuses_of(assessed(registry, now, historic=historic, only=only), now)


def assessed(
    registry: Registry,
    now: datetime,
    *,
    historic: bool = False,
    only: Collection[str] | None = None,
) -> list[Assessed]:
    """Return every registered port, with what is known of it, as `statuses` judges it."""
    facts = gather(registry, now, only)
    if historic and (unborn := [port for port in facts if not port.made]):
        known = {port.address: port for port in by_data_time(registry, unborn, now)}
        facts = [known.get(port.address, port) for port in facts]
    found = assess(facts, now)
    # Where a breach is older than the window, only its whole history tells since when.
    if clipped := [one.port for one in found if _reaches_back(one)]:
        whole = assess(with_all_publications(registry, clipped, now), now)
        known_whole = {one.port.address: one for one in whole}
        found = [known_whole.get(one.port.address, one) for one in found]
    return found


def assess(facts: Iterable[PortFacts], now: datetime) -> list[Assessed]:
    """Judge the freshness of ports from what is known of each."""
    expectations, timings = Expectations(now), _Timings()
    found = []
    for port in facts:
        if port.freshness is None:
            found.append(Assessed(port))
            continue
        timing = timings.of(port.freshness)
        judged = judge(port, timing, expectations.late(port, timing), now)
        found.append(Assessed(port, timing, judged))
    return found


def statuses_of(found: Sequence[Assessed], now: datetime) -> list[SloStatus]:
    """Return the statuses of ports that were assessed together, with what explains each breach."""
    quality = {one.port.address: quality_status(one.port, now) for one in found}
    broken = {address: status.since for address, status in quality.items() if status.broken}
    for one in found:
        if one.judged and one.judged.state in BROKEN:
            address, since = one.port.address, one.judged.since
            broken[address] = min(since, broken.get(address, since))
    explained = causes(broken, {one.port.address: one.port.inputs for one in found})
    listed = []
    for one in found:
        address = one.port.address
        if one.timing and one.judged:
            cause = explained.get(address) if one.judged.state in BROKEN else None
            listed.append(_freshness_status(one, one.timing, one.judged, now, broken, cause))
        listed.append(quality[address])
    return listed


@contextmanager
def _uncollected() -> Iterator[None]:
    """Hold back the collector: a tick leaves no circles, and a fifth of its time went there."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@dataclass(frozen=True)
class _Timings:
    """Promises that were read once; many ports share one, and many promises their deadlines."""

    _known: dict[Freshness, Timing] = field(default_factory=dict)
    _deadlines: dict[tuple[str | None, str], Timing] = field(default_factory=dict)

    def of(self, promise: Freshness) -> Timing:
        if promise not in self._known:
            schedule = promise.deadline, promise.timezone
            like = self._deadlines.get(schedule)
            timing = Timing.of(promise, like.deadlines if like else None)
            self._known[promise] = self._deadlines[schedule] = timing
        return self._known[promise]


def _reaches_back(one: Assessed) -> bool:
    judged, made = one.judged, one.port.made
    if judged is None or judged.state not in BROKEN or one.port.complete:
        return False
    return judged.since <= made[0].published_at


def _freshness_status(
    one: Assessed,
    timing: Timing,
    judged: Judged,
    now: datetime,
    broken: Mapping[str, datetime],
    cause: str | None,
) -> SloStatus:
    port, promise, newest = one.port, timing.promise, judged.newest
    return SloStatus(
        address=port.address,
        product_key=port.product_key,
        owner=port.owner,
        objective="freshness",
        state=judged.state,
        since=judged.since,
        age=timing.calendar.between(newest, now) if newest else None,
        limit=timing.limit(now),
        target=promise.target,
        window=promise.window,
        budget_remaining=time_remaining(
            judged.broken,
            now,
            target=promise.target,
            window=promise.window,
            calendar=timing.calendar,
        ),
        late_groups=() if port.hides_groups else tuple(judged.late_groups[:MOST_NAMED]),
        late_group_count=len(judged.late_groups),
        missing_partitions=tuple(judged.missing[:MOST_NAMED]),
        missing_partition_count=len(judged.missing),
        breaks_at=timing.end_of(newest),
        predicted_breach_at=predicted_breach(port, timing, judged, broken, now),
        caused_by=cause,
    )
