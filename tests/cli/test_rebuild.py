"""A port that is built again from what it was made from, with and without another outcome."""

import json
import re
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest
from click.testing import Result

import mesh_dagster as md
from mesh_dagster.run.registry import Registry
from mesh_dagster.run.store import Store
from tests.cli.scenario import LINES, ORDERS, mesh, publish_lines

TOTALS = "mesh://report/totals/v1/by_artist"
SHARES = "mesh://report/shares/v1/summed"
REPORT = """
import os
import dagster as dg
import pandera.polars as pa
import polars as pl
import mesh_dagster as md

class Total(pa.DataFrameModel):
    artist: str = pa.Field(unique=True)
    amount: float

def product(name: str) -> md.DataProduct:
    return md.DataProduct(
        domain="report", name=name, owner="team:report", alignment="consumer", purpose="Sums.",
        inputs={"lines": md.InputPort("mesh://sales/orders/v1/lines")},
    )

totals, shares = product("totals"), product("shares")
artists = dg.StaticPartitionsDefinition(["ann", "bob"])

def summed(context: dg.AssetExecutionContext, lines: pl.LazyFrame) -> pl.LazyFrame:
    own = lines.filter(pl.col("artist") == context.partition_key)
    return own.group_by("artist").agg(pl.col("amount").sum())

totals.internal(partitions=artists)(summed)
shares.port(contract=Total, partitions=artists, partition_column="artist")(summed)

@totals.port(contract=Total)
def by_artist(summed: pl.LazyFrame) -> pl.LazyFrame:
    if os.environ.get("REPORT") == "broken":
        raise RuntimeError("secret value")
    return summed.with_columns(pl.col("amount") + int(os.environ.get("REPORT", "0")))

defs = md.definitions(totals, shares)
"""
WORKSPACE = """
load_from:
  - python_file: report_location.py
"""
Command = Callable[..., Result]


@pytest.fixture
def run_in(tmp_path: Path) -> Command:
    """Write a workspace, and return what runs a command in it."""
    (tmp_path / "report_location.py").write_text(REPORT, encoding="utf-8")
    workspace = tmp_path / "workspace.yaml"
    workspace.write_text(WORKSPACE, encoding="utf-8")
    return lambda *arguments: mesh(*arguments, "--workspace", str(workspace))


def sell(ann: float, bob: float) -> None:
    """Publish the orders of two artists."""
    orders = {"order": [1, 2], "artist": ["ann", "bob"], "amount": [ann, bob]}
    assert publish_lines(pl.DataFrame(orders, schema=LINES))


def test_a_port_comes_out_as_it_was_though_its_inputs_have_moved_on(
    run_in: Command,
) -> None:
    sell(1, 2)
    run_in("run", "report/totals")
    sell(1, 5)

    recorded = run_in("rebuild", TOTALS)
    current = run_in("rebuild", TOTALS, "--at", "current", "--publish")

    assert recorded.exit_code == 0
    assert recorded.stdout == (
        f"{TOTALS} version 0\n  read {ORDERS} version 0\n"
        "  equal: all 2 rows came out as they were published\n"
    )
    assert current.exit_code == 0
    assert current.stdout == (
        f"{TOTALS} version 0\n  read {ORDERS} version 1\n"
        "  not equal: 1 of 2 published rows did not come out, 1 others did"
        "; columns with other values: amount\n  published as version 1\n"
    )
    assert sorted(md.read(TOTALS).collect()["amount"]) == [1, 5]
    with closing(Registry(Store.at().registry_url)) as registry:
        inputs = [made.inputs for made in registry.publications(TOTALS)]
    assert inputs == [{ORDERS: 1}, {ORDERS: 0}]


def test_partitions_are_built_again_from_the_versions_that_each_was_made_from(
    run_in: Command,
) -> None:
    sell(1, 2)
    run_in("run", "report/shares", "--partition", "ann")
    sell(1, 5)
    run_in("run", "report/shares", "--partition", "bob")

    result = run_in("rebuild", SHARES)

    assert result.exit_code == 0
    assert result.stdout == (
        f"{SHARES} version 1\n"
        f"partition ann\n  read {ORDERS} version 0\n"
        "  equal: all 1 rows came out as they were published\n"
        f"partition bob\n  read {ORDERS} version 1\n"
        "  equal: all 1 rows came out as they were published\n"
    )


def test_what_does_not_come_out_is_counted_or_told_and_never_published(
    run_in: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    sell(1, 2)
    run_in("run", "report/totals")
    monkeypatch.setenv("REPORT", "3")

    changed = run_in("rebuild", TOTALS, "--json")
    monkeypatch.setenv("REPORT", "broken")
    broken = run_in("rebuild", TOTALS, "--version", "0")
    shutil.rmtree(Path(Store.at().table(md.Address.parse(ORDERS))) / "data")
    gone, source = run_in("rebuild", TOTALS), run_in("rebuild", ORDERS)

    assert changed.exit_code == 1
    told = json.loads(changed.stdout)
    [part] = told["parts"]
    assert (told["equal"], part["inputs"], part["published"]) == (False, {ORDERS: 0}, None)
    counted = {"rows": 2, "only_first": 2, "only_second": 2, "columns": []}
    assert part["compared"] == {**counted, "changed": ["amount"]}
    assert broken.exit_code == 1
    assert re.sub("in line [0-9]+ of '[^']*'", "PLACE", broken.stderr) == (
        f"'{TOTALS}' could not be rebuilt, for '{TOTALS}' failed: RuntimeError PLACE. Correct "
        "its product, or restore the code that made it. Nothing was published.\n"
    )
    assert gone.exit_code == 1
    assert gone.stderr == (
        f"'{TOTALS}' version 0 was made from version 0 of '{ORDERS}', which can no longer be read. "
        "Rebuild a newer version, or with --at current. Nothing was rebuilt.\n"
    )
    assert source.exit_code == 1
    assert source.stderr == (
        f"'{ORDERS}' version 0 was made from no port of another product. Run its product to read "
        "its source again. Nothing was rebuilt.\n"
    )
    with closing(Registry(Store.at().registry_url)) as registry:
        assert [made.version for made in registry.publications(TOTALS)] == [0]
