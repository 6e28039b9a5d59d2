"""Make a small week of plays and its song list, with the defects of the real ones.

Out: the bytes of `plays.csv.gz` and `song_list.csv`; equal at every call.
Defects: plays scraped twice, plays without a song, titles in capitals, a day that lacks a third, a
station that falls silent, songs without a year, with a text for a year, with an impossible one.
All names are invented.
"""

import gzip
import random
from collections import Counter
from datetime import datetime, timedelta, timezone

import polars as pl

_SEED = 20140616
_FIRST = datetime(2014, 6, 16, tzinfo=timezone.utc)
_PLAYS_PER_DAY = (450, 300, 450, 450, 450, 450, 450)
_STATIONS = ("KAMB", "KGX", "KOLD", "KZIG", "WDUN", "WLUX", "WMOO", "WROC")
_SILENT, _SILENT_FROM = "KOLD", datetime(2014, 6, 20, 2, tzinfo=timezone.utc)
_DUPLICATE_EVERY = 120
_SONGLESS_EVERY = 400
_CAPITALS_EVERY = 150
_BAD_YEARS = {2: "SONGFACTS.COM", 3: "1071", **dict.fromkeys(range(4, 127, 4))}

# The first ten are spelled as in the store's catalogue, the next three otherwise, the rest are
# not in the catalogue.
_ARTISTS = (
    "Amber Harbour", "Brass Lanterns", "Copper Skies", "Delta Motel", "Electric Orchard",
    "Feral Choir", "Glass Parade", "Hollow Avenue", "Iron Meadow", "Jukebox Saints",
    "Paper Tiger Club", "Cafe Norrsken", "Velt",
    "Kerosene Hearts", "Loud Cartographers", "Marble Engine", "Night Ferry Union",
    "Ochre Satellites", "Plastic Rodeo", "Quiet Riverboat", "Rust and Honey",
)  # fmt: skip
_FIRST_WORDS = ("Silver", "Burning", "Lonely", "Midnight", "Broken", "Golden", "Wild", "Last")
_SECOND_WORDS = ("River", "Highway", "Train", "Summer", "Engine", "Letter", "Garden", "Radio")

Row = tuple[str | int | None, ...]
Song = tuple[str, str]


def files() -> dict[str, bytes]:
    """Return every file of this domain, path to content."""
    draw = random.Random(_SEED)  # noqa: S311 - made-up plays hold no secret
    songs = _songs(draw)
    plays = _plays(draw, songs)
    columns = ["song", "artist", "callsign", "time", "date_time", "unique_id", "combined"]
    scraped = pl.DataFrame(plays, schema=columns, orient="row").write_csv()
    return {
        "media_player/plays.csv.gz": gzip.compress(scraped.encode(), mtime=0),
        "media_player/song_list.csv": _song_list(draw, songs, plays).write_csv().encode(),
    }


def _songs(draw: random.Random) -> list[Song]:
    titles = [f"{first} {second}" for first in _FIRST_WORDS for second in _SECOND_WORDS]
    return [(title, artist) for artist in _ARTISTS for title in sorted(draw.sample(titles, 6))]


def _plays(draw: random.Random, songs: list[Song]) -> list[Row]:
    favourites = [1 / (place + 3) for place in range(len(songs))]
    moments = [
        _FIRST + timedelta(days=day, seconds=draw.randrange(86_400))
        for day, plays in enumerate(_PLAYS_PER_DAY)
        for _ in range(plays)
    ]
    running = dict.fromkeys(_STATIONS, 0)
    plays: list[Row] = []
    for number, moment in enumerate(sorted(moments), start=1):
        station = draw.choice([s for s in _STATIONS if s != _SILENT or moment < _SILENT_FROM])
        heard = draw.choices(songs, favourites)[0]
        for _ in range(2 if number % _DUPLICATE_EVERY == 0 else 1):
            running[station] += 1
            play_id = f"{station}{running[station]:04}"
            plays.append(_play(_as_scraped(number, heard), station, moment, play_id))
    return plays


def _as_scraped(number: int, heard: Song) -> tuple[str | None, str | None]:
    title, artist = heard
    if number % (3 * _SONGLESS_EVERY) == 0:
        return None, None
    if number % _SONGLESS_EVERY == 1:
        return None, artist
    return (title.upper() if number % _CAPITALS_EVERY == 0 else title), artist


def _play(
    scraped: tuple[str | None, str | None], station: str, moment: datetime, play_id: str
) -> Row:
    song, artist = scraped
    combined = " ".join(word for word in (song, "by", artist) if word)
    written = f"{moment:%Y-%m-%dT%H:%M:%SZ}"
    return (song, artist, station, int(moment.timestamp()), written, play_id, combined)


def _song_list(draw: random.Random, songs: list[Song], plays: list[Row]) -> pl.DataFrame:
    heard = Counter((str(play[0]).casefold(), play[1]) for play in plays)
    listed: list[Row] = []
    for place, (title, artist) in enumerate(songs, start=1):
        year = _BAD_YEARS.get(place, str(draw.randrange(1962, 2013)))
        count, known = heard[title.casefold(), artist], int(year is not None)
        # One blank too many, as a spreadsheet leaves it.
        spelled = f"{title} " if place == 1 else title
        combined = f"{spelled} by {artist}"
        listed.append((spelled, artist, year, combined, 1, known, count, count * known))
    names = ["Song Clean", "ARTIST CLEAN", "Release Year", "COMBINED"]
    names += ["First?", "Year?", "PlayCount", "F*G"]
    return pl.DataFrame(listed, schema=names, orient="row", infer_schema_length=None)
