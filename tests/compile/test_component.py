"""A product in YAML is the same product as in Python."""

import subprocess
import sys

import pytest
import yaml
from dagster.components.core.component_tree import ComponentTreeException
from dagster.components.testing.utils import DefsFolderSandbox, create_defs_folder_sandbox

import mesh_dagster as md
from mesh_dagster.compile.component import DataProduct
from mesh_dagster.compile.definitions import products_of
from tests.conftest import REPOSITORY

# Dagster reads YAML by names that pydantic has replaced, and calls parts of itself beta.
pytestmark = [
    pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecatedSince20"),
    pytest.mark.filterwarnings("ignore::dagster.BetaWarning"),
]


def scaffolded(sandbox: DefsFolderSandbox, name: str = "orders") -> dict[str, object]:
    """Scaffold a product, and return what was written into its `defs.yaml`."""
    path = sandbox.scaffold_component(component_cls=DataProduct, defs_path=name)
    written: dict[str, object] = yaml.safe_load((path / "defs.yaml").read_text(encoding="utf-8"))
    return written


def test_what_is_scaffolded_runs_at_once() -> None:
    with create_defs_folder_sandbox() as sandbox:
        scaffolded(sandbox)
        scaffolded(sandbox, "refunds")
        with sandbox.build_all_defs() as defs:
            result = defs.resolve_implicit_global_asset_job_def().execute_in_process()
            keys = sorted(product.key for product in products_of(defs))
            sensors = sorted(sensor.name for sensor in defs.sensors or ())

    assert result.success
    assert keys == ["example/orders", "example/refunds"]
    assert sensors == ["mesh_automation", "mesh_slo"]
    assert md.read("mesh://example/orders/v1/rows").collect().height == 2


def test_every_attribute_reaches_the_product() -> None:
    with create_defs_folder_sandbox() as sandbox:
        written = scaffolded(sandbox)
        attributes = written["attributes"]
        assert isinstance(attributes, dict)
        body = attributes | {
            "version": "2.1.0",
            "inputs": {"plays": {"address": "mesh://media/plays/v1/events", "columns": ["song"]}},
            "tags": {"tier": "gold"},
            "ports": [
                {
                    "build": "build.py:rows",
                    "contract": "build.py:Row",
                    "description": "Every row.",
                    "cadence": "0 7 * * *",
                    "freshness": {"within": "36h", "warn": "1d"},
                    "quality": {"valid_rows": 0.9, "otherwise": "quarantine"},
                }
            ],
        }
        path = sandbox.defs_folder_path / "orders" / "defs.yaml"
        path.write_text(yaml.safe_dump({**written, "attributes": body}), encoding="utf-8")
        with sandbox.build_all_defs() as defs:
            [product] = products_of(defs)

    port = product.ports["rows"]
    assert (product.version, product.tags) == ("2.1.0", {"tier": "gold"})
    assert product.inputs["plays"] == md.InputPort("mesh://media/plays/v1/events", columns=["song"])
    assert (port.description, port.execution.cadence) == ("Every row.", "0 7 * * *")
    assert port.quality == md.Quality(valid_rows=0.9, otherwise="quarantine")
    assert port.freshness is not None
    assert port.freshness.within.total_seconds() == 36 * 3600


@pytest.mark.parametrize("reference", ["build.py:row", "nowhere.py:rows", "nowhere:rows"])
def test_a_reference_that_leads_nowhere_is_named(reference: str) -> None:
    with create_defs_folder_sandbox() as sandbox:
        written = scaffolded(sandbox)
        attributes = written["attributes"]
        assert isinstance(attributes, dict)
        attributes["ports"][0]["build"] = reference
        path = sandbox.defs_folder_path / "orders" / "defs.yaml"
        path.write_text(yaml.safe_dump(written), encoding="utf-8")

        with pytest.raises(ComponentTreeException) as refused, sandbox.build_all_defs():
            pass

    assert isinstance(refused.value.__cause__, md.MeshError)
    assert str(refused.value.__cause__) == (
        f"Product 'example/orders' names '{reference}', which is not there. "
        "Write a file beside defs.yaml or a module, ':' and a name, as build.py:orders."
    )


def test_a_location_may_say_where_its_mesh_lies() -> None:
    with create_defs_folder_sandbox() as sandbox:
        scaffolded(sandbox)
        path = sandbox.defs_folder_path / "mesh" / "defs.yaml"
        settings = {**yaml.safe_load(path.read_text("utf-8")), "attributes": {"root": "/data/mesh"}}
        path.write_text(yaml.safe_dump(settings), encoding="utf-8")
        with sandbox.build_all_defs() as defs:
            resources = defs.resources or {}

    assert resources["mesh"] == md.MeshResource(root="/data/mesh")
    assert resources["mesh_io_manager"] == md.MeshIOManager(root="/data/mesh")


def test_listing_components_waits_for_no_build() -> None:
    """Every command of `dg` imports the module, of all users that have the package."""
    code = (
        "import sys, mesh_dagster.compile.component;"
        "sys.exit(any(name in sys.modules for name in ('polars', 'pandera', 'duckdb')))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
