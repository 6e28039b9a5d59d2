from datetime import date, datetime, timezone

import duckdb
import polars as pl
import pytest

from example_domains.labels import build as labels
from example_domains.listening import build as listening
from example_domains.media_player import build as media_player
from example_domains.royalties import build as royalties
from example_domains.sales import build as sales

_SCRAPED = {
    "song": "Night Train",
    "artist": "Amber Harbour",
    "callsign": "KAMB",
    "time": "1402878494",
    "date_time": "2014-06-16T00:28:14Z",
    "unique_id": "KAMB0001",
}


def _played(station: str, *minutes: int) -> pl.DataFrame:
    begin = datetime(2014, 6, 16, tzinfo=timezone.utc)
    return pl.DataFrame(
        {
            "play_id": [f"{station}{number:04}" for number in range(len(minutes))],
            "station": station,
            "played_at": [begin.replace(hour=m // 60, minute=m % 60) for m in minutes],
            "song": [f"Song {number}" for number in range(len(minutes))],
            "artist": "Amber Harbour",
        }
    )


def _hours(plays: pl.DataFrame) -> list[tuple[object, ...]]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'Asia/Kolkata'")
        hours: pl.DataFrame = listening.hourly(connection.from_arrow(plays.to_arrow())).pl()
    columns = pl.col("hour").dt.convert_time_zone("UTC").dt.hour(), "sessions", "sessions_begun"
    return hours.select(*columns, "plays").rows()


@pytest.mark.parametrize(
    ("played", "stored"),
    [
        ("Rolling Stones", "The Rolling Stones"),
        ("Motley Crue", "Mötley Crüe"),
        ("Jet", "JET"),
        ("AC DC", "AC/DC"),
        ("Guns N Roses", "Guns N'  Roses"),
    ],
)
def test_spellings_of_one_artist_have_one_key(played: str, stored: str) -> None:
    names = pl.DataFrame({"name": [played, stored]})

    keys = names.select(royalties.artist_key(pl.col("name"))).to_series()

    assert keys.n_unique() == 1


def test_names_of_punctuation_alone_stay_apart() -> None:
    names = pl.DataFrame({"name": ["!!!", "???", "The The"]})

    keys = names.select(royalties.artist_key(pl.col("name"))).to_series()

    assert keys.to_list() == ["!!!", "???", "the"]


def test_a_play_scraped_twice_is_one_event() -> None:
    again = _SCRAPED | {"unique_id": "KAMB0002"}
    later = _SCRAPED | {"unique_id": "KAMB0003", "time": "1402878495"}
    raw = pl.LazyFrame([_SCRAPED, again, later])

    events = media_player.events(raw).collect()

    assert events["play_id"].to_list() == ["KAMB0001", "KAMB0003"]
    assert media_player.count_duplicates(raw) == 1


def test_a_day_of_plays_is_a_utc_day() -> None:
    next_day = _SCRAPED | {"date_time": "2014-06-17T00:00:00Z"}
    raw = pl.LazyFrame([_SCRAPED, next_day])

    of_day = media_player.plays_of_day(raw, "2014-06-17").collect()

    assert of_day["date_time"].to_list() == ["2014-06-17T00:00:00Z"]


@pytest.mark.parametrize(
    ("written", "day", "precision"),
    [
        ("1999", date(1999, 1, 1), "year"),
        ("1999-00-00", date(1999, 1, 1), "year"),
        ("1999-03-00", date(1999, 3, 1), "month"),
        ("1999-07-13", date(1999, 7, 13), "day"),
        ("2000-10-10", date(2000, 10, 10), "day"),
        ("0000", None, "unknown"),
        ("1999-02-30", None, "unknown"),
        (None, None, "unknown"),
    ],
)
def test_a_release_date_says_how_exact_it_is(
    written: str | None, day: date | None, precision: str
) -> None:
    names = ("release_id", "status", "title", "country", "released", "master_id", "data_quality")
    row = ("1", "Accepted", "EP", None, written, None, "Correct")
    raw = pl.LazyFrame([row], schema=dict.fromkeys(names, pl.String), orient="row")

    release = labels.releases(raw).collect()

    assert release.select("released_on", "released_precision").row(0) == (day, precision)


def test_money_is_added_exactly() -> None:
    raw_lines = pl.LazyFrame(
        {
            "InvoiceLineId": ["1", "2", "3"],
            "InvoiceId": ["1", "1", "1"],
            "TrackId": ["1", "2", "3"],
            "UnitPrice": ["0.10", "0.10", "0.10"],
            "Quantity": ["1", "1", "1"],
        }
    )
    raw_invoices = pl.LazyFrame({"InvoiceId": ["1"], "InvoiceDate": ["2021-01-01 00:00:00"]})

    amount = sales.lines(raw_lines, raw_invoices).collect()["amount"]

    assert str(amount.sum()) == "0.30"


def test_a_pause_of_over_thirty_minutes_ends_a_session() -> None:
    plays = _played("KAMB", 0, 30, 59, 75, 119)

    hours = _hours(plays)

    assert hours == [(0, 1, 1, 3), (1, 2, 1, 2)]


def test_plays_of_one_second_are_in_one_session() -> None:
    plays = _played("KAMB", 0, 45, 45, 45)

    hours = _hours(plays)

    assert hours == [(0, 2, 2, 4)]


def test_stations_have_their_own_sessions() -> None:
    plays = pl.concat([_played("KAMB", 0, 20), _played("WROC", 10, 25)])

    hours = _hours(plays)

    assert hours == [(0, 1, 1, 2), (0, 1, 1, 2)]
