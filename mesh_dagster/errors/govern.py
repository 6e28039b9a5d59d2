"""Name what may not go out."""

from collections.abc import Iterable

from mesh_dagster.errors.message import MeshError, listed


class SnapshotRefusedError(MeshError, ValueError):
    """A file holds no snapshot of a release."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(
            f"The snapshot '{path}' {problem}. Write one with 'mesh release --snapshot {path}', "
            "or restore the committed file. Nothing was compared or released."
        )


class ReleaseRefusedError(MeshError):
    """A working tree breaks what was released, unannounced, or expects what it never gets."""

    def __init__(self, subjects: Iterable[str]) -> None:
        subjects = list(subjects)
        super().__init__(
            f"The working tree cannot go out because of {listed(subjects)}; 'mesh plan' says why. "
            "Mend it, or release it with --force and --because. Nothing was released."
        )
