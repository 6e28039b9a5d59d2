"""Read what the media player left: `media_player/plays.csv.gz` and `media_player/song_list.csv`.

Out: every field as text, as it was written, defects included.
"""

import polars as pl

from example_domains.media_player import generator
from example_domains.source_folder import source_file


def read_plays() -> pl.LazyFrame:
    """Return one row per scraped play: song, artist, callsign, time, date_time, unique_id."""
    path = source_file("media_player/plays.csv.gz", generator.files)
    return pl.scan_csv(path, infer_schema=False)


def read_song_list() -> pl.LazyFrame:
    """Return one row per listed song, under the list's own column names."""
    path = source_file("media_player/song_list.csv", generator.files)
    return pl.scan_csv(path, infer_schema=False)
