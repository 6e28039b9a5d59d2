"""A consumer is handed what it relies on, once it is known to be there."""

from collections.abc import Iterator
from contextlib import closing

import pandera.polars as pa
import polars as pl
import pytest
import sqlalchemy as sa

import mesh_dagster as md
from mesh_dagster.declare.address import Reference
from mesh_dagster.declare.contract import Contract
from mesh_dagster.declare.expectation import expectation_of
from mesh_dagster.errors import DeclarationError, ExpectationBrokenError
from mesh_dagster.run.delta import Snapshot
from mesh_dagster.run.read import resolve
from mesh_dagster.run.registry import Registry
from mesh_dagster.run.store import WHOLE, Store
from mesh_dagster.run.take import expectations_met, take_once
from tests.run.scenario import ADDRESS, lines, publish_well

Column, Check = pa.Column, pa.Check


@pytest.fixture
def registry() -> Iterator[Registry]:
    with closing(Registry(Store.at().registry_url)) as opened:
        yield opened


def newest() -> Snapshot:
    return resolve(Reference.parse(ADDRESS), Store.at())


def known(registry: Registry) -> list[int]:
    return [row["version"] for row in registry.rows(sa.select(expectations_met))]


def counting(calls: list[int]) -> pa.Check:
    """Return a rule that no other code location can judge, and that notes when it is asked."""

    def few(data: pa.PolarsData) -> pl.LazyFrame:
        calls.append(1)
        return data.lazyframe.select(pl.col(data.key) < 5)

    return Check(few, error="few")


def take(registry: Registry, expected: Contract) -> list[str]:
    taken = take_once(newest(), expected, ADDRESS, WHOLE, registry, "Product 'a/b'")
    return taken.plan().collect_schema().names()


def test_a_reader_gets_the_columns_that_it_names_in_their_order() -> None:
    publish_well(lines(1, 2))

    expected = pa.DataFrameSchema({"amount": Column(float), "order": Column(int)})

    assert md.read(ADDRESS, expects=expected).collect().sort("order").rows() == [(1.0, 1), (1.0, 2)]
    assert md.read(ADDRESS, expects=expected).collect().columns == ["amount", "order"]


def test_a_reader_is_told_at_once_what_its_version_does_not_keep() -> None:
    publish_well(lines(1, 9))
    publish_well(lines(1))
    expected = pa.DataFrameSchema(
        {
            "order": Column(int, counting([])),
            "amount": Column(pl.Float32),
            "song": Column(str),
            "artist": Column(nullable=True, required=False),
        }
    )

    with pytest.raises(ExpectationBrokenError) as refused:
        md.read(f"{ADDRESS}?version=0", expects=expected)

    assert str(refused.value) == (
        f"This reader cannot take '{ADDRESS}?version=0', which breaks 3 of the 8 rules that are "
        "expected: 'amount is Float32' (is Float64); 'song is String' (is missing); "
        "'order few' on 1 of 2 rows. Nothing was read. "
        "Come to terms with the owner of the port, or expect less."
    )


def test_a_reader_that_expects_what_cannot_be_read_is_refused() -> None:
    publish_well(lines(1))

    with pytest.raises(DeclarationError):
        md.read(ADDRESS, expects=pa.DataFrameSchema({}))


def test_nothing_that_is_expected_is_there() -> None:
    publish_well(lines(1))

    with pytest.raises(ExpectationBrokenError) as refused:
        md.read(ADDRESS, expects=pa.DataFrameSchema({"song": Column(nullable=True)}))

    assert "breaks 1 of the 1 rules that are expected: 'song is there' (is missing)." in str(
        refused.value
    )


def test_a_version_is_audited_once_for_each_thing_that_is_expected(registry: Registry) -> None:
    calls: list[int] = []
    expected = expectation_of(ADDRESS, pa.DataFrameSchema({"order": Column(int, counting(calls))}))
    other = expectation_of(ADDRESS, pa.DataFrameSchema({"artist": Column(str)}))
    publish_well(lines(1))

    assert take(registry, expected) == ["order"]
    asked = len(calls)
    assert take(registry, expected) == ["order"]
    assert take(registry, other) == ["artist"]
    assert len(calls) == asked > 0
    assert known(registry) == [0, 0]


def test_a_new_version_is_audited_anew(registry: Registry) -> None:
    expected = expectation_of(ADDRESS, pa.DataFrameSchema({"order": Column(int, counting([]))}))
    publish_well(lines(1))
    take(registry, expected)
    publish_well(lines(9))

    with pytest.raises(ExpectationBrokenError) as refused:
        take(registry, expected)

    assert str(refused.value).startswith(f"Product 'a/b' cannot take '{ADDRESS}?version=1', which")
    assert known(registry) == [0]
