"""Point the example domains at one folder of input; the mesh is the test's own."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from example_domains.sales.source import BAD_DAY
from example_domains.source_folder import GIVEN
from tests.examples.published import RanOnce, run_all


@pytest.fixture
def generated(mesh_root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the domains read what their generators make; return the mesh root."""
    monkeypatch.delenv(GIVEN, raising=False)
    monkeypatch.delenv(BAD_DAY, raising=False)
    return mesh_root


@pytest.fixture(scope="session")
def once_published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RanOnce]:
    """Run all domains once on generated input; no test may publish to this mesh."""
    root = tmp_path_factory.mktemp("examples") / "mesh"
    with pytest.MonkeyPatch.context() as patch, dg.DagsterInstance.ephemeral() as instance:
        patch.setenv("MESH_ROOT", str(root))
        for name in (GIVEN, BAD_DAY, "MESH_REGISTRY"):
            patch.delenv(name, raising=False)
        yield RanOnce(root, list(run_all(instance)))


@pytest.fixture
def published(once_published: RanOnce, monkeypatch: pytest.MonkeyPatch) -> RanOnce:
    """Point the test to the mesh of all domains."""
    monkeypatch.setenv("MESH_ROOT", str(once_published.root))
    return once_published


@pytest.fixture
def real(real_data: Path, generated: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the domains read the real files; return the mesh root."""
    monkeypatch.setenv(GIVEN, str(real_data))
    return generated
