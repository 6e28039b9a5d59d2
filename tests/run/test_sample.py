from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pandera.polars as pa
import polars as pl
import pytest

from mesh_dagster.declare.address import Address
from mesh_dagster.declare.product import DataProduct
from mesh_dagster.errors import DeclarationError
from mesh_dagster.run.sample import sample
from mesh_dagster.run.sidecar import SAMPLE_SUFFIX
from mesh_dagster.run.store import WHOLE, Store
from mesh_dagster.run.vacuum import LONGEST_RUN, vacuum
from tests.run.scenario import (
    ADDRESS,
    NOW,
    PORT,
    SET_ASIDE,
    line_schema,
    lines,
    port_of,
    publish_well,
    refusal_of,
)

WHERE = Address.parse(ADDRESS)


def sampled(slice_: str = WHOLE) -> pl.DataFrame | None:
    return sample(Store.at(), WHERE, slice_)


def sidecars() -> list[Path]:
    return sorted(Path(Store.at().root).rglob(f"*{SAMPLE_SUFFIX}"))


def test_a_small_batch_is_its_own_sample() -> None:
    publish_well(lines(1, 2, 3))

    assert sampled().equals(lines(1, 2, 3))  # type: ignore[union-attr]  # there is one


def test_a_sample_comes_from_places_spread_over_the_batch() -> None:
    publish_well(lines(*range(1_000)))

    found = sampled()

    assert found is not None
    assert found["order"].to_list() == [n + k for n in (0, 250, 500, 750) for k in range(5)]


@pytest.mark.parametrize("rows", [1, 3, 7])
def test_a_port_says_how_many_rows_its_sample_has(rows: int) -> None:
    publish_well(lines(*range(50)), replace(PORT, sample_rows=rows))

    found = sampled()

    assert found is not None
    assert found.height == rows


def test_a_port_without_samples_keeps_none() -> None:
    publish_well(lines(1, 2), replace(PORT, sample_rows=0))

    assert (sampled(), sidecars()) == (None, [])


def test_a_product_may_forbid_samples() -> None:
    product = sampling_product(0)

    @product.port(contract=line_schema())
    def quiet() -> pl.LazyFrame:
        raise NotImplementedError

    @product.port(contract=line_schema(), sample_rows=2)
    def open_() -> pl.LazyFrame:
        raise NotImplementedError

    assert [port.sample_rows for port in product.ports.values()] == [0, 2]


def sampling_product(sample_rows: int) -> DataProduct:
    return DataProduct(
        domain="sales",
        name="orders",
        owner="team:sales",
        alignment="source",
        purpose="What was sold.",
        sample_rows=sample_rows,
    )


@pytest.mark.parametrize("rows", [-1, 1_001, True, "20"])
def test_a_sample_of_no_sensible_size_is_refused(rows: int) -> None:
    with pytest.raises(DeclarationError) as refused:
        sampling_product(rows)

    assert str(refused.value) == (
        f"Product 'sales/orders' keeps {rows!r} rows as a sample. Give a number from 0 to 1000."
    )


def test_a_sensitive_column_is_never_in_a_sample() -> None:
    contract = line_schema()
    contract.columns["artist"].metadata = {"sensitivity": "personal"}
    publish_well(lines(1, 2, artist="Ann"), port_of(contract))

    found = sampled()

    assert found is not None
    assert found.columns == ["order", "amount"]
    assert b"Ann" not in sidecars()[0].read_bytes()


def test_a_column_that_became_sensitive_is_no_longer_shown() -> None:
    publish_well(lines(1))

    found = sample(Store.at(), WHERE, WHOLE, ["artist", "gone"])

    assert found is not None
    assert found.columns == ["order", "amount"]


def test_long_values_are_cut_and_large_ones_left_out() -> None:
    contract = pa.DataFrameSchema(
        {
            "text": pa.Column(pl.String),
            "list": pa.Column(pl.List(pl.Int64)),
            "large": pa.Column(pl.Binary),
        }
    )
    row = {"text": ["a" * 5_000], "list": [list(range(50))], "large": [b"x" * 2_000_000]}
    publish_well(pl.DataFrame(row), port_of(contract))

    found = sampled()

    assert found is not None
    assert found.rows() == [("a" * 200, list(range(10)))]


def test_each_partition_has_a_sample_of_its_own() -> None:
    port = port_of(partition_column="artist")
    publish_well(lines(1, artist="a"), port, "a")
    publish_well(lines(2, artist="b"), port, "b")

    assert [frame["order"].to_list() for s in "ab" if (frame := sampled(s)) is not None] == [
        [1],
        [2],
    ]


def test_a_refused_batch_leaves_no_sample() -> None:
    refusal_of(lines(1, amount=-1.0))

    assert (sampled(), sidecars()) == (None, [])


def test_rejected_rows_are_in_no_sample() -> None:
    frame = lines(1).vstack(lines(2, amount=-1.0))
    publish_well(frame, port_of(quality=SET_ASIDE))

    found = sampled()

    assert found is not None
    assert found["order"].to_list() == [1]
    assert len(sidecars()) == 1


def test_a_batch_without_rows_has_no_sample() -> None:
    publish_well(lines())

    assert (sampled(), sidecars()) == (None, [])


@pytest.mark.parametrize("spoil", [lambda path: path.unlink(), lambda path: path.write_text("no")])
def test_a_lost_or_damaged_sample_is_none(spoil: Callable[[Path], object]) -> None:
    publish_well(lines(1))
    spoil(sidecars()[0])

    assert sampled() is None


def test_vacuum_removes_a_sample_with_its_file() -> None:
    publish_well(lines(1))
    publish_well(lines(2))
    assert len(sidecars()) == 2

    vacuum(Store.at(), lambda _: timedelta(0), NOW + 2 * LONGEST_RUN + timedelta(days=3650))

    found = sampled()
    assert found is not None
    assert (found["order"].to_list(), len(sidecars())) == ([2], 1)
