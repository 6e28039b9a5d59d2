"""Name what can stop new domains and products from being written."""

from mesh_dagster.errors.message import MeshError


class SourceRefusedError(MeshError, ValueError):
    """Data from which a contract shall be proposed cannot be read."""

    def __init__(self, source: str, problem: str) -> None:
        super().__init__(
            f"The source '{source}' {problem}. Name a CSV or Parquet file with a header, or a "
            "table as 'duckdb:FILE:TABLE'. Nothing was written."
        )


class FileThereError(MeshError, FileExistsError):
    """A file that shall be written is there already."""

    def __init__(self, path: str, part: str = "") -> None:
        there = f"has '{part}' already" if part else "is there already"
        super().__init__(
            f"The file '{path}' {there}. Choose another name, or remove it. Nothing was written."
        )


class NoMeshHereError(MeshError, FileNotFoundError):
    """A command was started outside a mesh repository."""

    def __init__(self, folder: str, missing: str) -> None:
        super().__init__(
            f"The folder '{folder}' has no '{missing}'. Change to a mesh repository, or make one "
            "with 'mesh init'. Nothing was written."
        )


class NoRawRowsError(MeshError, LookupError):
    """The rows that a product reads cannot be looked at."""

    def __init__(self, module: str, name: str) -> None:
        super().__init__(
            f"'{module}' has no function '{name}' that reads rows when it is called by itself. "
            "Name data with --from-csv, --from-parquet or --from-table. Nothing was written."
        )


class NotExtendableError(MeshError, ValueError):
    """A file that shall be extended has a form that cannot be extended safely."""

    def __init__(self, path: str, line: str) -> None:
        super().__init__(
            f"The file '{path}' has a form that cannot be extended. Add '{line}' by hand, after "
            "which the command can be repeated. Nothing was written."
        )
