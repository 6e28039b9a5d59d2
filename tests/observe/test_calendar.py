from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh_dagster.declare.slo import Freshness, weekdays
from mesh_dagster.observe.calendar import FAR, Calendar, Deadlines, Timing, ticks
from tests.observe.ports import DAY, HOUR

BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")
MINUTE = timedelta(minutes=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("zone", "since", "expected"),
    [
        # The clocks of Berlin skip 02:00 to 03:00 on 29 March and repeat it on 25 October.
        (BERLIN, "2026-03-28T00:00", ["28T01:30", "29T01:00", "30T00:30"]),
        (BERLIN, "2026-10-24T00:00", ["24T00:30", "25T00:30", "26T01:30"]),
        # Those of New York skip it on 8 March and repeat 01:00 to 02:00 on 1 November.
        (NEW_YORK, "2026-03-07T00:00", ["07T07:30", "08T07:00", "09T06:30"]),
        (NEW_YORK, "2026-10-31T00:00", ["31T06:30", "01T07:30", "02T07:30"]),
    ],
)
def test_a_deadline_comes_once_on_days_when_clocks_change(
    zone: ZoneInfo, since: str, expected: list[str]
) -> None:
    deadlines = Deadlines("30 2 * * *", zone)
    found = []
    moment = utc(since)

    for _ in expected:
        moment = deadlines.after(moment)
        found.append(f"{moment:%dT%H:%M}")

    assert found == expected


def test_a_deadline_in_the_hour_that_comes_twice_is_not_given_again_in_its_second_pass() -> None:
    second_pass = utc("2026-10-25T01:10")

    found = next(ticks("30 2 * * *", BERLIN, second_pass))

    assert found == utc("2026-10-26T01:30")


def test_an_hourly_deadline_comes_in_both_passes_of_the_hour_that_comes_twice() -> None:
    found = ticks("0 * * * *", BERLIN, utc("2026-10-24T23:30"))

    assert [next(found).hour for _ in range(4)] == [0, 1, 2, 3]


@given(
    minutes=st.integers(0, 2 * 366 * 24 * 60),
    cron=st.sampled_from(["0 6 * * *", "30 2 * * *", "15 */6 * * 1-5", "0 * * * *", "0 0 1 * *"]),
    zone=st.sampled_from([BERLIN, NEW_YORK, ZoneInfo("UTC"), ZoneInfo("Asia/Kathmandu")]),
)
def test_remembered_deadlines_are_those_of_the_cron_expression(
    minutes: int, cron: str, zone: ZoneInfo
) -> None:
    moment = utc("2025-01-01T00:00") + minutes * MINUTE
    deadlines = Deadlines(cron, zone)

    found = deadlines.after(moment)

    assert found == next(ticks(cron, zone, moment))
    assert deadlines.until(found) == found
    assert deadlines.until(found - MINUTE) != found


def test_a_deadline_that_never_comes_again_is_far_away() -> None:
    assert Deadlines("0 0 * * *", BERLIN).after(FAR) == FAR


@given(begin=st.integers(0, 40_000), span=st.integers(0, 20_000))
def test_working_time_is_what_a_clock_counts_that_stands_still_on_other_days(
    begin: int, span: int
) -> None:
    calendar = Calendar(BERLIN, weekdays("mon-fri"), frozenset({date(2026, 4, 3)}))
    first = utc("2026-03-20T00:00") + begin * MINUTE
    minutes = [first + n * MINUTE for n in range(span)]
    worked = [m for m in minutes if not calendar.is_off(m)]

    counted = calendar.between(first, first + span * MINUTE)

    assert counted == len(worked) * MINUTE


@given(begin=st.integers(0, 40_000), hours=st.integers(1, 200))
def test_adding_working_time_and_counting_it_agree(begin: int, hours: int) -> None:
    calendar = Calendar(NEW_YORK, weekdays("mon,wed,fri-sat"))
    first = utc("2026-02-20T00:00") + begin * MINUTE

    last = calendar.plus(first, hours * HOUR)

    assert calendar.between(first, last) == hours * HOUR


def test_working_days_that_change_their_clocks_have_as_many_hours_as_they_have() -> None:
    sundays = Calendar(BERLIN, weekdays("sun"))

    counted = sundays.between(utc("2026-03-28T12:00"), utc("2026-03-30T12:00"))

    assert counted == 23 * HOUR


def test_a_calendar_without_time_that_counts_makes_nothing_due() -> None:
    everything = frozenset(date(2026, 1, 1) + n * DAY for n in range(400))
    never = Timing(Freshness(within=HOUR), Calendar(BERLIN, weekdays("mon"), everything))

    missed = never.breaks_at(utc("9990-01-02T00:00"))

    assert missed > utc("9990-01-05T00:00")


def test_data_must_be_new_enough_at_each_deadline_and_may_age_between_them() -> None:
    promise = Freshness(within=DAY, deadline="0 6 * * *", timezone="Europe/Berlin", grace=HOUR)
    timing = Timing.of(promise)

    found = timing.breaks_at(utc("2026-06-01T04:00")), timing.breaks_at(utc("2026-06-01T03:59"))

    assert found == (utc("2026-06-03T05:00"), utc("2026-06-02T05:00"))
    assert timing.limit(utc("2026-06-01T10:00")) == DAY + 6 * HOUR


def test_a_deadline_on_a_day_off_passes_to_the_next_working_day() -> None:
    promise = Freshness(within=HOUR, deadline="0 6 * * *", calendar="mon-fri")
    timing = Timing.of(promise)

    due = timing.breaks_at(utc("2026-03-06T05:30"))

    assert due == utc("2026-03-09T06:00")
