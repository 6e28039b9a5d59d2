"""Declare what the catalogue offers: the store's music library."""

from datetime import timedelta

import polars as pl

import mesh_dagster as md
from example_domains.catalogue import build, contracts, source

music = md.DataProduct(
    domain="catalogue",
    name="music",
    version="1.0.0",
    owner="team:catalogue",
    alignment="source",
    purpose="Artists, albums and tracks that the store has for sale.",
)

_DAILY = "0 4 * * *"
_WITHIN_TWO_DAYS = md.Freshness(within=timedelta(days=2))


@music.internal(cadence=_DAILY)
def raw_artists() -> pl.LazyFrame:
    """Table of artists as the store keeps it."""
    return source.read_table("Artist")


@music.internal(cadence=_DAILY)
def raw_albums() -> pl.LazyFrame:
    """Table of albums as the store keeps it."""
    return source.read_table("Album")


@music.internal(cadence=_DAILY)
def raw_tracks() -> pl.LazyFrame:
    """Table of tracks as the store keeps it, with the names of genre and media type."""
    return build.named_tracks(
        source.read_table("Track"), source.read_table("Genre"), source.read_table("MediaType")
    )


@music.port(contract=contracts.Artist, freshness=_WITHIN_TWO_DAYS)
def artists(raw_artists: pl.LazyFrame, raw_albums: pl.LazyFrame) -> pl.LazyFrame:
    """Every artist of the library, those without an album included."""
    return build.artists(raw_artists, raw_albums)


@music.port(contract=contracts.Album, freshness=_WITHIN_TWO_DAYS)
def albums(
    raw_albums: pl.LazyFrame, raw_artists: pl.LazyFrame, raw_tracks: pl.LazyFrame
) -> pl.LazyFrame:
    """Every album of the library, with its artist."""
    return build.albums(raw_albums, raw_artists, raw_tracks)


@music.port(contract=contracts.Track, freshness=_WITHIN_TWO_DAYS)
def tracks(raw_tracks: pl.LazyFrame, raw_albums: pl.LazyFrame) -> pl.LazyFrame:
    """Every track that is for sale, with its artist, genre and price."""
    return build.tracks(raw_tracks, raw_albums)
