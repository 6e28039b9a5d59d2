"""Read what a team says of where its columns come from.

In:  the `made_from` argument, such as `{"earned": ["lines#amount"]}`, and a checked wiring.
Out: for each column of a port or internal the columns of the parameters that it is made from.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from mesh_dagster.declare.wiring import Build
from mesh_dagster.errors import DeclarationError, nearest


class SourceColumn(NamedTuple):
    """A column of a frame that a build function takes."""

    parameter: str
    column: str


MadeFrom = Mapping[str, tuple[SourceColumn, ...]]


def require_made_from(
    who: str, given: object, build: Build, columns: Collection[str] | None = None
) -> MadeFrom:
    """Return the declared origins of columns.

    Args:
        who: The port or internal, as messages name it.
        given: Column to one text `parameter#column`, or to several.
        build: The wiring of its build function.
        columns: The columns of its contract; an internal has none.

    Raises:
        DeclarationError: It is written otherwise, or names what is not there.
    """
    if given is not None and not isinstance(given, Mapping):
        raise DeclarationError(
            who,
            f"has made_from of type '{type(given).__name__}'",
            "Write {'column': ['parameter#column']}.",
        )
    for name in given or {}:
        if columns is not None and name not in columns:
            raise DeclarationError(
                who,
                f"says what '{name}' is made from, which its contract does not name",
                f"Name one of its columns.{nearest(str(name), columns)}",
            )
    frames = [p.name for source in ("internal", "input") for p in build.taken(source)]
    return {
        name: tuple(_source(who, name, text, frames) for text in _texts(sources))
        for name, sources in (given or {}).items()
    }


def _texts(sources: object) -> Iterable[object]:
    return sources if isinstance(sources, list | tuple) else [sources]


def _source(who: str, name: str, text: object, frames: Collection[str]) -> SourceColumn:
    parameter, hash_, column = text.partition("#") if isinstance(text, str) else ("", "", "")
    if not hash_ or not column:
        raise DeclarationError(
            who,
            f"makes '{name}' from {text!r}",
            "Write 'parameter#column', such as 'lines#amount'.",
        )
    if parameter not in frames:
        raise DeclarationError(
            who,
            f"makes '{name}' from '{text}', but takes no frame '{parameter}'",
            f"Name one of its parameters.{nearest(parameter, frames)}",
        )
    return SourceColumn(parameter, column)
