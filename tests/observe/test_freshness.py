from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from mesh_dagster.declare.slo import Freshness
from mesh_dagster.observe.budget import Stretch, merged, time_remaining
from mesh_dagster.observe.calendar import Calendar, Timing
from mesh_dagster.observe.freshness import steps_of
from mesh_dagster.observe.status import BROKEN
from tests.observe.ports import DAILY, DAY, HOUR, START, at, facts, judged_at

MINUTE = timedelta(minutes=1)
BY = Freshness(within=3 * HOUR, by="played_at")
EACH = Freshness(within=3 * HOUR, by="played_at", per="station")


def test_a_port_is_fresh_until_its_data_is_older_than_promised() -> None:
    port = facts(1)

    assert judged_at(port, 4).state == "ok"
    assert judged_at(port, 4.01).state == "breached"


def test_a_breach_began_when_the_limit_was_passed_however_late_it_is_seen() -> None:
    port = facts(1)

    assert judged_at(port, 5).since == judged_at(port, 500).since == at(4)


def test_a_publication_of_old_data_ends_no_breach() -> None:
    port = facts((1, 1), (6, 2), (9, 2.5), freshness=BY)

    judged = judged_at(port, 10)

    assert (judged.state, judged.since) == ("breached", at(4))


def test_an_event_later_than_its_publication_keeps_nothing_fresh() -> None:
    port = facts((1, 1), freshness=BY)

    assert judged_at(port, 5).state == "breached"


def test_a_whole_port_is_as_fresh_as_its_current_publication() -> None:
    port = facts((1, 1), (2, -5), freshness=BY)

    assert judged_at(port, 2.5).state == "breached"


def test_a_partitioned_port_is_as_fresh_as_its_newest_partition() -> None:
    port = facts((1, 1), (2, -5), freshness=BY, partitioned=True)

    assert judged_at(port, 2.5).state == "ok"


def test_a_port_without_rows_has_no_data() -> None:
    port = facts((1, 1), (2, None), freshness=BY)

    judged = judged_at(port, 2.5)

    assert (judged.state, judged.since, judged.newest) == ("no_data", at(2), None)


def test_a_port_never_published_is_paused_until_its_first_data_is_due() -> None:
    port = facts(freshness=Freshness(within=3 * HOUR, grace=HOUR))

    early, late = judged_at(port, 4), judged_at(port, 5)

    assert (early.state, early.since) == ("paused", START)
    assert (late.state, late.since) == ("no_data", at(4))


def test_a_port_registered_after_the_clock_reading_is_paused() -> None:
    judged = judged_at(facts(registered=None), 5)

    assert (judged.state, judged.since) == ("paused", at(5))


def test_an_age_worth_a_warning_warns_before_the_breach() -> None:
    port = facts(1, freshness=Freshness(within=3 * HOUR, warn=HOUR))

    judged = judged_at(port, 3)

    assert (judged.state, judged.since) == ("warn", at(2))


def test_a_missed_limit_is_a_warning_for_the_grace_and_then_a_breach() -> None:
    port = facts(1, freshness=Freshness(within=3 * HOUR, grace=HOUR))

    warned, broken = judged_at(port, 4.5), judged_at(port, 5.5)

    assert (warned.state, warned.since) == ("warn", at(4))
    assert (broken.state, broken.since) == ("breached", at(5))


def test_a_recovery_begins_with_the_publication_that_brought_new_data() -> None:
    judged = judged_at(facts(1, 6), 7)

    assert (judged.state, judged.since) == ("ok", at(6))


def test_one_silent_group_breaks_the_promise_and_is_named() -> None:
    groups = {"KSLX": at(1), "WAAF": at(6), "KZOK": at(5)}
    port = facts((6, 1), freshness=EACH, groups=groups, registered=5)

    judged = judged_at(port, 6.5)

    assert (judged.state, judged.since, judged.late_groups) == ("breached", at(6), ["KSLX"])


def test_late_groups_are_named_from_the_longest_silent_on() -> None:
    groups = {"b": at(2), "a": at(2), "c": at(1), "d": at(9)}
    port = facts((9, 1), freshness=EACH, groups=groups)

    assert judged_at(port, 9).late_groups == ["c", "a", "b"]


def test_nothing_becomes_late_on_days_off() -> None:
    weekdays = Freshness(within=12 * HOUR, calendar="mon-fri")
    friday_evening = 4 * 24 + 18
    port = facts(friday_evening, freshness=weekdays)

    saturday = judged_at(port, 5 * 24 + 12)
    monday = judged_at(port, 7 * 24 + 6), judged_at(port, 7 * 24 + 7)

    assert (saturday.state, saturday.since) == ("paused", at(5 * 24))
    assert [judged.state for judged in monday] == ["ok", "breached"]


