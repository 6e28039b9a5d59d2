"""Name columns as contracts do, whatever their source calls them.

In:  the names in the data, in any language.
Out: names in snake case, without accents, that a pandera model can have.
"""

import keyword
import re
import unicodedata
from collections.abc import Iterable

_TAKEN = frozenset(
    {
        *("config", "empty", "example", "strategy", "validate", "pydantic_validate"),
        *("from_json", "from_yaml", "to_json", "to_json_schema", "to_schema", "to_yaml"),
        "get_metadata",
        *("pa", "pl", "int", "float", "str", "bool"),
    }
)
"""Names that a pandera model has itself, or that its columns are written with."""
_LETTERS = str.maketrans({"ß": "ss", "ø": "o", "Ø": "O", "æ": "ae", "Æ": "Ae", "œ": "oe", "ł": "l"})
"""Letters that Unicode takes for no others with an accent."""
_WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")


def snake_names(sources: Iterable[str]) -> dict[str, str]:
    """Return a column name in snake case for each name, none twice."""
    taken: dict[str, str] = {}
    for source in sources:
        words = "_".join(word.lower() for word in _WORDS.findall(_folded(source))) or "column"
        stem = words if words[0].isalpha() else f"column_{words}"
        if keyword.iskeyword(stem) or stem in _TAKEN:
            stem = f"{stem}_value"
        name, number = stem, 1
        while name in taken.values():
            number += 1
            name = f"{stem}_{number}"
        taken[source] = name
    return taken


def _folded(text: str) -> str:
    """Return a text without accents."""
    parts = unicodedata.normalize("NFKD", text.translate(_LETTERS))
    return "".join(part for part in parts if not unicodedata.combining(part))
