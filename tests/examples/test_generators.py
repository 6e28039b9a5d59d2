from collections.abc import Callable
from datetime import datetime, timezone

import polars as pl
import pytest

from example_domains.catalogue import generator as catalogue
from example_domains.catalogue.source import read_table as read_store
from example_domains.labels import generator as labels
from example_domains.labels.source import read_table as read_labels
from example_domains.media_player import build, source
from example_domains.media_player import generator as media_player
from example_domains.sales import generator as sales
from example_domains.sales.source import read_invoices
from tests.examples import built

pytestmark = pytest.mark.usefixtures("generated")


@pytest.mark.parametrize("files", [catalogue.files, labels.files, media_player.files, sales.files])
def test_a_generator_makes_equal_bytes_at_every_call(
    files: Callable[[], dict[str, bytes]],
) -> None:
    assert files() == files()


def test_generated_files_are_named_as_the_real_ones() -> None:
    names = {*catalogue.files(), *labels.files(), *media_player.files(), *sales.files()}

    assert names == {
        "labels/labels.csv",
        "labels/release_labels.csv",
        "labels/releases.csv",
        "media_player/plays.csv.gz",
        "media_player/song_list.csv",
        "store/Album.csv",
        "store/Artist.csv",
        "store/Genre.csv",
        "store/Invoice.csv",
        "store/InvoiceLine.csv",
        "store/MediaType.csv",
        "store/Track.csv",
    }


def test_generated_plays_have_the_defects_of_the_real_ones() -> None:
    raw = source.read_plays().collect()
    capitals = pl.col("song") == pl.col("song").str.to_uppercase()

    seen = {
        "plays": raw.height,
        "duplicates": build.count_duplicates(raw.lazy()),
        "without a song": raw["song"].null_count(),
        "without an artist": raw["artist"].null_count(),
        "in capitals": raw.filter(capitals).height,
        "unique ids": raw["unique_id"].n_unique(),
    }

    assert seen == {
        "plays": 3_025,
        "duplicates": 25,
        "without a song": 12,
        "without an artist": 4,
        "in capitals": 21,
        "unique ids": 3_025,
    }


def test_a_generated_day_lacks_a_third_of_its_plays() -> None:
    days = built.plays()["played_at"].dt.day().value_counts().sort("played_at")

    assert days["played_at"].to_list() == list(range(16, 23))
    assert days["count"].to_list() == [450, 300, 450, 450, 450, 450, 450]


def test_a_generated_station_falls_silent() -> None:
    last = built.plays().group_by("station").agg(pl.col("played_at").max())

    silent = datetime(2014, 6, 20, 2, tzinfo=timezone.utc)
    assert last.filter(pl.col("played_at") < silent)["station"].to_list() == ["KOLD"]


def test_every_generated_day_has_enough_valid_plays_to_be_published() -> None:
    days = built.plays().group_by(pl.col("played_at").dt.day())

    valid = days.agg(share=pl.col("song").is_not_null().mean())["share"]

    assert valid.min() == pytest.approx(448 / 450)


def test_generated_plays_in_capitals_are_missing_from_the_song_list() -> None:
    names = ["song", "artist"]

    orphans = built.published_plays().join(built.songs(), on=names, how="anti")

    assert (orphans["song"] == orphans["song"].str.to_uppercase()).all()
    assert orphans.height == 18


def test_the_generated_song_list_has_bad_years_and_a_blank_too_many() -> None:
    raw = source.read_song_list().collect()["Song Clean"]

    qualities = dict(built.songs()["year_quality"].value_counts().iter_rows())

    assert qualities == {"given": 93, "missing": 31, "unreadable": 1, "implausible": 1}
    assert (raw != raw.str.strip_chars()).sum() == 1


def test_the_generated_library_has_the_defects_of_the_real_one() -> None:
    tracks = built.tracks()

    seen = {
        "artists": built.artists().height,
        "without an album": (built.artists()["albums"] == 0).sum(),
        "albums": built.albums().height,
        "tracks": tracks.height,
        "without a composer": tracks["composer"].null_count(),
        "no shared titles": not tracks["name"].is_duplicated().any(),
    }

    assert seen == {
        "artists": 30,
        "without an album": 8,
        "albums": 40,
        "tracks": 400,
        "without a composer": 100,
        "no shared titles": False,
    }


def test_generated_invoices_have_the_defects_of_the_real_ones() -> None:
    cities = read_invoices().collect()["BillingCity"]

    invoices = built.invoices()

    assert invoices.height == 120
    assert 60 < invoices["state"].null_count() < 120
    assert 0 < invoices["postal_code"].null_count() < 60
    assert (cities != cities.str.strip_chars()).any()


def test_generated_sales_sell_tracks_of_the_generated_library_at_its_price() -> None:
    strangers = built.lines().join(built.tracks(), on=["track_id", "unit_price"], how="anti")

    assert strangers.height == 0


def test_generated_artists_are_matched_by_name_or_by_normalised_name() -> None:
    matches = built.plays_per_artist()["matched_by"].value_counts()

    assert dict(matches.iter_rows()) == {"exact name": 10, "normalised name": 3, "nothing": 8}


def test_generated_labels_have_the_defects_of_the_real_ones() -> None:
    record_labels, releases, numbers = (
        built.record_labels(),
        built.releases(),
        built.catalogue_numbers(),
    )

    precisions = dict(releases["released_precision"].value_counts().iter_rows())

    assert precisions == {"year": 49, "day": 20, "month": 10, "unknown": 21}
    assert record_labels["homonym_number"].count() > 0
    assert record_labels["profile"].str.contains("\n").any()
    assert record_labels["parent_id"].count() > record_labels["parent_known"].sum() > 0
    assert 0 < numbers["label_known"].sum() < numbers.height / 2
    assert numbers["catalogue_number"].null_count() == 11
    assert numbers["release_id"].is_duplicated().any()


def test_the_word_none_and_the_year_0000_stand_in_generated_tables() -> None:
    numbers = read_labels("release_labels").collect()["catno"]
    dates = read_labels("releases").collect()["released"]

    assert (numbers == "none").sum() == 11
    assert (dates == "0000").sum() == 1


def test_generated_tables_have_the_columns_that_the_domains_read() -> None:
    assert read_store("Track").collect_schema().names() == [
        "TrackId",
        "Name",
        "AlbumId",
        "MediaTypeId",
        "GenreId",
        "Composer",
        "Milliseconds",
        "Bytes",
        "UnitPrice",
    ]
