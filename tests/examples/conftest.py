"""Point the example domains at one folder of input; the mesh is the test's own."""

from pathlib import Path

import pytest

from example_domains.sales.source import BAD_DAY
from example_domains.source_folder import GIVEN


@pytest.fixture
def generated(mesh_root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the domains read what their generators make; return the mesh root."""
    monkeypatch.delenv(GIVEN, raising=False)
    monkeypatch.delenv(BAD_DAY, raising=False)
    return mesh_root


@pytest.fixture
def real(real_data: Path, generated: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the domains read the real files; return the mesh root."""
    monkeypatch.setenv(GIVEN, str(real_data))
    return generated