def test_a_breach_stays_one_through_days_off() -> None:
    port = facts(4 * 24, freshness=Freshness(within=12 * HOUR, calendar="mon-fri"))

    found = {judged_at(port, 4 * 24 + hours).since for hours in (13, 30, 80)}

    assert found == {at(4 * 24 + 12)}


def test_a_missing_partition_is_a_breach_although_newer_data_is_there() -> None:
    published = {"2026-03-02": at(25), "2026-03-04": at(73)}
    port = facts(
        *(20, 25, 48, 72, 73),
        freshness=Freshness(within=DAY),
        partitions={"keys": [DAILY]},
        slices=published,
    )

    judged = judged_at(port, 74)

    assert (judged.state, judged.since) == ("breached", at(72))
    assert judged.missing == ["2026-03-03"]


def test_a_partition_that_came_late_was_a_breach_until_then() -> None:
    port = facts(20, 43, 55, freshness=Freshness(within=DAY), partitions={"keys": [DAILY]})
    mended = replace(port, slices={"2026-03-02": at(55)})

    before, after = judged_at(port, 54), judged_at(mended, 60)

    assert (before.state, before.since) == ("breached", at(48))
    assert (after.state, list(after.broken)) == ("ok", [Stretch(at(48), at(55))])


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[float, float | None]]:
    """Publications at whole minutes within two days, each with a newest event."""
    times = sorted(draw(st.lists(st.integers(1, 2880), max_size=12, unique=True)))
    events = st.one_of(st.none(), st.integers(-600, 2880))
    return [(time / 60, None if (event := draw(events)) is None else event / 60) for time in times]


@given(
    made=histories(),
    within=st.integers(1, 300),
    grace=st.integers(0, 90),
    now=st.integers(1, 3000),
    partitioned=st.booleans(),
)
def test_the_budget_is_what_sampling_every_minute_finds(
    made: list[tuple[float, float | None]], within: int, grace: int, now: int, *, partitioned: bool
) -> None:
    promise = (
        Freshness(within=within * MINUTE, by="at", grace=grace * MINUTE, target=0.9, window=DAY)
        if grace * MINUTE <= DAY
        else BY
    )
    known = [one for one in made if one[0] * 60 <= now]
    capped = [(time, None if e is None else min(e, time)) for time, e in known]
    port = facts(*capped, freshness=promise, partitioned=partitioned)
    limit = promise.within + promise.grace
    seconds = [at(now / 60) - DAY + (n + 0.5) * MINUTE for n in range(24 * 60)]
    steps = steps_of(port)
    bad = 0
    for moment in seconds:
        newest = [event for published_at, event in steps if published_at <= moment]
        bad += bool(newest) and (newest[-1] is None or moment - newest[-1] > limit)

    judged = judged_at(port, now / 60)
    remaining = time_remaining(
        judged.broken,
        at(now / 60),
        target=promise.target,
        window=promise.window,
        calendar=Timing.of(promise).calendar,
    )

    assert remaining is not None
    assert abs(remaining - (1 - bad / (0.1 * 24 * 60))) < 1e-9


@given(made=histories(), within=st.integers(1, 300), now=st.integers(1, 3000))
def test_a_state_gets_better_only_by_a_publication(
    made: list[tuple[float, float | None]], within: int, now: int
) -> None:
    promise = Freshness(within=within * MINUTE, by="at", warn=MINUTE / 2, window=DAY)
    order = ["paused", "ok", "warn", "breached", "no_data"]
    known = [(t, None if e is None else min(e, t)) for t, e in made if t * 60 <= now]
    port = facts(*known, freshness=promise)

    earlier, later = judged_at(port, now / 60), judged_at(port, (now + 7) / 60)

    assert order.index(later.state) >= order.index(earlier.state)
    if earlier.state in BROKEN:
        assert later.since == earlier.since


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 9)), max_size=12))
def test_joined_stretches_cover_the_same_time_without_overlaps(
    given_stretches: list[tuple[int, int]],
) -> None:
    stretches = [Stretch(at(begin), at(begin + length)) for begin, length in given_stretches]
    covered = {hour for begin, length in given_stretches for hour in range(begin, begin + length)}

    joined = merged(stretches)

    assert sum(((one.end - one.begin) / HOUR for one in joined), 0.0) == len(covered)
    assert all(a.end < b.begin for a, b in pairwise(joined))


def test_a_window_without_time_that_counts_has_no_budget() -> None:
    off = Calendar(Timing.of(BY).calendar.zone, frozenset({0}))

    remaining = time_remaining([], at(5 * 24), target=0.9, window=DAY, calendar=off)

    assert remaining is None
