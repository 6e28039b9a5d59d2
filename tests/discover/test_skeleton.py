import ast
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import ModuleType

import pandera.polars as pa
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings

import mesh_dagster as md
from mesh_dagster.declare.lifecycle import State
from mesh_dagster.declare.transcribe import written as contract_of
from mesh_dagster.discover.contract_code import promise_code
from mesh_dagster.discover.odcs.files import read_contract
from mesh_dagster.discover.odps import read_product
from mesh_dagster.discover.skeleton import contract_module, product_module
from mesh_dagster.discover.source_code import one_line
from mesh_dagster.run.declared import freshness_row, quality_row
from tests.conftest import STANDARDS
from tests.discover.odcs import exported, read_back
from tests.discover.products import products
from tests.discover.scenario import invoices

EXAMPLES = sorted((STANDARDS / "odcs" / "examples").glob("*.odcs.yaml"))
UNFIT = ["all-data-types.odcs.yaml", "kafka-server.odcs.yaml"]
ODD = "'''\"\"\"\n{x}\\ __import__('os').system('true') #"


@pytest.fixture
def modules() -> Iterator[None]:
    yield
    sys.modules.pop("declared_again", None)


def run(source: str) -> ModuleType:
    """Run a module that was written; pandera and Dagster look modules up by name."""
    module = ModuleType("declared_again")
    sys.modules[module.__name__] = module
    exec(compile(source, "declared_again.py", "exec"), vars(module))  # noqa: S102 - what users do
    return module


def product_of(source: str) -> md.DataProduct:
    declared = run(source).data_product
    assert isinstance(declared, md.DataProduct)
    return declared


@pytest.mark.usefixtures("modules")
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(products())
def test_a_product_declared_from_written_python_is_the_same(
    tmp_path: Path, product: md.DataProduct
) -> None:
    again = product_of(contract_module(read_back(tmp_path, exported(product))))

    [before], [after] = product.ports.values(), again.ports.values()
    assert str(after.address) == str(before.address)
    assert after.contract.digest == before.contract.digest
    assert json.dumps(contract_of(after.contract).as_json(), sort_keys=True) == json.dumps(
        contract_of(before.contract).as_json(), sort_keys=True
    )
    assert freshness_row(after.freshness) == freshness_row(before.freshness)
    assert quality_row(after.quality) == quality_row(before.quality)
    assert (after.description, after.execution.cadence) == (
        before.description,
        before.execution.cadence,
    )
    names = ("key", "version", "owner", "alignment", "purpose", "retention")
    assert [getattr(again, n) for n in names] == [getattr(product, n) for n in names]


@pytest.mark.usefixtures("modules")
@pytest.mark.parametrize(
    "path", [path for path in EXAMPLES if path.name not in UNFIT], ids=lambda path: path.name
)
def test_python_written_from_an_example_declares_its_tables(path: Path) -> None:
    read = read_contract(path)

    product = product_of(contract_module(read))

    assert [port.contract.name for port in product.ports.values()] == list(read.tables)


@pytest.mark.usefixtures("modules")
def test_a_module_reads_like_one_that_was_written_by_hand(tmp_path: Path) -> None:
    assert (
        contract_module(read_back(tmp_path, exported(invoices())))
        == '''\
"""Declare what 'contract.odcs.yaml' describes."""

import datetime

import pandera.polars as pa
import polars as pl

import mesh_dagster as md

LINES = pa.DataFrameSchema(
    {
        "invoice": pa.Column(
            pl.Int64(),
            [pa.Check.greater_than_or_equal_to(min_value=1)],
            unique=True,
            description="The number.",
            metadata={"entity": "invoice", "example": 7},
        ),
        "customer": pa.Column(pl.String(), metadata={"sensitivity": "personal"}),
        "amount": pa.Column(
            pl.Float64(),
            nullable=True,
            description="What it cost.",
            metadata={"unit": "EUR"},
        ),
    },
    name="Line",
)

data_product = md.DataProduct(
    domain="sales",
    name="invoices",
    version="1.0.0",
    owner="team:sales",
    alignment="source",
    purpose="What the store sold.",
    retention=datetime.timedelta(days=30),
)


@data_product.port(
    contract=LINES,
    freshness=md.Freshness(within=datetime.timedelta(seconds=21600)),
    description="Every line of an invoice.",
)
def lines() -> pl.LazyFrame:
    raise NotImplementedError("Build the frame that the contract promises.")
'''
    )


