"""Name why the mesh is not served."""

from mesh_dagster.errors.message import MeshError


class ServingRefusedError(MeshError, ValueError):
    """The mesh cannot be served as it was asked for."""

    def __init__(self, where: str, problem: str, remedy: str) -> None:
        super().__init__(
            f"The mesh cannot be served at '{where}': {problem}. {remedy} Nothing is served."
        )
