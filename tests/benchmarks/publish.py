"""Measure a publication against an unaudited write and against a plain Dagster asset.

In:  a number of rows; 10 million unless said.
Out: printed ratios of processor time and of peak memory, each with its bar.
"""

import tempfile
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from tempfile import mkdtemp

import dagster as dg
import pandera.polars as pa
import polars as pl

import mesh_dagster as md
from mesh_dagster.run.judge import Batch
from mesh_dagster.run.publish import Published, publish
from mesh_dagster.run.registry import Registry
from mesh_dagster.run.store import Store
from tests.benchmarks.orders import contract, orders
from tests.benchmarks.pairs import machine, peak_megabytes, show, timed

ROUNDS = "5"
SCHEMA = contract()


def main(rows: str = "10000000", rounds: str = ROUNDS) -> None:
    """Print every ratio."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "orders.parquet"
        orders(int(rows)).write_parquet(source, row_group_size=250_000)
        print(f"{int(rows):,} orders, {machine()}")
        _against_sink(source, folder, int(rounds))
        for size in sorted({1_000, 100_000, int(rows)}):
            small = Path(folder) / f"orders_{size}.parquet"
            pl.scan_parquet(source).head(size).sink_parquet(small)
            _against_plain_asset(small, folder, size, int(rounds))
        _memory(source, folder)


def plain(source: Path, folder: str) -> Callable[[], object]:
    """Return a run of a plain Dagster asset: load, validate with pandera, write Parquet."""

    @dg.asset
    def plain_orders() -> None:
        frame = SCHEMA.validate(pl.read_parquet(source))
        frame.write_parquet(Path(folder) / "plain.parquet")

    return lambda: dg.materialize([plain_orders], instance=dg.DagsterInstance.ephemeral())


def port(source: Path, folder: str) -> Callable[[], object]:
    """Return a run of a port with the same contract."""
    product = _product()

    @product.port(contract=SCHEMA)
    def mesh_orders() -> pl.LazyFrame:
        return pl.scan_parquet(source)

    resources = {"mesh": md.MeshResource(root=f"{folder}/mesh")}
    job = md.definitions(product, resources=resources).resolve_implicit_global_asset_job_def()
    return lambda: job.execute_in_process(instance=dg.DagsterInstance.ephemeral())


def published(source: Path, folder: str) -> Callable[[], Published]:
    """Return a publication without Dagster."""
    product = _product()

    @product.port(contract=SCHEMA)
    def mesh_orders() -> pl.LazyFrame:
        return pl.scan_parquet(source)

    store = Store.at(f"{folder}/store")
    registry = Registry(store.registry_url)

    def act() -> Published:
        batch = Batch(product.ports["mesh_orders"], pl.scan_parquet(source))
        outcome = publish(batch, store, registry, lambda: datetime.now(timezone.utc))
        if not isinstance(outcome, Published):
            raise outcome.error
        return outcome

    return act


def _against_sink(source: Path, folder: str, rounds: int) -> None:
    target = Path(folder) / "sunk.parquet"
    arms = {
        "publish": published(source, folder),
        "unaudited sink": lambda: pl.scan_parquet(source).sink_parquet(target),
    }
    show(timed(arms, rounds), "publish", "unaudited sink", "at most 1.3")


def _against_plain_asset(source: Path, folder: str, size: int, rounds: int) -> None:
    _require_a_gate(source, folder)
    theirs, ours = f"plain asset, {size:,} rows", f"port, {size:,} rows"
    arms = {theirs: plain(source, folder), ours: port(source, folder)}
    show(timed(arms, rounds), theirs, ours, "above 1.0")


def _require_a_gate(source: Path, folder: str) -> None:
    """Make sure that both sides check what they are timed for."""
    bad = pl.scan_parquet(source).head(1_000).with_columns(quantity=pl.lit(-1, dtype=pl.Int32))
    spoilt = Path(folder) / "spoilt.parquet"
    bad.sink_parquet(spoilt)
    for act in (plain(spoilt, folder), published(spoilt, folder)):
        try:
            act()
        except (pa.errors.SchemaError, pa.errors.SchemaErrors, md.MeshError):
            continue
        raise SystemExit("a spoilt batch was accepted; nothing was timed")


def _memory(source: Path, folder: str) -> None:
    peaks = {
        name: peak_megabytes(
            "from pathlib import Path\n"
            f"from tests.benchmarks.publish import {name}\n"
            f"act = {name}(Path({str(source)!r}), {mkdtemp(dir=folder)!r})"
        )
        for name in ("published", "port", "plain")
    }
    for name in ("published", "port"):
        print(
            f"peak memory of {name}: {peaks[name]} MB, {peaks[name] / peaks['plain']:.2f} of the "
            f"plain asset's {peaks['plain']} MB, bar 0.15",
            flush=True,
        )
    rows = pl.scan_parquet(source).select(pl.len()).collect().item()
    bound = 8 * rows / 1e6 + 256
    print(f"peak memory of published: {peaks['published']} MB, bar {bound:.0f} MB")


def _product() -> md.DataProduct:
    return md.DataProduct(
        domain="sales", name="orders", owner="team:sales", alignment="source", purpose="Orders."
    )
