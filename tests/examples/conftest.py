"""Point the example domains at one folder of input, and at a mesh root of the test's own."""

import os
from pathlib import Path

import pytest

from example_domains.source_folder import GIVEN

_REAL = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture
def generated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Let the domains read what their generators make; return the mesh root."""
    monkeypatch.delenv(GIVEN, raising=False)
    monkeypatch.setenv("MESH_ROOT", str(tmp_path / "mesh"))
    return tmp_path / "mesh"


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Let the domains read the real files; return the mesh root. Skip where they are absent."""
    folder = Path(os.environ.get(GIVEN) or _REAL)
    if not (folder / "media_player" / "plays.csv.gz").is_file():
        pytest.skip(f"the real input is not at {folder}; name its folder in {GIVEN}")
    monkeypatch.setenv(GIVEN, str(folder))
    monkeypatch.setenv("MESH_ROOT", str(tmp_path / "mesh"))
    return tmp_path / "mesh"
