"""Two small products, a source and its consumer, as teams would declare them.

The source is partitioned by day. Environment variables plant faults at run time, so that one set of
definitions serves good and bad days, in this process and in others.
"""

import os
from datetime import datetime, timedelta, timezone

import dagster as dg
import duckdb
import pandera.polars as pa
import polars as pl
from pyarrow import Table  # type: ignore[import-untyped]  # it ships no types

import mesh_dagster as md

DAYS = dg.DailyPartitionsDefinition(start_date="2026-01-01", end_date="2026-01-04")
FIRST, SECOND, THIRD = DAYS.get_partition_keys()
FAULT = "MESH_TEST_FAULT"
CANARY = "canary-7f3a"

EVENTS = dg.AssetKey(["media_player", "plays", "v1", "events"])
RAW_PLAYS = dg.AssetKey(["media_player", "plays", "internal", "raw_plays"])
BY_STATION = dg.AssetKey(["payments", "royalties", "v1", "by_station"])
BY_SONG = dg.AssetKey(["payments", "royalties", "v1", "by_song"])
COUNTED = dg.AssetKey(["payments", "royalties", "internal", "counted"])


class Play(pa.DataFrameModel):
    """One play of a song by a station."""

    play_id: int = pa.Field(ge=0, unique=True, description="Number of the play.")
    station: str = pa.Field(isin=["KSLX", "WAPL"])
    song: str = pa.Field(nullable=False)
    played_at: pl.Datetime("us", "UTC")  # type: ignore[valid-type]  # pandera's own notation


class StationPlays(pa.DataFrameModel):
    """Plays of one station."""

    station: str = pa.Field(unique=True)
    plays: int = pa.Field(ge=1)


class SongPlays(pa.DataFrameModel):
    """Plays of one song."""

    song: str = pa.Field(unique=True)
    plays: int = pa.Field(ge=1)


plays = md.DataProduct(
    domain="media_player",
    name="plays",
    version="1.2.0",
    owner="team:media-player",
    alignment="source",
    purpose="Every song a station played, as it happened.",
    tags={"tier": "gold"},
)


@plays.internal(partitions=DAYS, cadence="0 * * * *")
def raw_plays(context: dg.AssetExecutionContext) -> pl.LazyFrame:
    """Plays of one day as they came."""
    day = datetime.fromisoformat(context.partition_key).replace(tzinfo=timezone.utc)
    song = None if os.environ.get(FAULT) == "null_song" else f"{CANARY} {day.day}"
    return pl.LazyFrame(
        {
            "play_id": [day.day * 100 + number for number in range(10)],
            "station": ["KSLX"] * 6 + ["WAPL"] * 4,
            "song": [song] + [f"{CANARY} song"] * 9,
            "played_at": [day + timedelta(hours=number) for number in range(10)],
        },
        schema_overrides={"played_at": pl.Datetime("us", "UTC"), "song": pl.String},
    )


@plays.port(
    contract=Play,
    freshness=md.Freshness(within=timedelta(hours=1), by="played_at"),
    quality=md.Quality(valid_rows=0.9, otherwise="quarantine"),
    partitions=DAYS,
    partition_column="played_at",
)
def events(raw_plays: pl.LazyFrame) -> pl.LazyFrame:
    """Every play once."""
    if os.environ.get(FAULT) == "bad_station":
        return raw_plays.with_columns(station=pl.lit(CANARY))
    if os.environ.get(FAULT) == "wrong_day":
        return raw_plays.with_columns(pl.col("played_at").dt.offset_by("1d"))
    return raw_plays


royalties = md.DataProduct(
    domain="payments",
    name="royalties",
    version="1.0.0",
    owner="payments@example.com",
    alignment="consumer",
    purpose="What is owed for plays.",
    inputs={"plays": md.InputPort("mesh://media_player/plays/v1/events")},
)


@royalties.internal
def counted(plays: Table) -> pl.DataFrame:
    """Plays of each song, counted in memory."""
    frame = pl.DataFrame(plays)
    return frame.group_by("song").agg(plays=pl.len().cast(pl.Int64))


@royalties.port(contract=StationPlays)
def by_station(plays: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
    """Plays of each station, counted in SQL."""
    counted = plays.query("plays", "SELECT station, count(*) AS plays FROM plays GROUP BY station")
    assert counted is not None  # a query that selects always gives a relation
    return counted


@royalties.port(contract=SongPlays)
def by_song(counted: pl.DataFrame) -> Table:
    """Plays of each song."""
    return counted.to_arrow()


defs = md.definitions(plays, royalties)


def many_processes() -> dg.JobDefinition:
    """Every asset of the consumer, one process for each step."""
    selection = dg.AssetSelection.groups("payments/royalties", "payments/royalties/internal")
    job = dg.define_asset_job(
        "everything", selection=selection, executor_def=dg.multiprocess_executor
    )
    location = dg.Definitions.merge(defs, dg.Definitions(jobs=[job]))
    return location.resolve_job_def("everything")
