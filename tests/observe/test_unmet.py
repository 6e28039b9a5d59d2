"""What a product expects in vain is told to its owner, once."""

from collections.abc import Iterator
from contextlib import closing

import pandera.polars as pa
import polars as pl
import pytest

from mesh_dagster.declare.port import InputPort
from mesh_dagster.declare.product import DataProduct
from mesh_dagster.observe.unmet import tell_unmet
from mesh_dagster.run.declared import register
from mesh_dagster.run.registry import Registry
from mesh_dagster.run.store import Store
from tests.run.scenario import ADDRESS, NOW, PORT, product_of


@pytest.fixture
def registry() -> Iterator[Registry]:
    with closing(Registry(Store.at().registry_url)) as opened:
        yield opened


def consumer(*columns: str) -> DataProduct:
    product = DataProduct(
        domain="finance",
        name="royalties",
        owner="team:finance",
        alignment="consumer",
        purpose="What is owed.",
        inputs={"lines": InputPort(ADDRESS, columns=columns)},
    )

    @product.port(contract=pa.DataFrameSchema({"owed": pa.Column(float)}))
    def owed() -> pl.LazyFrame:
        raise NotImplementedError

    return product


def test_what_is_expected_in_vain_is_told_once(registry: Registry) -> None:
    producer = product_of()
    producer.ports["lines"] = PORT
    for product in (producer, consumer("song")):
        register(product, registry, lambda: NOW)

    first = tell_unmet([producer, consumer("song")], registry, NOW)
    again = tell_unmet([producer, consumer("song")], registry, NOW)

    [notice] = first
    [item] = notice.items
    assert again == []
    assert notice.title == "Expectation not promised: mesh://finance/royalties/v1/owed"
    assert (item.address, item.owner) == ("mesh://finance/royalties/v1/owed", "team:finance")
    assert item.text == (
        f"expects by its input 'lines' what '{ADDRESS}' does not promise: "
        "'song' any type, promised no such column"
    )


def test_what_can_be_had_or_is_not_known_yet_is_not_told(registry: Registry) -> None:
    assert tell_unmet([consumer("song")], registry, NOW) == []
    producer = product_of()
    producer.ports["lines"] = PORT
    register(producer, registry, lambda: NOW)

    assert tell_unmet([consumer("order")], registry, NOW) == []
