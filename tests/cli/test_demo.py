import json
import os
import sys
from pathlib import Path

import pytest

from tests.cli.scenario import mesh
from tests.conftest import REPOSITORY

PORTS = 13


@pytest.mark.timeout(300)
def test_the_demo_publishes_every_domain_refuses_the_bad_batch_and_serves_the_good_one(
    mesh_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(REPOSITORY)

    result = mesh("demo")

    out = result.stdout
    assert (result.exit_code, result.stderr) == (0, "")
    assert "mesh://sales/invoices/v1/lines refused: broke 'unit_price <= 19.99' on " in out
    assert "mesh://media_player/plays/v1/events  song not null " in out
    assert "\nmesh://sales/invoices/v1/lines still serves version 0: " in out
    assert " rows, equal to those before the bad day.\n" in out
    home = os.environ["DAGSTER_HOME"]
    program = Path(sys.executable).parent / "dagster"
    if program.is_relative_to(Path.cwd()):  # as in a clone with its own environment
        program = program.relative_to(Path.cwd())
    assert out.endswith(
        f"  DAGSTER_HOME={home} MESH_ROOT={mesh_root} {program} dev -w workspace.yaml\n"
    )
    assert len(json.loads(mesh("ls", "--json").stdout)) == PORTS


def test_the_demo_says_where_it_has_to_be_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    result = mesh("demo")

    assert (result.exit_code, result.stdout, result.stderr) == (
        1,
        "",
        (
            f"The demo finds no 'workspace.yaml' beside 'example_domains' in '{tmp_path}'. Change "
            "to the folder of the clone of mesh_dagster and run 'mesh demo' there. "
            "Nothing was run.\n"
        ),
    )
