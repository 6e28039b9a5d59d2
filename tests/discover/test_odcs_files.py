from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import pandera.polars as pa
import polars as pl
import pytest

import mesh_dagster as md
from mesh_dagster.declare.transcribe import written as contract_of
from mesh_dagster.discover.odcs.rules import rule_fields
from tests.discover.odcs import SERVERS, Document, exported, read_back, written

DOCUMENT: Document = {
    "apiVersion": "v3.1.0",
    "kind": "DataContract",
    "id": "orders-by-hand",
    "version": "1.0.0",
    "status": "active",
    "description": {"purpose": "Written by hand.", "limitations": "None known."},
    "team": {"name": "sales", "members": [{"username": "ann", "role": "steward"}]},
    "price": {"priceAmount": 9.95, "priceCurrency": "EUR"},
    "servers": [{"server": "lake", "type": "s3", "location": "s3://lake/orders"}],
    "schema": [
        {
            "name": "lines",
            "dataGranularityDescription": "One row for each line.",
            "properties": [
                {
                    "name": "number",
                    "logicalType": "integer",
                    "required": True,
                    "primaryKey": True,
                    "criticalDataElement": True,
                    "logicalTypeOptions": {"minimum": 1},
                    "customProperties": [{"property": "unit", "value": "1", "description": "None"}],
                },
                {
                    "name": "sold_at",
                    "logicalType": "timestamp",
                    "logicalTypeOptions": {"timezone": True},
                    "quality": [{"type": "text", "description": "In opening hours."}],
                },
            ],
        },
        {"name": "totals", "properties": [{"name": "amount", "logicalType": "number"}]},
    ],
    "slaProperties": [
        {"property": "latency", "value": 4, "unit": "h", "element": "lines.sold_at"},
        {"property": "retention", "value": 3, "unit": "y", "element": "lines.sold_at"},
    ],
}


def sold(contract: object, **promises: object) -> md.DataProduct:
    product = md.DataProduct(
        domain="sales",
        name="orders",
        owner="team:sales",
        alignment="source",
        purpose="What was sold.",
    )

    @product.port(contract=contract, **promises)  # type: ignore[arg-type]  # as it comes
    def lines() -> pl.LazyFrame:
        raise NotImplementedError

    return product


def test_a_port_keeps_what_a_document_promises(tmp_path: Path) -> None:
    path = written(tmp_path, DOCUMENT)

    port = sold(md.odcs(path, schema="lines")).ports["lines"]
    total = sold(md.odcs(path, schema="totals")).ports["lines"]

    assert port.freshness == md.Freshness(within=timedelta(hours=4), by="sold_at")
    assert port.contract.keys == (("number",),)
    assert [rule.text for rule in port.contract.rules if rule.kind == "check"] == ["number >= 1"]
    assert total.freshness is None


def test_the_declaration_of_a_port_says_more_than_its_document(tmp_path: Path) -> None:
    path = written(tmp_path, DOCUMENT)
    promise = md.Freshness(within=timedelta(hours=1))

    port = sold(md.odcs(path, schema="lines"), freshness=promise).ports["lines"]

    assert port.freshness == promise


def test_a_path_is_relative_to_the_module_that_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path, DOCUMENT)
    module = {"__file__": str(tmp_path / "products.py"), "md": md}
    monkeypatch.chdir("/")

    exec("read = md.odcs('contract.odcs.yaml', 'lines')", module)  # noqa: S102 - as a module does

    assert isinstance(module["read"], type(md.odcs(tmp_path / "contract.odcs.yaml", "lines")))


def test_a_contract_that_changed_is_written_over_its_document(tmp_path: Path) -> None:
    read = md.odcs(written(tmp_path, DOCUMENT), schema="lines")
    schema = read.schema.update_column("number", checks=[pa.Check.ge(2)], required=False)
    schema = schema.update_column("sold_at", nullable=False)

    document = exported(sold(schema, freshness=md.Freshness(within=timedelta(days=1))))

    number, sold_at = document["schema"][0]["properties"]
    assert number == {
        **DOCUMENT["schema"][0]["properties"][0],
        "physicalType": "bigint",
        "logicalTypeOptions": {"minimum": 2},
        "unique": True,
        "primaryKeyPosition": 1,
        "customProperties": [
            {"property": "unit", "value": "1", "description": "None"},
            {"property": "meshColumn", "value": {"optional": True}},
        ],
    }
    assert sold_at == {
        **DOCUMENT["schema"][0]["properties"][1],
        "physicalType": "timestamp",
        "logicalTypeOptions": {"timezone": True, "defaultTimezone": "UTC"},
        "required": True,
    }
    assert document["schema"][1] == DOCUMENT["schema"][1]
    assert document["slaProperties"] == [
        DOCUMENT["slaProperties"][1],
        {
            "property": "latency",
            "value": 1,
            "unit": "d",
            "description": "The longest age of the newest publication, kept for 99 % of 28 days.",
        },
        {
            "property": "versionRetention",
            "value": 30,
            "unit": "d",
            "description": "How long replaced versions stay readable.",
        },
    ]
    kept = ("id", "description", "team", "price", "status")
    assert {name: document[name] for name in kept} == {name: DOCUMENT[name] for name in kept}
    assert document["servers"] == [*DOCUMENT["servers"], *SERVERS]


