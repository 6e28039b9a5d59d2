"""Promise what the ports of the media player hold."""

from datetime import datetime, timezone
from typing import Annotated

import pandera.polars as pa
import polars as pl

FIRST = datetime(2014, 6, 16, tzinfo=timezone.utc)
END = datetime(2014, 6, 23, tzinfo=timezone.utc)
_TRIMMED = r"^\S(.*\S)?$"
_CALL_SIGN = r"^[KW][A-Z]{2,3}$"


class Play(pa.DataFrameModel):
    """One song as one station played it; a play never changes afterwards."""

    play_id: str = pa.Field(
        unique=True,
        str_matches=r"^[KW][A-Z]{2,3}[0-9]{4}$",
        description="Identity of the play: the station's call sign and its running number.",
    )
    station: str = pa.Field(
        str_matches=_CALL_SIGN, description="Call sign of the radio station that played the song."
    )
    played_at: Annotated[pl.Datetime, "us", "UTC"] = pa.Field(
        ge=FIRST, lt=END, description="When the song began, UTC, to the second."
    )
    song: str = pa.Field(
        str_matches=_TRIMMED,
        str_length={"max_value": 200},
        description="Title as the station spelled it, blanks tidied.",
    )
    artist: str = pa.Field(
        str_matches=_TRIMMED,
        str_length={"max_value": 200},
        description="Artist as the station spelled it, blanks tidied.",
    )

    class Config:
        """One station plays a song of an artist once in a second."""

        unique = ["station", "played_at", "song", "artist"]  # noqa: RUF012 - pandera reads a list

    @pa.dataframe_check(name="of_the_station", error="play_id begins with station")
    @classmethod
    def of_the_station(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """Hold the two spellings of the call sign together."""
        return data.lazyframe.select(pl.col("play_id").str.starts_with(pl.col("station")))


class ListedSong(pa.DataFrameModel):
    """One song of the list that the publisher kept beside the plays."""

    song: str = pa.Field(str_matches=_TRIMMED, description="Title, blanks tidied.")
    artist: str = pa.Field(str_matches=_TRIMMED, description="Artist, blanks tidied.")
    listed_as: str = pa.Field(
        unique=True,
        str_matches=r"^\S.* by .*\S$",
        description="The list's own key, 'title by artist'; its spelling is not always that of "
        "the title.",
    )
    release_year: pl.Int32 = pa.Field(
        nullable=True,
        ge=1950,
        le=2014,
        description="Year of the first release; empty where the list gives none that can be used.",
    )
    year_quality: str = pa.Field(
        isin=["given", "missing", "unreadable", "implausible"],
        description="What the list said of the year: given, missing, unreadable (no number) or "
        "implausible (a number that is no year of recorded rock).",
    )
    plays_listed: int = pa.Field(
        ge=0, le=100_000, description="Plays in the week, as the list counts them."
    )
    plays_with_year: int = pa.Field(
        ge=0, description="The same, counted by the list only where it has the year."
    )
    year_listed: bool = pa.Field(description="Whether the list claims to have the year.")
    first_listed: bool = pa.Field(
        eq=True, description="Whether this is the song's first row in the list; always so."
    )

    class Config:
        """A song stands in the list once."""

        unique = ["song", "artist"]  # noqa: RUF012 - pandera reads a list

    @pa.dataframe_check(name="year_as_judged", error="release_year is there when given")
    @classmethod
    def year_as_judged(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """Hold the year and the judgement on it together."""
        given = pl.col("year_quality") == "given"
        return data.lazyframe.select(pl.col("release_year").is_not_null() == given)

    @pa.dataframe_check(name="plays_by_year", error="plays_with_year = plays_listed or 0")
    @classmethod
    def plays_by_year(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """Hold the two counts of plays together."""
        expected = pl.when("year_listed").then("plays_listed").otherwise(0)
        return data.lazyframe.select(pl.col("plays_with_year") == expected)
