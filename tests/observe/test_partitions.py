from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import dagster as dg
import pytest

from mesh_dagster.compile.expected import expected_partitions
from mesh_dagster.declare.port import Execution
from mesh_dagster.declare.slo import Freshness
from mesh_dagster.observe import partitions
from mesh_dagster.observe.calendar import Timing
from mesh_dagster.observe.partitions import Expectations
from mesh_dagster.run.promises import PortFacts
from tests.observe.ports import DAILY, DAY, HOUR, START, facts
from tests.run.scenario import PORT

Partitions = dg.PartitionsDefinition[Any]  # Any: Dagster's keys may be of a kind of their own


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc)


def described(partitions: Partitions) -> dict[str, Any] | None:  # Any: JSON
    return expected_partitions(replace(PORT, execution=Execution(partitions=partitions)))


def port_of(partitions: Partitions, **slices: datetime) -> PortFacts:
    return facts(partitions=described(partitions), registered=None, slices=slices)


def due(port: PortFacts, now: datetime, within: Freshness | None = None) -> list[str]:
    timing = Timing.of(within or Freshness(within=HOUR))
    return [late.key for late in Expectations(now).late(port, timing)]


@pytest.mark.parametrize(
    ("partitions", "now"),
    [
        (dg.DailyPartitionsDefinition("2026-01-01"), "2026-02-03T10:00"),
        (dg.DailyPartitionsDefinition("2026-03-20", timezone="Europe/Berlin"), "2026-04-03T10:00"),
        (dg.DailyPartitionsDefinition("2026-01-01", end_date="2026-01-05"), "2026-02-03T10:00"),
        (dg.DailyPartitionsDefinition("2026-01-01", end_offset=-2), "2026-02-03T10:00"),
        (dg.WeeklyPartitionsDefinition("2025-01-01"), "2026-02-03T10:00"),
        (dg.MonthlyPartitionsDefinition("2025-01-01", hour_offset=5), "2026-02-03T10:00"),
        (
            dg.HourlyPartitionsDefinition("2026-10-24-00:00", timezone="Europe/Berlin"),
            "2026-10-26T02:30",
        ),
        (
            dg.HourlyPartitionsDefinition("2026-03-07-00:00", timezone="America/New_York"),
            "2026-03-09T02:30",
        ),
        (
            dg.HourlyPartitionsDefinition("2026-10-31-00:00", timezone="America/New_York"),
            "2026-11-02T02:30",
        ),
        (
            dg.TimeWindowPartitionsDefinition(
                start="2026-01-01",
                fmt="%Y-%m-%d",
                cron_schedule="0 0 * * *",
                exclusions=["0 0 * * 0", datetime(2026, 1, 6)],  # noqa: DTZ001 - as Dagster takes it
            ),
            "2026-02-03T10:00",
        ),
        (
            dg.TimeWindowPartitionsDefinition(
                start="2026-10-24-00:00",
                fmt="%Y-%m-%d-%H:%M",
                cron_schedule="@hourly",
                timezone="Europe/Berlin",
                exclusions=["@daily"],
            ),
            "2026-10-26T02:30",
        ),
    ],
)
def test_the_partitions_that_are_due_are_those_of_dagster(
    partitions: dg.TimeWindowPartitionsDefinition, now: str
) -> None:
    port = port_of(partitions)

    expected = partitions.get_partition_keys(current_time=utc(now) - HOUR)

    assert due(port, utc(now)) == list(expected)


def test_each_combination_of_two_dimensions_is_due() -> None:
    partitions = dg.MultiPartitionsDefinition(
        {
            "day": dg.DailyPartitionsDefinition("2026-01-01"),
            "region": dg.StaticPartitionsDefinition(["eu", "us"]),
        }
    )
    port = port_of(partitions, **{"2026-01-01|us": utc("2026-01-02T00:30")})

    assert due(port, utc("2026-01-03T10:00")) == [
        "2026-01-01|eu",
        "2026-01-02|eu",
        "2026-01-02|us",
    ]


def test_nothing_is_due_before_a_port_had_the_time_that_it_promises() -> None:
    daily = described(dg.DailyPartitionsDefinition("2026-01-01"))
    port = facts(partitions=daily, registered=0)

    assert due(port, utc("2026-03-02T00:30")) == []
    assert due(port, utc("2026-03-02T01:30"))[-1] == "2026-03-01"


def test_fixed_keys_are_due_like_a_first_publication() -> None:
    regions = described(dg.StaticPartitionsDefinition(["eu", "us"]))
    port = facts(partitions=regions, registered=0, slices={"us": utc("2026-03-02T00:10")})

    assert due(port, utc("2026-03-02T00:59")) == []
    assert due(port, utc("2026-03-02T01:01")) == ["eu"]


def test_with_a_deadline_a_partition_is_due_at_the_first_one_after_its_end() -> None:
    port = port_of(dg.DailyPartitionsDefinition("2026-01-01"))
    promise = Freshness(within=DAY, deadline="0 6 * * *")

    assert due(port, utc("2026-01-03T05:59"), promise) == ["2026-01-01"]
    assert due(port, utc("2026-01-03T06:01"), promise) == ["2026-01-01", "2026-01-02"]


def test_dynamic_partitions_are_not_known_beforehand() -> None:
    assert described(dg.DynamicPartitionsDefinition(name="d")) is None


def test_more_fixed_keys_than_can_be_watched_are_not_watched() -> None:
    many = dg.StaticPartitionsDefinition([str(number) for number in range(10_001)])
    fewer = dg.StaticPartitionsDefinition([str(number) for number in range(101)])

    assert described(many) is None
    assert described(dg.MultiPartitionsDefinition({"a": fewer, "b": fewer})) is None


def test_of_many_combinations_the_newest_are_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partitions, "MOST_COMBINATIONS", 7)
    port = facts(partitions={"keys": [["de", "eu", "us"], DAILY]}, registered=0)

    found = due(port, START + 99 * DAY)

    assert found == [f"{key}|2026-06-0{day}" for key in ("de", "eu", "us") for day in (6, 7)]
