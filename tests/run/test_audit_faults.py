"""One fault in one row is found wherever it is, and nothing else is."""

from pathlib import Path

import polars as pl
import pytest

from mesh_dagster.run.audit import audit
from mesh_dagster.run.native import validated
from tests.benchmarks.orders import FAULTS, contract, orders

ROWS = 3000
SCHEMA = contract()


@pytest.fixture(scope="module")
def good() -> pl.DataFrame:
    """Orders that keep the contract."""
    return orders(ROWS)


def test_there_are_22_kinds_of_faults() -> None:
    assert len(FAULTS) == 22


def test_orders_without_a_fault_are_accepted(good: pl.DataFrame, tmp_path: Path) -> None:
    good.write_parquet(tmp_path / "orders.parquet", row_group_size=500)

    verdict = audit(tmp_path / "orders.parquet", SCHEMA)

    assert verdict.accepted
    assert verdict.fused
    assert validated(good, SCHEMA).equals(good)


@pytest.mark.parametrize("row", [0, ROWS // 2, ROWS - 1])
@pytest.mark.parametrize("kind", FAULTS)
def test_a_single_fault_refuses_the_batch(
    kind: str, row: int, good: pl.DataFrame, tmp_path: Path
) -> None:
    FAULTS[kind](good, row).write_parquet(tmp_path / "orders.parquet", row_group_size=500)

    verdict = audit(tmp_path / "orders.parquet", SCHEMA)

    rows = 2 if kind.startswith("key") else 1
    assert not verdict.accepted
    assert verdict.fused
    assert {finding.failing_rows for finding in verdict.broken} == {rows}
