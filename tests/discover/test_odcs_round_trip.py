import json
from dataclasses import replace
from pathlib import Path

import polars as pl
from hypothesis import HealthCheck, given, settings

import mesh_dagster as md
from mesh_dagster.declare.transcribe import written as contract_of
from mesh_dagster.discover.documents import check_odcs
from mesh_dagster.discover.odcs.tables import SOURCE
from mesh_dagster.run.declared import freshness_row, quality_row
from tests.discover.odcs import Document, exported, official_schema, written
from tests.discover.products import products


def as_text(contract: Document) -> str:
    """Return a contract as JSON, in which 1 and 1.0 differ."""
    return json.dumps(contract, sort_keys=True)


def declared_again(product: md.DataProduct, path: Path) -> md.DataProduct:
    """Declare a product whose port keeps what a file says."""
    again = md.DataProduct(
        domain=product.domain,
        name=product.name,
        version=product.version,
        owner=product.owner,
        alignment=product.alignment,
        purpose=product.purpose,
        retention=product.retention,
    )
    given_port = product.ports["lines"]

    @again.port(
        contract=md.odcs(path),
        description=given_port.description,
        cadence=given_port.execution.cadence,
    )
    def lines() -> pl.LazyFrame:
        raise NotImplementedError

    return again


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(products())
def test_a_product_declared_from_its_own_export_is_the_same(
    tmp_path: Path, standards: Path, product: md.DataProduct
) -> None:
    del standards
    document = exported(product)
    official_schema().validate(document)
    check_odcs(exported(product, version="v3.2.0"))

    again = declared_again(product, written(tmp_path, document))

    before, after = product.ports["lines"], again.ports["lines"]
    whole, read = contract_of(before.contract), contract_of(after.contract)
    bare = replace(read, metadata={n: v for n, v in read.metadata.items() if n != SOURCE})
    assert after.contract.digest == before.contract.digest
    assert after.contract.keys == before.contract.keys
    assert after.contract.rules == before.contract.rules
    assert as_text(bare.as_json()) == as_text(whole.as_json())
    assert freshness_row(after.freshness) == freshness_row(before.freshness)
    assert quality_row(after.quality) == quality_row(before.quality)
    assert exported(again) == document
