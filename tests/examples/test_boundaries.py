import ast
import re
from pathlib import Path

import pandera.polars as pa
import pytest

import example_domains
from mesh_dagster.declare.contract import Contract
from mesh_dagster.declare.storage import stored_schema

_FOLDER = Path(example_domains.__path__[0])
_DOMAINS = sorted(path.parent.name for path in _FOLDER.glob("*/__init__.py"))
_SOURCES = {"catalogue", "labels", "media_player", "sales"}
_SHARED = {"example_domains", "example_domains.source_folder"}


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(name.name for name in node.names)
        if isinstance(node, ast.ImportFrom):
            found.add(str(node.module))
    return found


def _models(domain: str) -> list[type[pa.DataFrameModel]]:
    module = __import__(f"example_domains.{domain}.contracts", fromlist=["contracts"])
    values = vars(module).values()
    return [
        model
        for model in values
        if isinstance(model, type)
        and issubclass(model, pa.DataFrameModel)
        and model.__module__ == module.__name__
    ]


def test_there_are_six_domains() -> None:
    assert _DOMAINS == ["catalogue", "labels", "listening", "media_player", "royalties", "sales"]


@pytest.mark.parametrize("domain", _DOMAINS)
def test_a_domain_imports_no_other_domain(domain: str) -> None:
    ours = f"example_domains.{domain}"

    imported = {name for path in (_FOLDER / domain).glob("*.py") for name in _imports(path)}

    examples = {name for name in imported if name.startswith("example_domains")}
    assert {name for name in examples - _SHARED if not f"{name}.".startswith(f"{ours}.")} == set()


@pytest.mark.parametrize("domain", _DOMAINS)
def test_a_domain_has_the_files_that_every_domain_has(domain: str) -> None:
    names = {path.name for path in (_FOLDER / domain).glob("*.py")}

    expected = {"__init__.py", "build.py", "contracts.py", "definitions.py", "products.py"}
    assert names == expected | ({"generator.py", "source.py"} if domain in _SOURCES else set())


@pytest.mark.parametrize("domain", _DOMAINS)
def test_only_declarations_import_dagster_or_the_mesh(domain: str) -> None:
    plain = [
        path
        for path in (_FOLDER / domain).glob("*.py")
        if path.name not in {"products.py", "definitions.py"}
    ]

    roots = {name.partition(".")[0] for path in plain for name in _imports(path)}

    assert roots & {"dagster", "mesh_dagster"} == set()


@pytest.mark.parametrize("domain", _DOMAINS)
def test_a_contract_describes_itself_and_every_column(domain: str) -> None:
    schemas = [model.to_schema() for model in _models(domain)]

    bare = [schema.name for schema in schemas if not schema.description]
    bare += [
        f"{schema.name}.{name}"
        for schema in schemas
        for name, column in schema.columns.items()
        if not column.description
    ]
    assert schemas
    assert bare == []


@pytest.mark.parametrize("domain", _DOMAINS)
def test_a_contract_is_stored_in_the_types_that_it_names(domain: str) -> None:
    contracts = [Contract.of(model) for model in _models(domain)]

    for contract in contracts:
        promised = {column.name: column.dtype for column in contract.columns}
        assert stored_schema(contract) == promised


def test_the_workspace_names_a_code_location_for_each_domain() -> None:
    text = (_FOLDER.parent / "workspace.yaml").read_text(encoding="utf-8")

    locations = re.findall(r"module_name: ([\w.]+), location_name: (\w+)", text)

    assert sorted(locations) == [(f"example_domains.{name}.definitions", name) for name in _DOMAINS]
