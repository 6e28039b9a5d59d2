"""Keep what a command imports and sets to the test that ran it."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli import scenario

SETTINGS = """
telemetry: {enabled: false}
# Each run would start four processes to copy what its steps print.
compute_logs:
  module: dagster.core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager
"""


@pytest.fixture(autouse=True)
def as_if_started_anew(mesh_root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "path", sys.path.copy())
    (Path(os.environ["DAGSTER_HOME"]) / "dagster.yaml").write_text(SETTINGS, encoding="utf-8")
    environment = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(environment)


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a workspace of two code locations, in the current folder."""
    monkeypatch.chdir(tmp_path)
    return scenario.write_workspace(tmp_path)
