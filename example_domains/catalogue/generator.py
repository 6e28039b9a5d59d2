"""Make a small music library: five tables under `store/`, with the defects of the real ones.

Out: the bytes of each table; equal at every call.
Defects: artists without an album, tracks without a composer, titles shared by several tracks,
artist names spelled otherwise than the radio stations spell them. All names are invented.
Sales counts on the tracks 1 to 400, of which every sixteenth is a video and costs 1.99.
"""

import random

import polars as pl

_SEED = 275
_TRACKS = 400
_TRACKS_PER_ALBUM = 10
_VIDEO_EVERY = 16
_NO_COMPOSER_EVERY = 4
_ARTISTS = (
    "Amber Harbour", "Brass Lanterns", "Copper Skies", "Delta Motel", "Electric Orchard",
    "Feral Choir", "Glass Parade", "Hollow Avenue", "Iron Meadow", "Jukebox Saints",
    "The Paper Tiger Club", "Café Norrsken", "VELT",
    "Aurora Workshop", "Orquestra do Cais", "Banda Maré Cheia", "North/South", "String Theory Four",
    "Ångström", "The Quarter Notes", "Winter Brass", "Zeitgeist Orchester",
    "Sala de Ensayo", "Harbour Philharmonic", "Studio Cast", "Les Nuits Blanches",
    "Ensemble Lumière", "Night School", "Various Artists", "The Overtures",
)  # fmt: skip
_WITH_ALBUMS = 22
_GENRES = ("Rock", "Jazz", "Metal", "Latin", "Classical", "Soundtrack")
_MEDIA_TYPES = (
    "MPEG audio file", "Protected AAC audio file", "Protected MPEG-4 video file",
    "Purchased AAC audio file", "AAC audio file",
)  # fmt: skip
_VIDEO = 3
_FIRST_WORDS = ("Paper", "Winter", "Electric", "Quiet", "Northern", "Second", "Velvet", "Open")
_SECOND_WORDS = ("Sky", "Harbour", "Letters", "Parade", "Circuit", "Garden", "Lines", "Hours")
_LAST_WORDS = ("", " at Dawn", " in Blue", " Again", " Unplugged", " by the Sea", " for Two", " II")


def files() -> dict[str, bytes]:
    """Return every file of this domain, path to content."""
    draw = random.Random(_SEED)  # noqa: S311 - a made-up library holds no secret
    tables = {
        "Artist": _numbered("ArtistId", _ARTISTS),
        "Album": _albums(draw),
        "Track": _tracks(draw),
        "Genre": _numbered("GenreId", _GENRES),
        "MediaType": _numbered("MediaTypeId", _MEDIA_TYPES),
    }
    return {f"store/{name}.csv": table.write_csv().encode() for name, table in tables.items()}


def _numbered(key: str, names: tuple[str, ...]) -> pl.DataFrame:
    return pl.DataFrame({key: range(1, len(names) + 1), "Name": names})


def _albums(draw: random.Random) -> pl.DataFrame:
    numbers = range(1, _TRACKS // _TRACKS_PER_ALBUM + 1)
    titles = [f"{first} {second}" for first in _FIRST_WORDS for second in _SECOND_WORDS]
    # Every artist that has albums has one before anybody has a second.
    artists = [(number - 1) % _WITH_ALBUMS + 1 for number in numbers]
    return pl.DataFrame(
        {"AlbumId": numbers, "Title": draw.sample(titles, len(numbers)), "ArtistId": artists}
    )


def _tracks(draw: random.Random) -> pl.DataFrame:
    rows = []
    for number in range(1, _TRACKS + 1):
        video = number % _VIDEO_EVERY == 0
        seconds = draw.randrange(90, 600)
        title = f"{draw.choice(_FIRST_WORDS)} {draw.choice(_SECOND_WORDS)}"
        rows.append(
            {
                "TrackId": number,
                "Name": title + draw.choice(_LAST_WORDS),
                "AlbumId": (number - 1) // _TRACKS_PER_ALBUM + 1,
                "MediaTypeId": _VIDEO if video else draw.choice((1, 1, 1, 2, 4, 5)),
                "GenreId": draw.randrange(1, len(_GENRES) + 1),
                "Composer": None if number % _NO_COMPOSER_EVERY == 0 else draw.choice(_ARTISTS),
                "Milliseconds": seconds * 1000 + draw.randrange(1000),
                "Bytes": seconds * (200_000 if video else 32_000),
                "UnitPrice": "1.99" if video else "0.99",
            }
        )
    return pl.DataFrame(rows)
