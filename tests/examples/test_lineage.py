"""Where the columns of the examples come from, edge by edge, with how each is known."""

from contextlib import closing
from typing import NamedTuple

import pytest

from mesh_dagster.discover.lineage import gather, graph
from mesh_dagster.run.registry import Registry
from mesh_dagster.run.store import Store

MONTHLY = "royalties/royalties/v1/monthly"
PER_ARTIST = "royalties/royalties/v1/plays_per_artist"
HOURLY = "listening/sessions/v1/hourly"
LINES = "sales/invoices/v1/lines"
TRACKS = "catalogue/music/v1/tracks"
ARTISTS = "catalogue/music/v1/artists"
EVENTS = "media_player/plays/v1/events"
RAW = {
    "lines": "sales/invoices/internal/raw_lines",
    "invoices": "sales/invoices/internal/raw_invoices",
    "tracks": "catalogue/music/internal/raw_tracks",
    "albums": "catalogue/music/internal/raw_albums",
    "artists": "catalogue/music/internal/raw_artists",
    "plays": "media_player/plays/internal/raw_plays",
}


class Made(NamedTuple):
    """What a column is made from: its values, and what chooses its rows; all of it derived."""

    values: list[str]
    rows: list[str]


EARNED_ROWS = [
    f"{ARTISTS}#artist_id", f"{ARTISTS}#name", f"{TRACKS}#artist_id", f"{TRACKS}#track_id",
    f"{LINES}#invoiced_on", f"{LINES}#track_id",
]  # fmt: skip
LINE_ROWS = [f"{RAW['invoices']}#InvoiceId", f"{RAW['lines']}#InvoiceId"]
TRACK_ROWS = [f"{RAW['albums']}#AlbumId", f"{RAW['tracks']}#AlbumId"]
ARTIST_ROWS = [f"{RAW['albums']}#ArtistId", f"{RAW['artists']}#ArtistId"]
PLAY_ROWS = [f"{RAW['plays']}#{name}" for name in ("artist", "callsign", "song", "time")]
HOUR_ROWS = [f"{EVENTS}#played_at", f"{EVENTS}#station"]


def without(rows: list[str], *values: str) -> list[str]:
    return [row for row in rows if row not in values]


def computed(values: list[str], rows: list[str]) -> Made:
    return Made(values, without(rows, *values))


