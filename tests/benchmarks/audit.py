"""Measure the audit against a bare scan and against pandera, on the same orders.

In:  a number of rows; 10 million unless said.
Out: printed ratios, each with its bar. Planted faults are refused before anything is timed.
"""

import sys
import tempfile
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pandera.polars as pa
import polars as pl
from pandera.config import ValidationDepth, config_context

from mesh_dagster.run.audit import audit
from tests.benchmarks.orders import FAULTS, contract, orders
from tests.benchmarks.pairs import machine, peak_megabytes, show, timed

ROUNDS = 5
SCHEMAS = {
    "light": contract(full=False, unique=()),
    "row rules": contract(unique=()),
    "full": contract(),
    "composite": contract(unique=("order_id", "ordered_at", "country")),
    "coerce": contract(coerce=True),
    "text key": contract(unique=("text_id",)),
}


def main(rows: str = "10000000", rounds: str = str(ROUNDS)) -> None:
    """Print every ratio."""
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "orders.parquet"
        orders(int(rows)).write_parquet(path, row_group_size=250_000)
        print(f"{int(rows):,} orders, {machine()}")
        _refuse_planted_faults()
        _against_scan(path, int(rounds))
        _against_pandera_lazy(path, int(rounds))
        _against_pandera_loaded(path, int(rounds))
        _rejecting(path, int(rounds), Path(folder))
        _increment(path, int(rounds))
        _memory(path)


def _refuse_planted_faults() -> None:
    good = orders(10_000)
    if not audit(good, SCHEMAS["full"]).accepted:
        sys.exit("clean orders are refused; nothing was timed")
    for kind, plant in FAULTS.items():
        for row in (0, 5_000, 9_999):
            if audit(plant(good, row), SCHEMAS["full"]).accepted:
                sys.exit(f"'{kind}' in row {row} is accepted; nothing was timed")
    print(f"{len(FAULTS)} planted faults in three places: all refused")


def _scan(path: Path) -> object:
    plan = pl.scan_parquet(path)
    return plan.select(pl.all().max()).collect(engine="streaming")


def _pandera_frame(frame: pl.DataFrame, schema: pa.DataFrameSchema) -> object:
    with config_context(validation_depth=ValidationDepth.SCHEMA_AND_DATA):
        return schema.validate(frame, lazy=True)


def _pandera_plan(path: Path, schema: pa.DataFrameSchema) -> object:
    with config_context(validation_depth=ValidationDepth.SCHEMA_AND_DATA):
        return schema.validate(pl.scan_parquet(path), lazy=True)


def _against_scan(path: Path, rounds: int) -> None:
    arms: dict[str, Callable[[], object]] = {"bare scan": partial(_scan, path)}
    for name in ("light", "full"):
        schema = SCHEMAS[name]
        arms[f"{name} audit"] = partial(audit, path, schema, distinct=False)
        arms[f"{name} audit, distinct counts"] = partial(audit, path, schema)
    times = timed(arms, rounds)
    show(times, "light audit", "bare scan", "at most 1.2")
    show(times, "full audit", "bare scan", "at most 2.0")
    show(times, "light audit, distinct counts", "bare scan", "none")
    show(times, "full audit, distinct counts", "bare scan", "none")


def _against_pandera_lazy(path: Path, rounds: int) -> None:
    for name, bar in (("full", "2.2"), ("composite", "4"), ("coerce", "6")):
        arms: dict[str, Callable[[], object]] = {
            f"pandera on a plan, {name}": partial(_pandera_plan, path, SCHEMAS[name]),
            "audit": partial(audit, path, SCHEMAS[name], distinct=False),
        }
        show(timed(arms, rounds), f"pandera on a plan, {name}", "audit", f"at least {bar}")


def _against_pandera_loaded(path: Path, rounds: int) -> None:
    frame = pl.read_parquet(path).with_columns(text_id="order-" + pl.col("order_id").cast(str))
    bars = (("full", "2.7"), ("composite", "4.5"), ("text key", "12"), ("row rules", "parity"))
    for name, bar in bars:
        arms: dict[str, Callable[[], object]] = {
            f"pandera on a frame, {name}": partial(_pandera_frame, frame, SCHEMAS[name]),
            "audit": partial(audit, frame, SCHEMAS[name], distinct=False),
        }
        show(timed(arms, rounds), f"pandera on a frame, {name}", "audit", f"at least {bar}")


def _rejecting(path: Path, rounds: int, folder: Path) -> None:
    bad = folder / "bad.parquet"
    plan = pl.scan_parquet(path)
    plan.with_columns(amount=-pl.col("amount") - 1, order_id=pl.col("order_id") // 2).sink_parquet(
        bad, row_group_size=250_000
    )
    arms = {
        "accepted": lambda: audit(path, SCHEMAS["full"], distinct=False),
        "all rows rejected": lambda: audit(bad, SCHEMAS["full"], distinct=False),
    }
    show(timed(arms, rounds), "all rows rejected", "accepted", "at most 2.2")
    print(f"memory of a rejection: {_peak(bad, 'full')} MB, bar flat")


def _increment(path: Path, rounds: int) -> None:
    plan = pl.scan_parquet(path)
    rows = plan.select(pl.len()).collect().item()
    part = plan.head(rows // 100).collect()
    schema = contract(unique=("order_id", "ordered_at"))
    arms = {
        "whole": lambda: audit(path, schema, distinct=False),
        "1 % partition": lambda: audit(part, schema, distinct=False),
        "1 % partition, keys of the others read": lambda: audit(
            part, SCHEMAS["full"], others=plan.slice(rows // 100), distinct=False
        ),
    }
    times = timed(arms, rounds)
    show(times, "whole", "1 % partition", "at least 20")
    show(times, "whole", "1 % partition, keys of the others read", "none")


def _memory(path: Path) -> None:
    rows = pl.scan_parquet(path).select(pl.len()).collect().item()
    bar = rows * 8 // 2**20 + 128
    print(f"memory of an audit: {_peak(path, 'full')} MB, bar {bar}")


def _peak(path: Path, name: str) -> int:
    return peak_megabytes(
        "from mesh_dagster.run.audit import audit\n"
        "from tests.benchmarks.audit import SCHEMAS\n"
        f"def act(): audit({str(path)!r}, SCHEMAS[{name!r}], distinct=False)"
    )
