"""Promise what the ports of the catalogue hold."""

from decimal import Decimal
from typing import Annotated

import pandera.polars as pa
import polars as pl

_TRIMMED = r"^\S(.*\S)?$"


class Artist(pa.DataFrameModel):
    """One artist of the store's music library."""

    artist_id: int = pa.Field(unique=True, ge=1, description="The store's number of the artist.")
    name: str = pa.Field(
        unique=True, str_matches=_TRIMMED, description="Name as the store spells it."
    )
    albums: int = pa.Field(
        ge=0, le=10_000, description="Albums in the library; 0 for an artist without one."
    )


class Album(pa.DataFrameModel):
    """One album of the store's music library."""

    album_id: int = pa.Field(unique=True, ge=1, description="The store's number of the album.")
    title: str = pa.Field(str_matches=_TRIMMED, description="Title as the store spells it.")
    artist_id: int = pa.Field(ge=1, description="The artist under whom the album stands.")
    artist: str = pa.Field(
        str_matches=_TRIMMED, description="That artist's name; never empty, so none is unknown."
    )
    tracks: int = pa.Field(ge=1, le=1_000, description="Tracks on the album.")

    class Config:
        """An artist has a title once."""

        unique = ["artist_id", "title"]  # noqa: RUF012 - pandera reads a list


class Track(pa.DataFrameModel):
    """One track of the store's music library, as it is offered for sale."""

    track_id: int = pa.Field(unique=True, ge=1, description="The store's number of the track.")
    name: str = pa.Field(
        str_matches=_TRIMMED, description="Title; many tracks share one, even of one artist."
    )
    album_id: int = pa.Field(ge=1, description="The album that the track is on.")
    artist_id: int = pa.Field(
        ge=1, description="The artist of that album; never empty, so no album is unknown."
    )
    genre: str = pa.Field(str_matches=_TRIMMED, description="Name of the genre.")
    media_type: str = pa.Field(
        isin=[
            "MPEG audio file",
            "Protected AAC audio file",
            "Protected MPEG-4 video file",
            "Purchased AAC audio file",
            "AAC audio file",
        ],
        description="Format of the file that is sold.",
    )
    composer: str = pa.Field(
        nullable=True,
        str_matches=_TRIMMED,
        description="Composers in one text, spelled in several ways; empty where not recorded.",
    )
    duration_ms: int = pa.Field(ge=1_000, le=86_400_000, description="Length, milliseconds.")
    size_bytes: int = pa.Field(ge=1, description="Size of the file, bytes.")
    unit_price: Annotated[pl.Decimal, 10, 2] = pa.Field(
        ge=Decimal("0.01"), le=Decimal("19.99"), description="Price of one copy, US dollars."
    )

    @pa.dataframe_check(name="dense_enough", error="size_bytes within 1 to 1000 per millisecond")
    @classmethod
    def dense_enough(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """Catch a length or a size in the wrong unit."""
        per_ms = pl.col("size_bytes") / pl.col("duration_ms")
        return data.lazyframe.select(per_ms.is_between(1, 1_000))
