"""Promise what the port of listening holds."""

from typing import Annotated

import pandera.polars as pa
import polars as pl


class StationHour(pa.DataFrameModel):
    """What one station played in one hour in which it played anything."""

    station: str = pa.Field(
        str_matches=r"^[KW][A-Z]{2,3}$", description="Call sign of the radio station."
    )
    hour: Annotated[pl.Datetime, "us", "UTC"] = pa.Field(
        description="Begin of the hour, UTC, included; its end is excluded."
    )
    sessions: int = pa.Field(
        ge=1, description="Sessions with a play in the hour; a pause of over 30 min ends one."
    )
    sessions_begun: int = pa.Field(ge=0, description="Those whose first play is in the hour.")
    plays: int = pa.Field(ge=1, le=3_600, description="Songs begun in the hour.")
    songs: int = pa.Field(ge=1, description="Different songs among them.")
    artists: int = pa.Field(ge=1, description="Different artists among them.")
    longest_pause_seconds: int = pa.Field(
        nullable=True,
        ge=0,
        description="Longest time from the play before to a play of the hour, seconds; empty in "
        "the hour of the station's first play if that is its only one.",
    )

    class Config:
        """A station has one row an hour."""

        unique = ["station", "hour"]  # noqa: RUF012 - pandera reads a list

    @pa.check("hour", name="whole_hour", error="is a whole hour")
    @classmethod
    def whole_hour(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """Catch a moment that is no hour."""
        return data.lazyframe.select(pl.col("hour") == pl.col("hour").dt.truncate("1h"))

    @pa.dataframe_check(name="nested_counts", error="begun <= sessions <= plays, artists <= songs")
    @classmethod
    def nested_counts(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """Hold the counts together."""
        sessions = (pl.col("sessions_begun") <= pl.col("sessions")) & (
            pl.col("sessions") <= pl.col("plays")
        )
        songs = (pl.col("artists") <= pl.col("songs")) & (pl.col("songs") <= pl.col("plays"))
        return data.lazyframe.select(sessions & songs)
