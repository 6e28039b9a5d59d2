"""Build every port of the examples without Dagster, from the folder that the environment names.

Out: collected frames, as the ports would be handed to their audit.
"""

import duckdb
import polars as pl

from example_domains.catalogue import build as catalogue
from example_domains.catalogue import source as catalogue_source
from example_domains.labels import build as labels
from example_domains.labels import source as labels_source
from example_domains.listening import build as listening
from example_domains.media_player import build as media_player
from example_domains.media_player import source as media_player_source
from example_domains.royalties import build as royalties
from example_domains.sales import build as sales
from example_domains.sales import source as sales_source


def plays() -> pl.DataFrame:
    """Events, the ones without a song included."""
    return media_player.events(media_player_source.read_plays()).collect()


def published_plays() -> pl.DataFrame:
    """Events that keep their contract."""
    return plays().drop_nulls()


def songs() -> pl.DataFrame:
    """Songs of the list."""
    return media_player.song_list(media_player_source.read_song_list()).collect()


def artists() -> pl.DataFrame:
    """Artists of the catalogue."""
    table = catalogue_source.read_table
    return catalogue.artists(table("Artist"), table("Album")).collect()


def albums() -> pl.DataFrame:
    """Albums of the catalogue."""
    table = catalogue_source.read_table
    return catalogue.albums(table("Album"), table("Artist"), table("Track")).collect()


def tracks() -> pl.DataFrame:
    """Tracks of the catalogue."""
    table = catalogue_source.read_table
    named = catalogue.named_tracks(table("Track"), table("Genre"), table("MediaType"))
    return catalogue.tracks(named, table("Album")).collect()


def invoices() -> pl.DataFrame:
    """Invoices of sales."""
    return sales.invoices(sales_source.read_invoices(), sales_source.read_lines()).collect()


def lines() -> pl.DataFrame:
    """Lines of sales."""
    return sales.lines(sales_source.read_lines(), sales_source.read_invoices()).collect()


def record_labels() -> pl.DataFrame:
    """Labels."""
    return labels.labels(labels_source.read_table("labels")).collect()


def releases() -> pl.DataFrame:
    """Releases."""
    return labels.releases(labels_source.read_table("releases")).collect()


def catalogue_numbers() -> pl.DataFrame:
    """Numbers of labels on releases."""
    table = labels_source.read_table
    return labels.catalogue_numbers(table("release_labels"), table("labels")).collect()


def monthly() -> pl.DataFrame:
    """Earnings of artists by month."""
    return royalties.monthly(lines().lazy(), tracks().lazy(), artists().lazy()).collect()


def plays_per_artist() -> pl.DataFrame:
    """Plays of artists, of the published plays."""
    return royalties.plays_per_artist(published_plays().lazy(), artists().lazy()).collect()


def hourly() -> pl.DataFrame:
    """Sessions of stations by hour, of the published plays."""
    with duckdb.connect() as connection:
        hours: pl.DataFrame = listening.hourly(
            connection.from_arrow(published_plays().to_arrow())
        ).pl()
    return hours.with_columns(pl.col("hour").dt.convert_time_zone("UTC"))
