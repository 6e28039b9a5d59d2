from datetime import date, datetime, timedelta, timezone
from typing import Annotated

import pandera.polars as pa
import polars as pl
import pytest

from mesh_dagster.declare.port import OutputPort
from mesh_dagster.declare.slo import EARLIEST_EVENT, Freshness
from mesh_dagster.errors import TooManyGroupsError
from mesh_dagster.run.groups import newest_events
from mesh_dagster.run.registry import Publication, Registry
from mesh_dagster.run.store import Store
from tests.run.scenario import NOW, port_of, publish_well

HOUR = timedelta(hours=1)
EACH = Freshness(within=HOUR, by="at", per="station", window=timedelta(days=2))
MONDAY = datetime(2026, 3, 2, tzinfo=timezone.utc)


class Play(pa.DataFrameModel):
    station: str = pa.Field(nullable=True)
    at: Annotated[pl.Datetime, "us", "UTC"] = pa.Field(nullable=True)
    day: str


def port() -> OutputPort:
    return port_of(Play, freshness=EACH)


def plays(**hours: float | None) -> pl.DataFrame:
    """Return one play for each station, so many hours after Monday began."""
    times = [None if h is None else MONDAY + h * HOUR for h in hours.values()]
    columns = {"station": list(hours), "at": times, "day": ["mon"] * len(hours)}
    schema = {"station": pl.String(), "at": pl.Datetime("us", "UTC"), "day": pl.String()}
    return pl.DataFrame(columns, schema=schema)


def recorded(publication: Publication) -> tuple[dict[str, str], datetime | None]:
    """Return what the registry keeps, which is what the commit carries."""
    known = Registry(Store.at().registry_url).latest()[publication.address]
    assert known == publication
    return dict(known.groups), known.oldest_group


def iso(hours: float) -> str:
    return (MONDAY + hours * HOUR).isoformat()


def test_a_publication_carries_the_newest_event_of_each_group() -> None:
    batch = pl.concat([plays(KSLX=1, WAAF=5), plays(KSLX=3)])

    made = publish_well(batch, port()).publication

    assert recorded(made) == ({"KSLX": iso(3), "WAAF": iso(5)}, MONDAY + 3 * HOUR)


def test_rows_without_a_group_or_a_time_do_not_count() -> None:
    nameless = plays(KSLX=9).with_columns(station=pl.lit(None, pl.String))

    made = publish_well(pl.concat([plays(KSLX=1, WAAF=None), nameless]), port()).publication

    assert recorded(made) == ({"KSLX": iso(1)}, MONDAY + HOUR)


def test_a_partition_adds_to_what_is_known_of_the_whole_port() -> None:
    publish_well(plays(KSLX=1, WAAF=5), port(), "mon")

    made = publish_well(plays(WAAF=2, KZOK=9), port(), "tue").publication

    assert recorded(made) == (
        {"KSLX": iso(1), "KZOK": iso(9), "WAAF": iso(5)},
        MONDAY + HOUR,
    )


def test_groups_stay_known_when_the_table_first_learns_another_type() -> None:
    zoneless = Play.to_schema().add_columns({"noted": pa.Column(pl.Datetime("us"), nullable=True)})
    publish_well(plays(KSLX=1), port(), "mon")
    batch = plays(WAAF=2).with_columns(noted=pl.lit(None, pl.Datetime("us")))

    made = publish_well(batch, port_of(zoneless, freshness=EACH), "tue").publication

    assert recorded(made) == ({"KSLX": iso(1), "WAAF": iso(2)}, MONDAY + HOUR)


def test_a_group_that_ended_more_than_a_window_ago_is_forgotten() -> None:
    publish_well(plays(KSLX=1), port(), "mon")

    made = publish_well(plays(WAAF=50), port(), "wed").publication

    assert recorded(made) == ({"WAAF": iso(50)}, MONDAY + 50 * HOUR)


def test_a_group_with_a_wrong_clock_ends_no_other() -> None:
    now = (NOW - MONDAY) / HOUR

    made = publish_well(plays(KSLX=now - 40, WAAF=now - 1, ODD=now + 99_999), port()).publication

    assert recorded(made) == (
        {"KSLX": iso(now - 40), "ODD": NOW.isoformat(), "WAAF": iso(now - 1)},
        MONDAY + (now - 40) * HOUR,
    )


def test_the_name_of_a_group_neither_starts_a_line_nor_steers_a_terminal() -> None:
    made = publish_well(plays(**{"KSLX\n\x1b[2J\u2028\0Ü": 1}), port()).publication

    assert recorded(made) == ({"KSLX  [2J  Ü": iso(1)}, MONDAY + HOUR)


def test_an_empty_batch_has_no_groups() -> None:
    made = publish_well(plays(), port()).publication

    assert recorded(made) == ({}, None)


def test_more_groups_than_can_be_watched_are_refused() -> None:
    publish_well(plays(KSLX=1), port())
    many = pl.select(
        station=pl.int_range(10_001).cast(pl.String),
        at=pl.lit(MONDAY).cast(pl.Datetime("us", "UTC")),
        day=pl.lit("mon"),
    )

    with pytest.raises(TooManyGroupsError) as refused:
        publish_well(many, port())

    assert str(refused.value) == (
        "'mesh://sales/orders/v1/lines' promises freshness per 'station', which has more than "
        "10,000 values. Nothing was published; version 0 stays current. Name a column with fewer "
        "values."
    )


def test_groups_that_have_ended_never_crowd_out_those_that_live() -> None:
    ended = pl.select(
        station=pl.int_range(30_000).cast(pl.String),
        at=pl.lit(MONDAY).cast(pl.Datetime("us", "UTC")),
        day=pl.lit("mon"),
    )

    made = publish_well(pl.concat([ended, plays(KSLX=50, WAAF=60)]), port()).publication

    assert recorded(made) == ({"KSLX": iso(50), "WAAF": iso(60)}, MONDAY + 50 * HOUR)


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        (pl.Series([date(2026, 3, 2)]), MONDAY),
        (pl.Series([datetime(2026, 3, 2)]), MONDAY),  # noqa: DTZ001 - no zone is the case
        (
            pl.Series([MONDAY]).dt.convert_time_zone("Europe/Berlin").dt.cast_time_unit("ms"),
            MONDAY,
        ),
        (pl.Series([date(1, 1, 1)]), EARLIEST_EVENT),
        (pl.Series([-(2**62)]).cast(pl.Datetime("us")), EARLIEST_EVENT),
    ],
)
def test_times_of_every_kind_are_read_as_utc(times: pl.Series, expected: datetime) -> None:
    frame = pl.DataFrame({"station": [7], "at": times})

    assert newest_events(frame.lazy(), EACH, NOW) == {"7": expected}


def test_days_that_are_no_times_do_not_count() -> None:
    days = pl.Series([-(2**31), 2**31 - 1, 0], dtype=pl.Int32).cast(pl.Date)
    frame = pl.DataFrame({"station": [7, 7, 7], "at": days})

    assert newest_events(frame.lazy(), EACH, NOW) == {
        "7": datetime(1970, 1, 1, tzinfo=timezone.utc)
    }
