"""Take the patterns of a document only if polars can follow them, in bounded time.

In:  a pattern; or a whole document.
Out: nothing, or a refusal.
"""

from collections.abc import Iterator
from functools import lru_cache

import polars as pl

from mesh_dagster.discover.documents import Json, PlaceError

_MOST = 100
"""So many different ones may stand in a document; the worst takes polars 0.1 s."""


def require_few_patterns(document: Json) -> None:
    """Refuse a document with too many different patterns.

    Raises:
        PlaceError: It has.
    """
    if len({str(pattern) for pattern in _patterns(document)}) > _MOST:
        raise PlaceError(f"has more than {_MOST} different patterns")


def require_pattern(pattern: object) -> None:
    """Refuse what is no pattern.

    Raises:
        PlaceError: It is none that polars can follow.
    """
    if not isinstance(pattern, str) or not _can_be_followed(pattern):
        raise PlaceError("has a pattern that polars cannot follow, such as one that looks ahead")


@lru_cache(maxsize=_MOST)
def _can_be_followed(pattern: str) -> bool:
    try:
        pl.select(pl.lit("").str.contains(pattern))
    except pl.exceptions.PolarsError:
        return False
    return True


def _patterns(node: Json) -> Iterator[Json]:
    if isinstance(node, dict) and "pattern" in node:
        yield node["pattern"]
    parts = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for part in parts:
        yield from _patterns(part)
