"""Name what a command cannot answer."""

from collections.abc import Iterable, Sequence

from mesh_dagster.errors.message import MeshError, listed, nearest, shortened

_LONGEST_TEXT = 200


class NoMatchError(MeshError, LookupError):
    """A pattern matches no registered port."""

    def __init__(self, pattern: str, known: Iterable[str]) -> None:
        super().__init__(
            f"No registered port matches '{pattern}'.{nearest(pattern, known)} "
            "Check the pattern and MESH_ROOT, or run its product."
        )


class NothingFoundError(MeshError, LookupError):
    """A search found no product.

    Args:
        text: What was searched.
        where: The root, or the registry, that was opened.
        empty: Nothing at all is registered there.
    """

    def __init__(self, text: str, where: str, *, empty: bool) -> None:
        asked = shortened(text, _LONGEST_TEXT)
        super().__init__(
            f"No product matches '{asked}', for none is registered in '{where}'. "
            "Set MESH_ROOT to the root of the mesh, or run a product."
            if empty
            else f"No product in '{where}' matches '{asked}', nor anything like it. "
            "Try other words, or list all with 'mesh ls'."
        )


class NoChangesError(MeshError, LookupError):
    """No declaration of a port was ever registered."""

    def __init__(self, address: str, known: Iterable[str]) -> None:
        super().__init__(
            f"The port '{address}' was never declared in this registry.{nearest(address, known)} "
            "Check the address and MESH_ROOT, or run its product."
        )


class UnknownProductError(MeshError, LookupError):
    """The registry knows no such product, or not in this major version."""

    def __init__(
        self, key: str, major: int | None, majors: Sequence[int], known: Iterable[str]
    ) -> None:
        if majors:
            there = listed(f"v{one}" for one in majors)
            super().__init__(
                f"Product '{key}' is not registered as v{major}, but as {there}. "
                "Ask for one of these."
            )
            return
        super().__init__(
            f"No product '{key}' is registered here.{nearest(key, known)} "
            "Check the key and MESH_ROOT, or run the product."
        )


class ExtraMissingError(MeshError, ImportError):
    """An option needs a package that an extra installs."""

    def __init__(self, option: str, extra: str) -> None:
        super().__init__(
            f"'{option}' needs the extra '{extra}', which is not installed. "
            f"Install mesh-dagster[{extra}]. Nothing was written."
        )


class UnknownColumnError(MeshError, LookupError):
    """A port has no column of this name."""

    def __init__(self, address: str, column: str, known: Iterable[str]) -> None:
        super().__init__(
            f"The newest publication of '{address}' has no column '{column}'."
            f"{nearest(column, known)} Name one of its columns."
        )


class UnreadableRowsError(MeshError):
    """Rows could not be computed or read while they were written out."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"The rows could not be read: polars stopped on a {what}. A version past its retention "
            "may have been vacuumed meanwhile; ask for the newest. No file was written."
        )


class WorkspaceRefusedError(MeshError, ValueError):
    """A workspace file names no code locations that can be run from here."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(
            f"The workspace '{path}' {problem}. Give a file with 'load_from' and a list of "
            "'python_module' and 'python_file' entries, by --workspace or in the current folder. "
            "Nothing was run."
        )


class LocationRefusedError(MeshError, ImportError):
    """A code location cannot be loaded."""

    def __init__(self, location: str, problem: str) -> None:
        super().__init__(
            f"The code location '{location}' cannot be loaded: {problem} Nothing was run."
        )


class NothingSelectedError(MeshError, LookupError):
    """A selection means no port and no internal."""

    def __init__(self, text: str, known: Iterable[str]) -> None:
        super().__init__(
            f"Nothing is selected by '{text}'.{nearest(text, known)} Give a domain, "
            "a domain/product, an address or a Dagster selection. Nothing was run."
        )


class UnknownPartitionError(MeshError, LookupError):
    """A partition key that nothing selected has."""

    def __init__(self, key: str, known: Iterable[str]) -> None:
        super().__init__(
            f"Nothing that is selected has the partition '{key}'.{nearest(key, known)} "
            "Correct the key. Nothing was run."
        )


class DagsterHomeError(MeshError, OSError):
    """The folder of the Dagster instance cannot be used."""

    def __init__(self, home: str) -> None:
        super().__init__(
            f"The Dagster instance at DAGSTER_HOME '{home}' cannot be opened. Name an existing "
            "folder by its absolute path, or unset it. Nothing was run."
        )


class DemoMisplacedError(MeshError, FileNotFoundError):
    """The demo was started where the example domains are not."""

    def __init__(self, folder: str) -> None:
        super().__init__(
            f"The demo finds no 'workspace.yaml' beside 'example_domains' in '{folder}'. "
            "Change to the folder of the clone of mesh_dagster and run 'mesh demo' there. "
            "Nothing was run."
        )


class NoPromiseError(MeshError, LookupError):
    """A port promises no freshness, so there is nothing to draw."""

    def __init__(self, address: str) -> None:
        super().__init__(
            f"'{address}' promises no freshness, so it has no history of it. Declare "
            "freshness=md.Freshness(within=...) on the port. No file was written."
        )


class NothingToRebuildError(MeshError, ValueError):
    """A publication was made from no port, so nothing says from what to build it again."""

    def __init__(self, address: str, version: int) -> None:
        super().__init__(
            f"'{address}' version {version} was made from no port of another product. Run its "
            "product to read its source again. Nothing was rebuilt."
        )


class InputGoneError(MeshError, LookupError):
    """A publication was made from data that is no longer kept."""

    def __init__(self, address: str, version: int, read: str, read_version: int) -> None:
        super().__init__(
            f"'{address}' version {version} was made from version {read_version} of '{read}', "
            "which can no longer be read. Rebuild a newer version, or with --at current. Nothing "
            "was rebuilt."
        )


class RebuildFailedError(MeshError, RuntimeError):
    """A publication could not be built again."""

    def __init__(self, address: str, why: str) -> None:
        super().__init__(
            f"'{address}' could not be rebuilt, for {why}. Correct its product, or restore the "
            "code that made it. Nothing was published."
        )
