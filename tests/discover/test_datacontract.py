"""Let the tool `datacontract` judge what is exported; MESH_DATACONTRACT names its executable."""

import json
import os
import subprocess
from datetime import datetime, timezone
from pathlib import Path

import pandera.polars as pa
import polars as pl
import pytest

import mesh_dagster as md
from tests.discover.odcs import Document, exported, written

TOOL = os.environ.get("MESH_DATACONTRACT")
pytestmark = pytest.mark.skipif(
    TOOL is None, reason="No datacontract here: set MESH_DATACONTRACT to its executable."
)
AT = datetime(2026, 5, 1, tzinfo=timezone.utc)


class Sale(pa.DataFrameModel):
    number: int = pa.Field(ge=1, unique=True)
    customer: str = pa.Field(str_matches="^[A-Z]", str_length={"max_value": 3})
    kind: str = pa.Field(isin=["cash", "card"], nullable=True)
    amount: float = pa.Field(lt=100, nullable=True)
    sold_at: pl.Datetime("us", "UTC") = pa.Field(ge=AT)  # type: ignore[valid-type]  # pandera's way

    class Config:
        unique = ["customer", "kind"]  # noqa: RUF012 - pandera reads a list


GOOD = {
    "number": list(range(1, 9)),
    "customer": ["A", "B", "C", "D", "E", "F", "G", "H"],
    "kind": ["cash", "card", None, "cash", "card", "cash", "card", "cash"],
    "amount": [1.0, 2.0, None, 4.0, 5.0, 6.0, 7.0, 8.0],
    "sold_at": [AT] * 8,
}
BAD = {
    "number": [0, 2, 2, 4, 5, 6, 7, 8],
    "customer": ["a", "B", "C", None, "E", "Long", "G", "G"],
    "kind": ["cash", "gift", None, "gift", "card", "gift", "card", "card"],
    "amount": [100.0, 2.0, None, 4.0, 500.0, 6.0, 7.0, 8.0],
    "sold_at": [AT] * 7 + [datetime(2025, 1, 1, tzinfo=timezone.utc)],
}


def sales() -> md.DataProduct:
    product = md.DataProduct(
        domain="sales", name="orders", owner="team:sales", alignment="source", purpose="Sales."
    )

    @product.port(contract=Sale)
    def lines() -> pl.LazyFrame:
        raise NotImplementedError

    return product


def judged(folder: Path, rows: Document) -> dict[str, tuple[str, int]]:
    """Return what the tool says of rows: for each check its result and the rows it counts."""
    frame = pl.DataFrame(rows, schema_overrides={"sold_at": pl.Datetime("us", "UTC")})
    frame.write_parquet(folder / "lines.parquet")
    server = {"server": "store", "type": "local", "format": "parquet"}
    document = {**exported(sales()), "servers": [{**server, "path": f"{folder}/lines.parquet"}]}
    out, path = folder / "out.json", written(folder, document)
    command: list[str | Path] = [
        TOOL or "",
        "test",
        path,
        "--output",
        out,
        "--output-format",
        "json",
    ]
    subprocess.run(command, capture_output=True, check=False)
    checks = json.loads(out.read_text("utf-8"))["checks"]
    return {
        f"{check['type']} {check['field'] or ''}".strip(): (
            check["result"],
            (check.get("diagnostics") or {}).get("value", 0),
        )
        for check in checks
        # It reads no types from Parquet.
        if check["type"] != "field_type"
    }


def test_an_export_passes_its_lint(tmp_path: Path) -> None:
    path = written(tmp_path, exported(sales()))

    result = subprocess.run([TOOL or "", "lint", path], capture_output=True, check=False)

    assert result.returncode == 0


def test_rows_that_keep_the_contract_pass_there_too(tmp_path: Path) -> None:
    results = judged(tmp_path, GOOD)

    assert len(results) == 17
    assert {result for result, _ in results.values()} == {"passed"}


def test_it_counts_the_rows_that_break_a_rule_as_we_do(tmp_path: Path) -> None:
    found = {check: count for check, (result, count) in judged(tmp_path, BAD).items() if count}
    frame = pl.DataFrame(BAD, schema_overrides={"sold_at": pl.Datetime("us", "UTC")})
    ours = {broken.rule.text: broken.failing_rows for broken in md.audit(frame, Sale).broken}

    theirs = {
        "number >= 1": found["field_minimum number"],
        "customer not null": found["field_required customer"],
        "customer str_matches('^[A-Z]')": found["field_regex customer"],
        "customer str_length(None, 3)": found["field_max_length customer"],
        "kind isin(['cash', 'card'])": found["field_invalid_values kind"],
        # What may not be reached, it counts as two checks.
        "amount < 100": found["field_maximum amount"] + found["field_not_equal amount"],
        "sold_at >= 2026-05-01 00:00:00+00:00": found["field_minimum sold_at"],
        # Of rows with one key, it counts all but the first.
        "number unique": found["field_unique number"] + 1,
        "(customer, kind) unique": found["model_duplicate_values"] + 1,
    }
    assert theirs == ours