def test_a_promise_that_is_gone_leaves_nothing_of_itself(tmp_path: Path) -> None:
    promise = md.Freshness(within=timedelta(hours=4), target=0.5)
    read = md.odcs(written(tmp_path, exported(sold(pa.DataFrameSchema({"n": pa.Column(str)})))))
    late = md.odcs(
        written(
            tmp_path, exported(sold(pa.DataFrameSchema({"n": pa.Column(str)}), freshness=promise))
        )
    )

    again = exported(sold(late.schema))

    assert late.freshness == promise
    assert read.freshness is None
    assert [one["property"] for one in again["slaProperties"]] == ["versionRetention"]
    assert "meshFreshness" not in [one["property"] for one in again["customProperties"]]


TYPED: list[tuple[pl.DataType, pa.Check, Document]] = [
    (pl.Int64(), pa.Check.ge(1), {"logicalTypeOptions": {"minimum": 1}}),
    (pl.Int64(), pa.Check.gt(1), {"logicalTypeOptions": {"exclusiveMinimum": 1}}),
    (pl.Float64(), pa.Check.le(1.5), {"logicalTypeOptions": {"maximum": 1.5}}),
    (pl.Date(), pa.Check.lt(date(2026, 1, 1)),
     {"logicalTypeOptions": {"exclusiveMaximum": "2026-01-01"}}),
    (pl.String(), pa.Check.str_length(1, 9),
     {"logicalTypeOptions": {"minLength": 1, "maxLength": 9}}),
    (pl.String(), pa.Check.str_matches("^a"), {"logicalTypeOptions": {"pattern": "^a"}}),
    (pl.String(), pa.Check.str_contains("a"), {"logicalTypeOptions": {"pattern": "a"}}),
    (pl.String(), pa.Check.isin(["b", "a"]), {"quality": [
        {"type": "library", "metric": "invalidValues", "arguments": {"validValues": ["b", "a"]},
         "mustBe": 0},
    ]}),
    (pl.Int64(), pa.Check.isin([1], raise_warning=True), {"quality": [
        {"type": "library", "metric": "invalidValues", "arguments": {"validValues": [1]},
         "mustBe": 0, "severity": "warning"},
    ]}),
    (pl.String(), pa.Check.str_matches("a|b", ignore_na=False), {"quality": [
        {"name": "c str_matches('a|b')", "type": "custom", "engine": "pandera",
         "implementation": {"check": "str_matches", "arguments": {"pattern": "a|b"},
                            "ignoreNulls": False}},
    ]}),
    (pl.Int64(), pa.Check.in_range(1, 2, error="few"), {"quality": [
        {"name": "c few", "type": "custom", "engine": "pandera",
         "implementation": {"check": "in_range", "arguments": {
             "min_value": 1, "max_value": 2, "include_min": True, "include_max": True}},
         "description": "few"},
    ]}),
]  # fmt: skip


@pytest.mark.parametrize(("dtype", "check", "fields"), TYPED)
def test_a_rule_stands_where_odcs_has_a_place_for_it(
    dtype: pl.DataType, check: pa.Check, fields: Document
) -> None:
    schema = pa.DataFrameSchema({"c": pa.Column(dtype, [check])})
    [column] = contract_of(sold(schema).ports["lines"].contract).columns

    assert rule_fields(column.rules, dtype) == fields


CHECKS: list[tuple[Document, Sequence[str], bool]] = [
    ({"metric": "nullValues", "mustBe": 0}, [], False),
    ({"metric": "missingValues", "mustBe": 0, "arguments": {"missingValues": [None, "n/a"]}},
     ["c notin(['n/a'])"], False),
    ({"metric": "invalidValues", "mustBe": 0, "arguments": {"validValues": ["a", None]}},
     ["c isin(['a'])"], True),
    ({"metric": "invalidValues", "mustBeLessThan": 5, "arguments": {"validValues": ["a"]}},
     [], True),
    ({"type": "sql", "query": "SELECT 1", "mustBe": 1}, [], True),
]  # fmt: skip


@pytest.mark.parametrize(("check", "rules", "nullable"), CHECKS)
def test_a_check_of_the_library_is_a_rule_where_pandera_has_one(
    check: Document, rules: Sequence[str], *, nullable: bool, tmp_path: Path
) -> None:
    column = {"name": "c", "logicalType": "string", "quality": [check]}
    document = {**DOCUMENT, "schema": [{"name": "lines", "properties": [column]}]}

    read = read_back(tmp_path, document).table()

    [written_column] = read.contract.columns
    assert [rule.text for rule in written_column.rules] == rules
    assert written_column.nullable is nullable
    assert len(read.all_unread) == (not rules and nullable)


@pytest.mark.parametrize(
    ("operator", "rows"),
    [
        ({"mustBe": 3}, (3, 3)),
        ({"mustBeGreaterThan": 3}, (4, None)),
        ({"mustBeGreaterOrEqualTo": 3}, (3, None)),
        ({"mustBeLessThan": 3}, (0, 2)),
        ({"mustBeLessOrEqualTo": 3}, (0, 3)),
        ({"mustBeBetween": [1, 3]}, (1, 3)),
        ({"mustNotBeBetween": [1, 3]}, None),
    ],
)
def test_the_number_of_rows_is_a_promise(
    operator: Document, rows: tuple[int, int | None] | None, tmp_path: Path
) -> None:
    table = {**DOCUMENT["schema"][1], "quality": [{"metric": "rowCount", **operator}]}

    contract = md.odcs(written(tmp_path, {**DOCUMENT, "schema": [table]}))

    assert contract.quality == md.Quality(rows=rows)
