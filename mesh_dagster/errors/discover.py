"""Name what is wrong with the documents of other standards."""

from collections.abc import Iterable

from mesh_dagster.errors.message import MeshError, nearest, shortened


class DocumentRefusedError(MeshError, ValueError):
    """A file is no document of the standard that it should follow, or asks for what cannot be."""

    def __init__(self, path: str, problem: str, remedy: str) -> None:
        super().__init__(f"The file '{path}' {problem}. {remedy} Nothing was read from it.")


class UnknownTableError(MeshError, LookupError):
    """A contract file has several tables, or none, and none of them is meant."""

    def __init__(self, path: str, asked: str | None, known: Iterable[str]) -> None:
        known = list(known)
        what = f"has no table '{shortened(asked, 80)}'" if asked else "describes no single table"
        super().__init__(
            f"The file '{path}' {what}.{nearest(asked or '', known)} "
            "Say which by schema='name', in a command by FILE#name. Nothing was read from it."
        )


class StandardsMissingError(MeshError, ImportError):
    """The libraries that hold the standards are not installed."""

    def __init__(self) -> None:
        super().__init__(
            "Reading documents of other standards needs the libraries that hold their rules, which "
            "are not installed. Install mesh-dagster[standards]. Nothing was read."
        )
