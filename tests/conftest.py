"""Give every test a mesh and a Dagster home of its own, and find the real data where it lies."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

REPOSITORY = Path(__file__).resolve().parents[1]
REAL_DATA = Path(os.environ.get("MESH_EXAMPLE_DATA") or REPOSITORY.parent / "shared" / "data")
STANDARDS = Path(os.environ.get("MESH_STANDARDS") or REPOSITORY.parent / "shared" / "standards")

settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable")


@pytest.fixture(autouse=True)
def mesh_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the root of a mesh that only this test sees; it need not exist yet."""
    root = tmp_path / "mesh"
    home = tmp_path / "dagster_home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n", encoding="utf-8")
    monkeypatch.setenv("MESH_ROOT", str(root))
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    monkeypatch.setenv("DAGSTER_DISABLE_TELEMETRY", "yes")
    monkeypatch.delenv("MESH_REGISTRY", raising=False)
    monkeypatch.delenv("MESH_EXAMPLE_DATA", raising=False)
    return root


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of the real input; tests that need it skip where it is absent."""
    if not REAL_DATA.is_dir():
        pytest.skip("The real input is not here: set MESH_EXAMPLE_DATA to its folder.")
    return REAL_DATA


@pytest.fixture(scope="session")
def standards() -> Path:
    """Return the folder of the public schemas and examples; tests that need it skip without it."""
    if not STANDARDS.is_dir():
        pytest.skip("The standards are not here: set MESH_STANDARDS to their folder.")
    return STANDARDS