EXPECTED = {
    f"{MONTHLY}#artist_id": computed([f"{TRACKS}#artist_id"], EARNED_ROWS),
    f"{MONTHLY}#artist": computed([f"{ARTISTS}#name"], EARNED_ROWS),
    f"{MONTHLY}#month": computed([f"{LINES}#invoiced_on"], EARNED_ROWS),
    f"{MONTHLY}#copies": computed([f"{LINES}#quantity"], EARNED_ROWS),
    f"{MONTHLY}#earned": computed([f"{LINES}#amount"], EARNED_ROWS),
    f"{LINES}#amount": computed(
        [f"{RAW['lines']}#Quantity", f"{RAW['lines']}#UnitPrice"], LINE_ROWS
    ),
    f"{LINES}#quantity": computed([f"{RAW['lines']}#Quantity"], LINE_ROWS),
    f"{LINES}#invoiced_on": computed([f"{RAW['invoices']}#InvoiceDate"], LINE_ROWS),
    f"{LINES}#track_id": computed([f"{RAW['lines']}#TrackId"], LINE_ROWS),
    f"{TRACKS}#track_id": computed([f"{RAW['tracks']}#TrackId"], TRACK_ROWS),
    f"{TRACKS}#artist_id": computed([f"{RAW['albums']}#ArtistId"], TRACK_ROWS),
    f"{ARTISTS}#artist_id": computed([f"{RAW['artists']}#ArtistId"], ARTIST_ROWS),
    f"{ARTISTS}#name": computed([f"{RAW['artists']}#Name"], ARTIST_ROWS),
    f"{PER_ARTIST}#played_as": Made([f"{EVENTS}#artist"], [f"{ARTISTS}#name"]),
    f"{PER_ARTIST}#plays": Made([], [f"{ARTISTS}#name", f"{EVENTS}#artist"]),
    f"{PER_ARTIST}#artist_key": Made([f"{EVENTS}#artist"], [f"{ARTISTS}#name"]),
    f"{PER_ARTIST}#artist_id": Made(
        [f"{ARTISTS}#artist_id"], [f"{ARTISTS}#name", f"{EVENTS}#artist"]
    ),
    f"{PER_ARTIST}#artist": Made([f"{ARTISTS}#name"], [f"{EVENTS}#artist"]),
    f"{PER_ARTIST}#matched_by": Made(
        [f"{ARTISTS}#artist_id", f"{ARTISTS}#name", f"{EVENTS}#artist"], []
    ),
    f"{EVENTS}#play_id": computed([f"{RAW['plays']}#unique_id"], PLAY_ROWS),
    f"{EVENTS}#station": computed([f"{RAW['plays']}#callsign"], PLAY_ROWS),
    f"{EVENTS}#played_at": computed([f"{RAW['plays']}#date_time"], PLAY_ROWS),
    f"{EVENTS}#song": computed([f"{RAW['plays']}#song"], PLAY_ROWS),
    f"{EVENTS}#artist": computed([f"{RAW['plays']}#artist"], PLAY_ROWS),
    f"{HOURLY}#station": computed([f"{EVENTS}#station"], HOUR_ROWS),
    f"{HOURLY}#hour": computed([f"{EVENTS}#played_at"], HOUR_ROWS),
    f"{HOURLY}#sessions": Made([f"{EVENTS}#played_at"], [f"{EVENTS}#play_id", f"{EVENTS}#station"]),
    f"{HOURLY}#sessions_begun": Made(
        [f"{EVENTS}#played_at"], [f"{EVENTS}#play_id", f"{EVENTS}#station"]
    ),
    f"{HOURLY}#plays": Made([], HOUR_ROWS),
    f"{HOURLY}#songs": Made([f"{EVENTS}#artist", f"{EVENTS}#song"], HOUR_ROWS),
    f"{HOURLY}#artists": Made([f"{EVENTS}#artist"], HOUR_ROWS),
    f"{HOURLY}#longest_pause_seconds": Made(
        [f"{EVENTS}#played_at"], [f"{EVENTS}#play_id", f"{EVENTS}#station"]
    ),
}
SOURCES = {
    RAW["lines"]: ["InvoiceId", "Quantity", "TrackId", "UnitPrice"],
    RAW["invoices"]: ["InvoiceDate", "InvoiceId"],
    RAW["tracks"]: ["AlbumId", "TrackId"],
    RAW["albums"]: ["AlbumId", "ArtistId"],
    RAW["artists"]: ["ArtistId", "Name"],
    RAW["plays"]: ["artist", "callsign", "date_time", "song", "time", "unique_id"],
}


@pytest.mark.usefixtures("published")
def test_every_column_of_royalties_and_listening_is_followed_to_its_sources() -> None:
    with closing(Registry(Store.at().registry_url)) as registry:
        known = graph(gather(registry), "column")

    roots = [n for n in known.nodes if n.partition("#")[0].endswith((MONTHLY, PER_ARTIST, HOURLY))]
    found = known.around(roots, up=True, down=False, depth=None)
    made: dict[str, Made] = {}
    for link in found.links:
        into = made.setdefault(link.target.removeprefix("mesh://"), Made([], []))
        sources = into.values if link.kind == "value" else into.rows
        sources.append(link.source.removeprefix("mesh://"))

    ends = {name for name in found.nodes if not known.into.get(name)}
    assert made == {name: Made(sorted(one[0]), sorted(one[1])) for name, one in EXPECTED.items()}
    assert {link.how for link in found.links} == {"derived"}
    assert ends == {f"{home}#{column}" for home, names in SOURCES.items() for column in names}


@pytest.mark.usefixtures("published")
def test_the_products_are_linked_across_their_code_locations() -> None:
    with closing(Registry(Store.at().registry_url)) as registry:
        known = graph(gather(registry), "product")

    assert [(link.source, link.target, link.how) for link in known.links] == [
        ("mesh://catalogue/music", "mesh://royalties/royalties", "recorded"),
        ("mesh://media_player/plays", "mesh://listening/sessions", "recorded"),
        ("mesh://media_player/plays", "mesh://royalties/royalties", "recorded"),
        ("mesh://sales/invoices", "mesh://royalties/royalties", "recorded"),
    ]
    assert all(node.registered for node in known.nodes.values())
