"""Join sales and plays to the artists of the catalogue.

In and out: polars plans, published by other domains and read by address.
"""

import polars as pl


def artist_key(name: pl.Expr) -> pl.Expr:
    """Fold an artist's name, so that spellings of one artist become equal.

    In this order: accents go (`Mötley Crüe`), case goes (`JET`), punctuation becomes a blank
    (`AC/DC`), blanks become single, and a leading `the` goes (`The Rolling Stones`). A name of
    punctuation alone keeps it.
    """
    lowered = name.str.normalize("NFKD").str.replace_all(r"\p{M}+", "").str.to_lowercase()
    words = lowered.str.replace_all(r"[^\p{L}\p{N}]+", " ").str.strip_chars()
    return pl.when(words == "").then(lowered).otherwise(words.str.replace(r"^the ", ""))


def monthly(lines: pl.LazyFrame, tracks: pl.LazyFrame, artists: pl.LazyFrame) -> pl.LazyFrame:
    """Sum what each artist earned by sales in each month.

    Returns:
        One row per artist and month with a sale; a line of an unknown track has no artist, which
        the contract refuses.
    """
    names = artists.select("artist_id", artist="name")
    return (
        lines.join(tracks.select("track_id", "artist_id"), on="track_id", how="left")
        .join(names, on="artist_id", how="left")
        .group_by("artist_id", "artist", month=pl.col("invoiced_on").dt.month_start())
        .agg(copies=pl.col("quantity").sum(), earned=pl.col("amount").sum())
        .with_columns(pl.col("earned").cast(pl.Decimal(10, 2)))
        .sort("month", "artist")
    )


def plays_per_artist(plays: pl.LazyFrame, artists: pl.LazyFrame) -> pl.LazyFrame:
    """Count the plays under each spelling, and find its artist by `artist_key`.

    Returns:
        One row per played spelling, the most played first.
    """
    known = artists.select("artist_id", artist="name", artist_key=artist_key(pl.col("name")))
    exact = pl.col("played_as") == pl.col("artist")
    return (
        plays.filter(pl.col("artist").is_not_null())
        .group_by(played_as="artist")
        .agg(plays=pl.len().cast(pl.Int64))
        .with_columns(artist_key=artist_key(pl.col("played_as")))
        .join(known, on="artist_key", how="left")
        .with_columns(
            matched_by=pl.when(exact)
            .then(pl.lit("exact name"))
            .when(pl.col("artist_id").is_not_null())
            .then(pl.lit("normalised name"))
            .otherwise(pl.lit("nothing"))
        )
        .sort("plays", "played_as", descending=[True, False])
    )
