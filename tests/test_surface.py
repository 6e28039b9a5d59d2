import re
import subprocess
import sys

import pytest

import mesh_dagster as md
from tests.conftest import REPOSITORY

PUBLIC = [
    "Address",
    "DataProduct",
    "Deprecated",
    "Freshness",
    "InputPort",
    "MeshError",
    "MeshIOManager",
    "MeshResource",
    "OutputPort",
    "Quality",
    "Verdict",
    "__version__",
    "audit",
    "definitions",
    "odcs",
    "read",
    "relation",
]
BRINGS_DAGSTER = ["MeshIOManager", "MeshResource", "definitions"]


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )


def test_the_public_names_are_these() -> None:
    assert sorted(md.__all__) == PUBLIC


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_is_there_listed_and_documented(name: str) -> None:
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")

    value = getattr(md, name)

    assert name in dir(md)
    assert name == "__version__" or value.__doc__
    assert re.search(rf"(md\.|`){name}\b", readme)


def test_an_unknown_name_is_refused_as_by_any_module() -> None:
    name = "data_product"

    with pytest.raises(AttributeError) as refused:
        getattr(md, name)

    assert str(refused.value) == "module 'mesh_dagster' has no attribute 'data_product'"


def test_the_version_is_the_one_of_the_project_and_of_the_newest_changes() -> None:
    project = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    changes = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")

    newest = re.search(r"^## (\d+\.\d+\.\d+)", changes, re.MULTILINE)

    assert f'\nversion = "{md.__version__}"\n' in project
    assert newest is not None
    assert newest[1] == md.__version__


def test_reading_and_declaring_do_not_wait_for_dagster() -> None:
    """Importing Dagster costs a second, which a reader would pay at every start."""
    code = f"""
import sys
import mesh_dagster as md

for name in {[name for name in PUBLIC if name not in BRINGS_DAGSTER]}:
    getattr(md, name)
    if "dagster" in sys.modules:
        sys.exit(f"md.{{name}} imports dagster")
"""

    result = run_python(code)

    assert (result.returncode, result.stderr) == (0, "")


def test_the_command_starts_without_dagster() -> None:
    result = run_python("import sys, mesh_dagster.cli.main; sys.exit('dagster' in sys.modules)")

    assert (result.returncode, result.stderr) == (0, "")
