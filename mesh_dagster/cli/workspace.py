"""Load the code locations of a workspace into this process.

In:  the path of a `workspace.yaml`, as `dagster dev -w` takes it.
Out: a `Location` for each entry: its name and its `dg.Definitions`.
A location that runs in another process cannot be run from here, and is refused.
"""

import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from mesh_dagster.errors import LocationRefusedError, MeshError, WorkspaceRefusedError

if TYPE_CHECKING:
    import dagster as dg

Entry = Mapping[str, Any]  # Any: YAML


@dataclass(frozen=True)
class Location:
    """One code location, loaded."""

    name: str
    definitions: "dg.Definitions"


def load_workspace(path: Path) -> list[Location]:
    """Import every code location that a workspace names.

    Raises:
        WorkspaceRefusedError: The file is not there, or names no location as expected.
        LocationRefusedError: A location cannot be imported, or its declarations are refused.
    """
    entries = _entries(path)
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return [_location(entry, path) for entry in entries]


def _entries(path: Path) -> list[Entry]:
    import yaml

    if not path.is_file():
        raise WorkspaceRefusedError(str(path), "is not there")
    try:
        read = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise WorkspaceRefusedError(str(path), "is no YAML") from error
    entries = read.get("load_from") if isinstance(read, dict) else None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise WorkspaceRefusedError(str(path), "has no list under 'load_from'")
    return entries


def _location(entry: Entry, path: Path) -> Location:
    kind, given = next(iter(entry.items()), ("nothing", None))
    if kind not in _LOADERS or not isinstance(given, str | dict):
        raise WorkspaceRefusedError(str(path), f"has an entry '{kind}'")
    name_key, load = _LOADERS[kind]
    settings = {name_key: given} if isinstance(given, str) else given
    if name_key not in settings:
        raise WorkspaceRefusedError(str(path), f"has an entry '{kind}' without '{name_key}'")
    if settings.get("working_directory"):
        sys.path.insert(0, str((path.parent / settings["working_directory"]).resolve()))
    target = str(settings[name_key])
    name = str(settings.get("location_name") or target)
    module = _imported(name, lambda: load(target, path.parent))
    return Location(name, _definitions(name, module, settings.get("attribute")))


def _module(target: str, folder: Path) -> ModuleType:
    del folder
    return import_module(target)


def _file(target: str, folder: Path) -> ModuleType:
    path = (folder / target).resolve()
    spec = spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise FileNotFoundError(target)
    sys.path.insert(0, str(path.parent))
    module = module_from_spec(spec)
    # Dagster and pandera look modules up by their names.
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


_LOADERS: dict[str, tuple[str, Callable[[str, Path], ModuleType]]] = {
    "python_module": ("module_name", _module),
    "python_file": ("relative_path", _file),
}


def _imported(name: str, load: Callable[[], ModuleType]) -> ModuleType:
    try:
        return load()
    except MeshError as error:
        raise LocationRefusedError(name, str(error)) from error
    except Exception as error:  # the user's module may raise anything
        where = place_of(traceback.extract_tb(error.__traceback__))
        missing = f" '{error.name}'" if isinstance(error, ModuleNotFoundError) else ""
        raise LocationRefusedError(name, f"{type(error).__name__}{missing}{where}.") from error


def place_of(frames: Sequence[traceback.FrameSummary]) -> str:
    """Say in which line of the user's code an error arose; empty if in none."""
    own = [frame for frame in frames if not _of_a_library(frame.filename)]
    if not own:
        return ""
    return f" in line {own[-1].lineno} of '{_shortened(own[-1].filename)}'"


def _of_a_library(file: str) -> bool:
    return (
        "site-packages" in file
        or "importlib" in file
        or file.startswith("<")
        or str(Path(__file__).parents[1]) in file
    )


def _shortened(file: str) -> str:
    path = Path(file)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else file


def _definitions(name: str, module: ModuleType, attribute: str | None) -> "dg.Definitions":
    found = list(_found(module, attribute))
    if len(found) != 1:
        where = f"'{module.__name__}'" + (f" under '{attribute}'" if attribute else "")
        raise LocationRefusedError(
            name, f"{len(found)} Definitions were found in {where}; expected one."
        )
    return found[0]


def _found(module: ModuleType, attribute: str | None) -> Iterator["dg.Definitions"]:
    import dagster as dg

    for name, value in list(vars(module).items()):
        if attribute in (None, name) and isinstance(value, dg.Definitions):
            yield value