@pytest.mark.usefixtures("modules")
def test_no_text_of_a_document_becomes_code(tmp_path: Path) -> None:
    document = exported(invoices())
    table = document["schema"][0]
    column = {**table["properties"][1], "name": ODD, "description": ODD, "businessName": ODD}
    column |= {"classification": ODD, "logicalTypeOptions": {"pattern": "'\\\"\n"}}
    document |= {"name": ODD, "domain": ODD, "id": ODD, "version": ODD, "team": {"name": ODD}}
    document |= {"description": {"purpose": ODD}, "customProperties": []}
    document["schema"] = [{**table, "name": ODD, "description": ODD, "properties": [column]}]
    path = tmp_path / "a'\"\n.yaml"

    source = contract_module(replace(read_back(tmp_path, document), path=path))

    called = {
        ast.unparse(node.func) for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)
    }
    assert called == {
        *("pa.DataFrameSchema", "pa.Column", "pa.Check.str_contains", "pl.String"),
        *("md.DataProduct", "data_product.port", "md.Freshness"),
        *("datetime.timedelta", "NotImplementedError"),
    }
    product = product_of(source)
    [port] = product.ports.values()
    assert port.contract.column_names == (ODD,)
    assert product.purpose == ODD


def test_a_product_document_becomes_a_product(standards: Path) -> None:
    path = standards / "odps" / "simple-data-product.odps.yaml"

    assert (
        product_module(read_product(path), path.name, {})
        == '''\
"""Declare what 'simple-data-product.odps.yaml' describes."""

import polars as pl

import mesh_dagster as md

data_product = md.DataProduct(
    domain="domain",
    name="simple_data_product",
    version="1.0.0",
    owner="team:unknown",
    alignment="source",
    purpose="Simple test data product",
    inputs={"source_data": md.InputPort("mesh://unknown/source_data/v1/source_data")},
    tags={"test": "", "simple": ""},
)


@data_product.port(
    contract=md.odcs("processed_data.odcs.yaml"),
    description="Processed output data",
)
def processed_data() -> pl.LazyFrame:
    raise NotImplementedError("Build the frame that the contract promises.")
'''
    )


@pytest.mark.parametrize(
    ("told", "name"),
    [("2nd Orders-2024", "nd_orders_2024"), ("orders_2", "orders_2"), ("v2", "product")],
)
def test_a_name_stays_as_near_to_that_of_the_document_as_the_rules_allow(
    told: str, name: str
) -> None:
    document = {"id": "x", "name": told}

    assert f'name="{name}",' in product_module(document, "x.yaml", {})


@pytest.mark.usefixtures("modules")
@pytest.mark.parametrize(
    "state",
    [
        "draft",
        md.Deprecated(date(2026, 1, 1), date(2026, 6, 30)),
        md.Deprecated(date(2026, 1, 1), date(2026, 6, 30), "mesh://sales/invoices/v2/lines"),
    ],
)
def test_the_state_of_a_port_is_declared_again(state: State, tmp_path: Path) -> None:
    product = md.DataProduct(
        domain="sales", name="invoices", owner="team:sales", alignment="source", purpose="Sales."
    )

    @product.port(contract=pa.DataFrameSchema({"n": pa.Column(int)}), state=state)
    def lines() -> pl.LazyFrame:
        raise NotImplementedError

    document = exported(product)
    again = product_of(contract_module(read_back(tmp_path, document)))

    assert document["status"] == ("draft" if state == "draft" else "deprecated")
    assert again.ports["lines"].state == state


def test_a_range_of_rows_is_declared_as_a_tuple() -> None:
    quality = md.Quality(rows=(1, None))

    assert one_line(promise_code(quality)) == "md.Quality(rows=(1, None))"
