"""Hold the family of all mistakes, and what their messages are made of.

In:  names, as a user wrote them.
Out: `MeshError`, and pieces of sentences.
"""

from collections.abc import Iterable
from difflib import get_close_matches

MOST_NAMES = 5
"""So many names, or broken rules, stand in a message; the others are counted."""


class MeshError(Exception):
    """Anything that a user of the mesh did, or was given, that cannot stand."""


def listed(names: Iterable[object], most: int = MOST_NAMES) -> str:
    """Write names sorted, in single quotes, cut at `most` with a count of the rest."""
    ordered = sorted(str(name) for name in names)
    shown = ", ".join(f"'{name}'" for name in ordered[:most])
    more = len(ordered) - most
    return f"{shown} and {more} more" if more > 0 else shown or "none"


def nearest(name: str, known: Iterable[str]) -> str:
    """Offer the closest known name as a sentence, or every known name, or nothing."""
    names = sorted(known)
    close = get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f" Did you mean '{close[0]}'?"
    return f" Known: {listed(names)}." if names else ""


def shortened(text: str, most: int) -> str:
    """Write a text of any length so that it fits into a message."""
    return text if len(text) <= most else text[:most] + "..."
