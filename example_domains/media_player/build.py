"""Turn what the media player left into plays and songs.

In and out: polars plans, one step each. Rows with a missing title stay; the contract catches them.
"""

import polars as pl

SAME_PLAY = ("callsign", "time", "song", "artist")
"""Two rows that agree in these are one play, scraped twice."""
_PLAUSIBLE_YEARS = (1950, 2014)
_WRITTEN = "%Y-%m-%dT%H:%M:%SZ"


def plays_of_day(raw: pl.LazyFrame, day: str) -> pl.LazyFrame:
    """Keep the plays of one UTC day, such as `2014-06-16`."""
    return raw.filter(pl.col("date_time").str.starts_with(day))


def count_duplicates(raw: pl.LazyFrame) -> int:
    """Count the rows that repeat the station, second, song and artist of another row."""
    repeated = pl.len() - pl.struct(SAME_PLAY).n_unique()
    return int(raw.select(repeated).collect().item())


def events(raw: pl.LazyFrame) -> pl.LazyFrame:
    """Make each play a timed event, once; of true duplicates the first row stays."""
    return raw.unique(SAME_PLAY, keep="first", maintain_order=True).select(
        play_id="unique_id",
        station="callsign",
        played_at=pl.col("date_time").str.to_datetime(_WRITTEN, time_unit="us", time_zone="UTC"),
        song=_tidied("song"),
        artist=_tidied("artist"),
    )


def song_list(raw: pl.LazyFrame) -> pl.LazyFrame:
    """Give the list's columns plain names and judge its years.

    Returns:
        One row per listed song, in the list's order; a year that cannot be one is empty.
    """
    year = pl.col("Release Year").cast(pl.Int32, strict=False)
    return raw.select(
        song=_tidied("Song Clean"),
        artist=_tidied("ARTIST CLEAN"),
        listed_as=_tidied("COMBINED"),
        release_year=pl.when(year.is_between(*_PLAUSIBLE_YEARS)).then(year),
        year_quality=pl.when(pl.col("Release Year").is_null())
        .then(pl.lit("missing"))
        .when(year.is_null())
        .then(pl.lit("unreadable"))
        .when(year.is_between(*_PLAUSIBLE_YEARS))
        .then(pl.lit("given"))
        .otherwise(pl.lit("implausible")),
        plays_listed=pl.col("PlayCount").cast(pl.Int64),
        plays_with_year=pl.col("F*G").cast(pl.Int64),
        year_listed=pl.col("Year?") == "1",
        first_listed=pl.col("First?") == "1",
    )


def _tidied(column: str) -> pl.Expr:
    return pl.col(column).str.replace_all(r"\s+", " ").str.strip_chars()
