"""Tell how a CSV file is written: what parts its fields, and how its bytes become text.

In:  the path of a file with a header.
Out: a `Dialect`; the first record that is wider than the header.
What its columns hold is looked at in `discover/rows_of.py`.
"""

import codecs
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

_SEPARATORS = (";", "\t", "|", ",")
"""The first wins a tie: texts and decimal numbers hold commas more often than these."""
_ENCODINGS = ("utf-8", "windows-1252", "latin-1")
"""The last reads whatever there is."""
_RECORDS_LOOKED_AT = 100
_PIECE = 1 << 20


@dataclass(frozen=True)
class Dialect:
    """How a CSV file is written."""

    separator: str
    encoding: str
    """As Python names it."""


def dialect_of(path: Path) -> Dialect:
    """Look at the first records for the separator, at the whole file for its encoding.

    Raises:
        OSError: It cannot be opened.
    """
    encoding = _encoding_of(path)
    shapes = {separator: _shape(path, Dialect(separator, encoding)) for separator in _SEPARATORS}
    best = max(shapes, key=lambda separator: shapes[separator])
    return Dialect(best if shapes[best] > (0, 1) else ",", encoding)


def first_wide_line(path: Path, dialect: Dialect) -> int | None:
    """Return the line, from 1 on, of the first record with more fields than the header."""
    header = 0
    for line, width in _widths(path, dialect):
        header = header or width
        if width > header:
            return line
    return None


def _encoding_of(path: Path) -> str:
    with path.open("rb") as file:
        marked = file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    names = ("utf-16", *_ENCODINGS) if marked else _ENCODINGS
    return next(name for name in names if _decodes(path, name))


def _decodes(path: Path, encoding: str) -> bool:
    try:
        with path.open(encoding=encoding, newline="") as file:
            while file.read(_PIECE):
                pass
    except UnicodeDecodeError:
        return False
    return True


def _shape(path: Path, dialect: Dialect) -> tuple[int, int]:
    """Return how many records are as wide as the header, and how wide that is."""
    widths = [width for _, width in islice(_widths(path, dialect), _RECORDS_LOOKED_AT)]
    if not widths or widths[0] == 1:
        return 0, 0
    return widths.count(widths[0]), widths[0]


def _widths(path: Path, dialect: Dialect) -> Iterator[tuple[int, int]]:
    """Yield the last line and the number of fields of each record that has any."""
    with path.open(encoding=dialect.encoding, newline="") as file:
        records = csv.reader(file, delimiter=dialect.separator)
        try:
            yield from ((records.line_num, len(record)) for record in records if record)
        except csv.Error:  # a field without an end
            return
