from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

import mesh_dagster as md
from mesh_dagster.discover.documents import Json, check_odcs, read_document
from mesh_dagster.discover.odcs.files import read_contract
from mesh_dagster.discover.odcs.ports import port_document
from mesh_dagster.discover.odcs.tables import table_of
from tests.conftest import STANDARDS
from tests.discover.odcs import SERVERS, official_schema, port

EXAMPLES = sorted((STANDARDS / "odcs" / "examples").glob("*.odcs.yaml"))
ALL_TYPES = {
    "account_id": pl.String(),
    "txn_ref_date": pl.Date(),
    "txn_timestamp": pl.Datetime("us"),
    "txn_timestamp_tz": pl.Datetime("us", "Australia/Sydney"),
    "txn_time": pl.Time(),
    "amount": pl.Float32(),
    "age": pl.Int64(),
    "is_open": pl.Boolean(),
    "latest_txns": None,
    "customer_details": pl.String(),
}


def missing(theirs: Json, ours: Json, place: str = "") -> Iterator[str]:
    """Yield where something of theirs is not in ours with an equal value."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for name, value in theirs.items():
            yield from missing(value, ours.get(name, ...), f"{place}.{name}")
    elif isinstance(theirs, list) and isinstance(ours, list):
        for number, value in enumerate(theirs):
            other = ours[number] if number < len(ours) else ...
            yield from missing(value, other, f"{place}.{number}")
    elif theirs != ours or type(theirs) is not type(ours):
        yield place


def promising(path: Path, table: str) -> md.DataProduct:
    """Return a product whose port keeps what a file says of a table."""
    document = read_document(path, check_odcs)
    product = md.DataProduct(
        domain="shop",
        name="orders",
        version=document["version"],
        owner="team:shop",
        alignment="source",
        purpose="What was ordered.",
    )

    @product.port(contract=md.odcs(path, schema=table))
    def lines() -> pl.LazyFrame:
        raise NotImplementedError

    return product


def tables() -> list[tuple[Path, str]]:
    """Return every table of the examples that a port can publish."""
    unfit = {("all-data-types.odcs.yaml", "transactions_tbl"), ("kafka-server.odcs.yaml", "Orders")}
    return [
        (path, name)
        for path in EXAMPLES
        for name in read_contract(path).tables
        if (path.name, name) not in unfit
    ]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_table_of_an_example_is_written_as_it_was_read(path: Path) -> None:
    read = read_contract(path)

    again = [table_of(t.contract, name, t, t.rows) for name, t in read.tables.items()]

    assert again == (read.document["schema"] or [])


@pytest.mark.parametrize(("path", "table"), tables(), ids=lambda part: getattr(part, "name", part))
def test_a_port_declared_from_an_example_is_exported_with_all_that_it_says(
    path: Path, table: str
) -> None:
    theirs = read_contract(path).document

    ours = port_document(port(promising(path, table), "lines"), SERVERS)

    official_schema().validate(ours)
    assert list(missing({**theirs, "apiVersion": "v3.1.0"}, ours)) == []


def test_all_examples_are_here(standards: Path) -> None:
    del standards

    assert (len(EXAMPLES), len(tables())) == (11, 9)


def test_every_logical_type_is_read(standards: Path) -> None:
    path = standards / "odcs" / "examples" / "all-data-types.odcs.yaml"

    contract = read_contract(path).table().contract

    assert {column.name: column.dtype for column in contract.columns} == ALL_TYPES
    assert [rule.text for column in contract.columns for rule in column.rules] == [
        "account_id str_length(11, 11)",
        "account_id str_contains('ACC[0-9]{8}')",
        "txn_ref_date > 2020-01-01",
        "txn_ref_date <= 2021-01-01",
        "txn_timestamp >= 2020-01-01 00:00:00",
        "txn_timestamp <= 2021-01-01 00:00:00",
        "txn_timestamp_tz >= 2020-01-01 00:00:00+10:00",
        "txn_timestamp_tz <= 2021-01-01 00:00:00+10:00",
        "txn_time >= 00:00:00",
        "txn_time <= 23:59:59",
        "amount >= 0",
        "age >= 18",
        "age < 100",
    ]


def test_a_primary_key_is_a_key(standards: Path) -> None:
    folder = standards / "odcs" / "examples"

    several = read_contract(folder / "table-columns-with-partition.odcs.yaml").table().contract
    one = read_contract(folder / "column-completeness.odcs.yaml").table().contract

    assert several.keys == (("rcvr_cntry_code", "rcvr_id"),)
    assert [(c.name, c.unique, c.nullable) for c in one.columns] == [("UniqueID", True, False)]


def test_nested_columns_are_read_whole(standards: Path) -> None:
    read = read_contract(standards / "odcs" / "examples" / "all-schema-types.odcs.yaml")

    lines = read.table("AnObject").contract.columns[0].dtype
    nested = read.table("AnotherObject").contract.columns[0].dtype

    assert lines == pl.List(pl.String)
    assert nested == pl.List(pl.Struct({"id": pl.String, "zip": pl.String}))


def test_what_no_rule_can_say_is_told_and_kept(standards: Path) -> None:
    read = read_contract(standards / "odcs" / "examples" / "column-validity.odcs.yaml").table()

    [(column, check)] = read.all_unread

    assert (column, check["metric"], check["unit"]) == (
        "air_quality_status",
        "invalidValues",
        "percent",
    )
