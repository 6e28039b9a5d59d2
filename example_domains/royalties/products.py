"""Declare what royalties offers: earnings by month, and plays by artist."""

from datetime import timedelta

import polars as pl

import mesh_dagster as md
from example_domains.royalties import build, contracts

royalties = md.DataProduct(
    domain="royalties",
    name="royalties",
    version="1.0.0",
    owner="team:royalties",
    alignment="consumer",
    purpose="What each artist earned by sales, and how often the stations played each artist.",
    inputs={
        "lines": md.InputPort("mesh://sales/invoices/v1/lines", expects=contracts.LineSold),
        "tracks": md.InputPort("mesh://catalogue/music/v1/tracks", expects=contracts.TrackOfArtist),
        "artists": md.InputPort("mesh://catalogue/music/v1/artists", expects=contracts.NamedArtist),
        "plays": md.InputPort("mesh://media_player/plays/v1/events", columns=["artist"]),
    },
)

_WITHIN_A_DAY = md.Freshness(within=timedelta(days=1))


@royalties.port(contract=contracts.MonthlyEarnings, freshness=_WITHIN_A_DAY)
def monthly(lines: pl.LazyFrame, tracks: pl.LazyFrame, artists: pl.LazyFrame) -> pl.LazyFrame:
    """What each artist earned by sales in each month."""
    return build.monthly(lines, tracks, artists)


@royalties.port(contract=contracts.ArtistPlays, freshness=_WITHIN_A_DAY)
def plays_per_artist(plays: pl.LazyFrame, artists: pl.LazyFrame) -> pl.LazyFrame:
    """How often each artist was played, joined to the catalogue by a normalised name."""
    return build.plays_per_artist(plays, artists)
