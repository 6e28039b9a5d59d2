"""Make a small sample of labels and releases, with the defects of the real one.

Out: the bytes of `labels.csv`, `releases.csv` and `release_labels.csv`; equal at every call.
Defects: keys that point outside the sample, dates of three kinds and none, `none` for a catalogue
number, namesakes told apart by ` (2)`, profiles with line breaks. All names are invented.
"""

import random

import polars as pl

_SEED = 20200806
_LABELS = 80
_RELEASES = 100
_OUTSIDE = 900_000
_QUALITIES = ("Needs Vote", "Needs Major Changes", "Correct", "Complete and Correct")
_COUNTRIES = ("US", "Germany", "UK", "Japan", "UK & Europe", "Scandinavia", None)
_FIRST_WORDS = (
    "Amplitude", "Basement", "Colortone", "Dry Dock", "Echo Lane", "Fjäder", "Greenhouse",
    "Halftone", "Inland", "Kaleidoscope", "Low Tide", "Mosaic", "Oblivion", "Pacific", "Rooftop",
)  # fmt: skip
_SECOND_WORDS = ("Records", "Recordings", "Music", "Tapes", "Sound", "Discs")
_PROFILE = 'Small label for "slow" music.\n\nDistributed by [l=Another Label].'

Row = dict[str, object]


def files() -> dict[str, bytes]:
    """Return every file of this domain, path to content."""
    draw = random.Random(_SEED)  # noqa: S311 - a made-up sample holds no secret
    labels = _labels(draw)
    tables = {
        "labels": labels,
        "releases": _releases(draw),
        "release_labels": _release_labels(draw, labels),
    }
    return {
        f"labels/{name}.csv": pl.DataFrame(rows, infer_schema_length=None).write_csv().encode()
        for name, rows in tables.items()
    }


def _labels(draw: random.Random) -> list[Row]:
    seen: dict[str, int] = {}
    rows: list[Row] = []
    for number in range(1, _LABELS + 1):
        name = f"{draw.choice(_FIRST_WORDS)} {draw.choice(_SECOND_WORDS)}"
        seen[name] = seen.get(name, 0) + 1
        owned = number % 12 == 0
        # One owner is in the sample, the others are not.
        parent = 1 if number == _LABELS // 12 * 12 else _OUTSIDE + number
        rows.append(
            {
                "label_id": number,
                "name": name if seen[name] == 1 else f"{name} ({seen[name]})",
                "profile": _PROFILE if number % 4 == 0 else None,
                "data_quality": draw.choice(_QUALITIES),
                "parent_id": parent if owned else None,
                "parent_name": "Larger Label (2)" if owned else None,
                "n_urls": draw.randrange(4),
                "n_sub": draw.randrange(3),
                "has_contactinfo": number % 8 == 0,
            }
        )
    return rows


def _releases(draw: random.Random) -> list[Row]:
    return [
        {
            "release_id": number,
            "status": "Accepted",
            "title": f"{draw.choice(_FIRST_WORDS)}{'  ' if number == 1 else ' '}EP {number}",
            "country": draw.choice(_COUNTRIES),
            "released": _released(draw, number),
            "master_id": draw.randrange(1, 5_000) if number % 3 else None,
            "data_quality": draw.choice(_QUALITIES),
        }
        for number in range(1, _RELEASES + 1)
    ]


def _released(draw: random.Random, number: int) -> str | None:
    year, month, day = draw.randrange(1960, 2020), draw.randrange(1, 13), draw.randrange(1, 29)
    kinds = (
        "0000" if number == _RELEASES else f"{year}",
        f"{year}",
        f"{year}-{month:02}-{day:02}",
        f"{year}-{month:02}-00" if number % 2 else f"{year}-00-00",
        None,
    )
    return kinds[number % len(kinds)]


def _release_labels(draw: random.Random, labels: list[Row]) -> list[Row]:
    rows: list[Row] = []
    for release in range(1, _RELEASES + 1):
        label = draw.choice(labels)
        # Nine of ten labels are outside the sample.
        inside = release % 10 == 0
        printed = f"{draw.choice('ABCD')}{draw.choice('XYZ')}{release:03}"
        catno = "none" if release % 9 == 0 else printed
        row = {
            "release_id": release,
            "label_id": label["label_id"] if inside else _OUTSIDE + release,
            "label_name": label["name"] if inside else f"Outside Label ({release % 3 + 2})",
        }
        rows.append({**row, "catno": catno})
        if release % 8 == 0 and catno != "none":
            # The same number, spelled with a blank: a second one.
            rows.append({**row, "catno": f"{catno[:2]} {catno[2:]}"})
    return rows
