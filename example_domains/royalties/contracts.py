"""Promise what the ports of royalties hold, and state what they rely on."""

from datetime import date
from decimal import Decimal
from typing import Annotated

import pandera.polars as pa
import polars as pl

_TRIMMED = r"^\S(.*\S)?$"


class LineSold(pa.DataFrameModel):
    """What royalties rely on in a line of an invoice."""

    invoiced_on: pl.Date = pa.Field(description="Says in which month it was earned.")
    track_id: int = pa.Field(description="Leads to the artist who earned it.")
    quantity: int = pa.Field(ge=1, description="A return would be no sale.")
    amount: Annotated[pl.Decimal, 10, 2] = pa.Field(
        ge=Decimal("0.01"), le=Decimal("1999.00"), description="US dollars, whatever was sold."
    )


class TrackOfArtist(pa.DataFrameModel):
    """What royalties rely on in a track."""

    track_id: int = pa.Field(unique=True, description="Stands once, so that no sale counts twice.")
    artist_id: int = pa.Field(description="Never empty, so that no sale is left over.")


class NamedArtist(pa.DataFrameModel):
    """What royalties rely on in an artist."""

    artist_id: int = pa.Field(unique=True, description="Stands once, so that no sale counts twice.")
    name: str = pa.Field(description="Compared with the names that the stations give.")


class MonthlyEarnings(pa.DataFrameModel):
    """What one artist earned by sales in one month."""

    artist_id: int = pa.Field(ge=1, description="The catalogue's number of the artist.")
    artist: str = pa.Field(str_matches=_TRIMMED, description="Name as the catalogue spells it.")
    month: pl.Date = pa.Field(ge=date(2009, 1, 1), description="First day of the month, UTC.")
    copies: int = pa.Field(ge=1, description="Copies of tracks sold.")
    earned: Annotated[pl.Decimal, 10, 2] = pa.Field(
        ge=Decimal("0.01"), description="Amount of those sales, US dollars."
    )

    class Config:
        """An artist has one row a month, if anything was sold."""

        unique = ["artist_id", "month"]  # noqa: RUF012 - pandera reads a list

    @pa.check("month", name="first_day", error="is the first day of a month")
    @classmethod
    def first_day(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """Catch a day that is no month."""
        return data.lazyframe.select(pl.col("month").dt.day() == 1)

    @pa.dataframe_check(name="paid_copies", error="earned is 0.01 to 19.99 a copy")
    @classmethod
    def paid_copies(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """Catch an amount in the wrong unit."""
        earned, copies = pl.col("earned").cast(pl.Float64), pl.col("copies")
        # Half a cent of slack, for the binary fractions.
        least, most = 0.01 * copies - 0.005, 19.99 * copies + 0.005
        return data.lazyframe.select(earned.is_between(least, most))


class ArtistPlays(pa.DataFrameModel):
    """How often one artist was played, and which artist of the catalogue that is."""

    played_as: str = pa.Field(
        unique=True, str_matches=_TRIMMED, description="Name as the radio stations spell it."
    )
    plays: int = pa.Field(ge=1, description="Plays under this spelling.")
    artist_key: str = pa.Field(
        str_matches=r"^[^A-Z\s]+( [^A-Z\s]+)*$",
        description="The name by which the two are joined: no case, no accents, no punctuation, "
        "no leading 'The'.",
    )
    artist_id: int = pa.Field(
        nullable=True, ge=1, description="The catalogue's number; empty where it has no such name."
    )
    artist: str = pa.Field(
        nullable=True, str_matches=_TRIMMED, description="The catalogue's spelling of the name."
    )
    matched_by: str = pa.Field(
        isin=["exact name", "normalised name", "nothing"],
        description="Whether the spellings agree as they are, agree as keys, or do not agree.",
    )

    @pa.dataframe_check(name="whole_match", error="artist and artist_id are there when matched")
    @classmethod
    def whole_match(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """Hold the match and what it found together."""
        matched = pl.col("matched_by") != "nothing"
        named = pl.col("artist").is_not_null() == matched
        numbered = pl.col("artist_id").is_not_null() == matched
        return data.lazyframe.select(named & numbered)

    @pa.dataframe_check(name="same_name", error="played_as = artist for an exact name")
    @classmethod
    def same_name(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """Let no spelling be called exact that is not."""
        exact = pl.col("matched_by") == "exact name"
        same = pl.col("played_as").eq_missing(pl.col("artist"))
        return data.lazyframe.select(exact == same)
