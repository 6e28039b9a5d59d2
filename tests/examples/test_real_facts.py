from datetime import datetime, timezone
from decimal import Decimal

import polars as pl
import pytest

from example_domains.media_player import build, source
from example_domains.royalties.build import plays_per_artist
from tests.examples import built

pytestmark = pytest.mark.usefixtures("real")


def _matches(frame: pl.DataFrame) -> dict[str, tuple[int, int]]:
    counted = frame.group_by("matched_by").agg(pl.len(), pl.col("plays").sum())
    return {name: (artists, plays) for name, artists, plays in counted.iter_rows()}


def test_37673_plays_are_read_and_305_true_duplicates_removed() -> None:
    raw = source.read_plays()

    assert raw.collect().height == 37_673
    assert build.count_duplicates(raw) == 305
    assert built.plays().height == 37_673 - 305


def test_true_duplicates_are_counted_day_by_day() -> None:
    days = [build.plays_of_day(source.read_plays(), f"2014-06-{day}") for day in range(16, 23)]

    rows = [day.collect().height for day in days]

    assert rows == [5_775, 4_098, 5_842, 5_814, 5_582, 5_531, 5_031]
    assert sum(build.count_duplicates(day) for day in days) == 305


def test_26_plays_have_no_song_and_8_of_them_no_artist() -> None:
    plays = built.plays()

    songless = plays.filter(pl.col("song").is_null())

    assert songless.height == 26
    assert songless["artist"].null_count() == plays["artist"].null_count() == 8
    assert built.published_plays().height == 37_342


def test_25_stations_play_and_kslx_falls_silent() -> None:
    last = built.plays().group_by("station").agg(pl.col("played_at").max())

    silent = datetime(2014, 6, 20, 1, 59, 35, tzinfo=timezone.utc)
    assert last.height == 25
    assert last.sort("played_at").row(0) == ("KSLX", silent)


def test_the_song_list_has_2229_songs_and_578_unusable_years() -> None:
    songs = built.songs()

    qualities = dict(songs["year_quality"].value_counts().iter_rows())

    assert qualities == {"given": 1_651, "missing": 576, "unreadable": 1, "implausible": 1}
    assert songs.height == songs["listed_as"].n_unique() == 2_229
    assert songs["plays_listed"].sum() == 37_625
    assert songs.filter(pl.col("year_quality") == "implausible")["song"].to_list() == ["Levon"]


def test_the_catalogue_has_275_artists_71_of_them_without_an_album() -> None:
    artists = built.artists()

    assert artists.height == 275
    assert (artists["albums"] == 0).sum() == 71
    assert artists["albums"].sum() == built.albums().height == 347


def test_the_catalogue_has_3503_tracks_977_of_them_without_a_composer() -> None:
    tracks = built.tracks()

    assert tracks.height == built.albums()["tracks"].sum() == 3_503
    assert tracks["composer"].null_count() == 977
    assert tracks["name"].is_duplicated().sum() == 445
    assert tracks["genre"].n_unique() == 25


def test_1519_tracks_were_never_sold() -> None:
    unsold = built.tracks().join(built.lines(), on="track_id", how="anti")

    assert unsold.height == 1_519


def test_412_invoices_are_the_sum_of_their_2240_lines() -> None:
    invoices, lines = built.invoices(), built.lines()

    assert invoices.height == (invoices["total"] == invoices["lines_total"]).sum() == 412
    assert lines.height == invoices["lines"].sum() == 2_240
    assert invoices["total"].sum() == lines["amount"].sum() == Decimal("2328.60")


def test_202_invoices_have_no_state_and_28_no_postal_code() -> None:
    invoices = built.invoices()

    assert invoices["state"].null_count() == 202
    assert invoices["postal_code"].null_count() == 28


def test_165_artists_earned_2328_60() -> None:
    monthly = built.monthly()

    assert monthly["artist_id"].n_unique() == 165
    assert monthly["earned"].sum() == Decimal("2328.60")
    assert monthly["copies"].sum() == 2_240


def test_of_476_played_artists_52_are_in_the_catalogue_with_14586_plays() -> None:
    raw, artists = source.read_plays(), built.artists().lazy()

    matches = _matches(plays_per_artist(raw, artists).collect())

    assert matches == {
        "exact name": (49, 13_266),
        "normalised name": (52 - 49, 14_586 - 13_266),
        "nothing": (476 - 52, 37_673 - 8 - 14_586),
    }


def test_of_the_published_plays_14480_are_of_52_artists_of_the_catalogue() -> None:
    """Neither duplicates nor plays without a song are published."""
    matches = _matches(built.plays_per_artist())

    assert matches == {
        "exact name": (49, 13_189),
        "normalised name": (3, 1_291),
        "nothing": (424, 22_862),
    }


def test_47_artists_were_sold_and_played_under_one_name() -> None:
    sold = built.monthly().group_by("artist").agg(pl.col("earned").sum())

    both = sold.join(built.plays_per_artist(), left_on="artist", right_on="played_as", how="semi")

    assert both.height == 47
    assert both["earned"].sum() == Decimal("1186.02")


def test_99_of_1000_labels_have_namesakes_and_75_of_83_owners_are_unknown() -> None:
    record_labels = built.record_labels()

    qualities = dict(record_labels["data_quality"].value_counts().iter_rows())

    assert record_labels.height == 1_000
    assert record_labels["homonym_number"].count() == 99
    assert record_labels["profile"].null_count() == 758
    assert record_labels["parent_id"].count() == 83
    assert record_labels["parent_known"].sum() == 83 - 75
    assert qualities == {
        "Needs Major Changes": 706,
        "Needs Vote": 183,
        "Correct": 109,
        "Complete and Correct": 2,
    }


def test_release_dates_are_known_to_the_day_month_or_year() -> None:
    """Of 571 dates of a bare year one is 0000; of 75 with 00 parts 18 are years."""
    releases = built.releases()

    precisions = dict(releases["released_precision"].value_counts().iter_rows())

    assert precisions == {
        "day": 311 - 75,
        "month": 75 - 18,
        "year": 571 - 1 + 18,
        "unknown": 118 + 1,
    }
    assert releases["country"].null_count() == 30
    assert releases["master_id"].null_count() == 385


def test_123_of_1135_catalogue_numbers_are_none_and_1026_labels_unknown() -> None:
    numbers = built.catalogue_numbers()

    assert numbers.height == 1_135
    assert numbers["catalogue_number"].null_count() == 123
    assert (~numbers["label_known"]).sum() == 1_026


def test_every_published_play_is_in_an_hour_of_its_station() -> None:
    hours = built.hourly()

    assert hours.height == 2_946
    assert hours["plays"].sum() == 37_342
    assert hours["sessions_begun"].sum() == 2_970
    assert hours["station"].n_unique() == 25
