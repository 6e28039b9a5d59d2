"""Name what can be wrong with the settings of `mesh check`."""

from mesh_dagster.errors.message import MeshError


class CheckSettingsError(MeshError, ValueError):
    """The file that sets levels and waivers cannot be read."""

    def __init__(self, path: str, problem: str, hint: str = "") -> None:
        super().__init__(
            f"The file of settings '{path}' {problem}.{hint} Correct it. Nothing was checked."
        )
