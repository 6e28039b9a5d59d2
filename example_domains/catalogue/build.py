"""Turn the store's tables into artists, albums and tracks.

In and out: polars plans. A key that points nowhere leaves an empty column, which the contract
refuses.
"""

import polars as pl


def artists(raw_artists: pl.LazyFrame, raw_albums: pl.LazyFrame) -> pl.LazyFrame:
    """Count the albums of each artist; an artist without any stays."""
    counted = raw_albums.group_by("ArtistId").agg(albums=pl.len().cast(pl.Int64))
    return raw_artists.join(counted, on="ArtistId", how="left", maintain_order="left").select(
        artist_id=pl.col("ArtistId").cast(pl.Int64),
        name=pl.col("Name").str.strip_chars(),
        albums=pl.col("albums").fill_null(0),
    )


def albums(
    raw_albums: pl.LazyFrame, raw_artists: pl.LazyFrame, raw_tracks: pl.LazyFrame
) -> pl.LazyFrame:
    """Put the artist's name and the number of tracks beside each album."""
    counted = raw_tracks.group_by("AlbumId").agg(tracks=pl.len().cast(pl.Int64))
    return (
        raw_albums.join(raw_artists, on="ArtistId", how="left", maintain_order="left")
        .join(counted, on="AlbumId", how="left", maintain_order="left")
        .select(
            album_id=pl.col("AlbumId").cast(pl.Int64),
            title=pl.col("Title").str.strip_chars(),
            artist_id=pl.col("ArtistId").cast(pl.Int64),
            artist=pl.col("Name").str.strip_chars(),
            tracks=pl.col("tracks").fill_null(0),
        )
    )


def named_tracks(
    raw_tracks: pl.LazyFrame, raw_genres: pl.LazyFrame, raw_media_types: pl.LazyFrame
) -> pl.LazyFrame:
    """Put the names of genre and media type beside each track."""
    genres = raw_genres.rename({"Name": "genre"})
    media_types = raw_media_types.rename({"Name": "media_type"})
    return raw_tracks.join(genres, on="GenreId", how="left", maintain_order="left").join(
        media_types, on="MediaTypeId", how="left", maintain_order="left"
    )


def tracks(raw_tracks: pl.LazyFrame, raw_albums: pl.LazyFrame) -> pl.LazyFrame:
    """Put its artist beside each track, and read its numbers."""
    return raw_tracks.join(raw_albums, on="AlbumId", how="left", maintain_order="left").select(
        track_id=pl.col("TrackId").cast(pl.Int64),
        name=pl.col("Name").str.strip_chars(),
        album_id=pl.col("AlbumId").cast(pl.Int64),
        artist_id=pl.col("ArtistId").cast(pl.Int64),
        genre="genre",
        media_type="media_type",
        composer=pl.col("Composer").str.strip_chars(),
        duration_ms=pl.col("Milliseconds").cast(pl.Int64),
        size_bytes=pl.col("Bytes").cast(pl.Int64),
        unit_price=pl.col("UnitPrice").cast(pl.Decimal(10, 2)),
    )
