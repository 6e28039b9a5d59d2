"""Find the files that the operational systems of the example domains left.

In:  `MESH_EXAMPLE_DATA`, a folder of such files; without it a domain's own generator.
Out: paths. What a file means is known by the domain that reads it.
Generated files lie beneath the mesh's root and are written once, whole, by whoever comes first.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from uuid import uuid4

GIVEN = "MESH_EXAMPLE_DATA"
_DEFAULT_ROOT = ".mesh"

Generator = Callable[[], Mapping[str, bytes]]


def source_file(name: str, generate: Generator) -> Path:
    """Return the path of one file, generating it where no folder is given.

    Args:
        name: The path beneath the folder, such as `store/Album.csv`.
        generate: Makes every file of the domain; equal bytes at every call.

    Raises:
        FileNotFoundError: A folder is given and has no such file.
    """
    given = os.environ.get(GIVEN)
    if not given:
        return _generated(name, generate)
    path = Path(given) / name
    if not path.is_file():
        message = (
            f"The folder that {GIVEN} names has no file '{name}'. "
            f"Name a folder that has it, or unset {GIVEN}. Nothing was read."
        )
        raise FileNotFoundError(message)
    return path


def _generated(name: str, generate: Generator) -> Path:
    folder = _root() / "example_data"
    path = folder / name
    if not path.is_file():
        for each, content in generate().items():
            _write_whole(folder / each, content)
    return path


def _root() -> Path:
    root = os.environ.get("MESH_ROOT") or _DEFAULT_ROOT
    # A root on an object store holds no folder of local files.
    return Path(_DEFAULT_ROOT if "://" in root else root)


def _write_whole(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{uuid4().hex}")
    aside.write_bytes(content)
    # Another process may have been faster; its bytes are the same.
    aside.replace(path)
