"""Declare what the media player offers: the plays of the stations, and the list of songs."""

from datetime import timedelta

import dagster as dg
import polars as pl

import mesh_dagster as md
from example_domains.media_player import build, contracts, source

DAYS = dg.DailyPartitionsDefinition(start_date="2014-06-16", end_date="2014-06-23")

plays = md.DataProduct(
    domain="media_player",
    name="plays",
    version="1.0.0",
    owner="team:media-player",
    alignment="source",
    purpose="Every song a radio station played, as it happened.",
)


@plays.internal(cadence="0 * * * *", partitions=DAYS)
def raw_plays(context: dg.AssetExecutionContext) -> pl.LazyFrame:
    """Plays of one UTC day as they were scraped."""
    return build.plays_of_day(source.read_plays(), context.partition_key)


@plays.port(
    contract=contracts.Play,
    freshness=md.Freshness(within=timedelta(hours=24), by="played_at"),
    quality=md.Quality(valid_rows=0.99, otherwise="quarantine"),
    partitions=DAYS,
    partition_column="played_at",
)
def events(context: dg.AssetExecutionContext, raw_plays: pl.LazyFrame) -> pl.LazyFrame:
    """Every play once, as a timed event; plays without a song or artist are in quarantine."""
    removed = build.count_duplicates(raw_plays)
    context.add_asset_metadata({"true_duplicates_removed": removed})
    return build.events(raw_plays)


songs = md.DataProduct(
    domain="media_player",
    name="songs",
    version="1.0.0",
    owner="team:media-player",
    alignment="source",
    purpose="The songs that the stations played in the week, with the year of each.",
)


@songs.internal(cadence="0 5 * * *")
def raw_song_list() -> pl.LazyFrame:
    """List of songs as its publisher wrote it."""
    return source.read_song_list()


@songs.port(contract=contracts.ListedSong, freshness=md.Freshness(within=timedelta(days=7)))
def catalogue(raw_song_list: pl.LazyFrame) -> pl.LazyFrame:
    """List of songs with plain column names; a year that cannot be one is empty."""
    return build.song_list(raw_song_list)
