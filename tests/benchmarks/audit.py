"""Measure the audit against a bare scan and against pandera, on the same orders.

In:  a number of rows; 10 million unless said.
Out: printed ratios, each with its bar. Planted faults are refused before anything is timed.
"""

import sys
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pandera.polars as pa
import polars as pl
from pandera.config import ValidationDepth, config_context

from mesh_dagster.declare.contract import Contract
from mesh_dagster.declare.storage import contract_schema
from mesh_dagster.run import delta
from mesh_dagster.run.audit import audit, audit_staged
from mesh_dagster.run.footers import unproven
from mesh_dagster.run.recheck import broken_by_published
from mesh_dagster.run.sidecar import Beside, write_sidecar
from mesh_dagster.run.store import Store
from tests.benchmarks.orders import FAULTS, contract, key_contract, of_ranges, orders
from tests.benchmarks.pairs import machine, peak_megabytes, show, timed
from tests.benchmarks.peers import judges

ROUNDS = 5
KEY = ("order_id", "ordered_at", "country")
SCHEMAS = {
    "light": contract(full=False, unique=()),
    "row rules": contract(unique=()),
    "full": contract(),
    "composite": contract(unique=KEY),
    "composite alone": key_contract(*KEY),
    "coerce": contract(coerce=True),
    "text key": contract(unique=("text_id",)),
    "text key alone": key_contract("text_id"),
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
        _increment(path, int(rounds), Path(folder))
        _recheck(path, int(rounds), Path(folder))
        _against_peers(path, int(rounds))
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
        arms[f"{name} audit"] = partial(audit, path, schema, profile="rows")
        arms[f"{name} audit, bounds"] = partial(audit, path, schema, profile="bounds")
        arms[f"{name} audit, whole profile"] = partial(audit, path, schema)
    times = timed(arms, rounds)
    bars = {"light audit": "at most 1.2", "full audit": "at most 2.0"}
    for name in list(arms)[1:]:
        show(times, name, "bare scan", bars.get(name, "none"))


def _against_pandera_lazy(path: Path, rounds: int) -> None:
    bars = {
        "full": "at least 2.2",
        "composite alone": "at least 4",
        "composite": "none",
        "coerce": "at least 6",
    }
    for name, bar in bars.items():
        arms: dict[str, Callable[[], object]] = {
            f"pandera on a plan, {name}": partial(_pandera_plan, path, SCHEMAS[name]),
            "audit": partial(audit, path, SCHEMAS[name], profile="rows"),
        }
        show(timed(arms, rounds), f"pandera on a plan, {name}", "audit", bar)


def _against_pandera_loaded(path: Path, rounds: int) -> None:
    frame = pl.read_parquet(path).with_columns(text_id="order-" + pl.col("order_id").cast(str))
    bars = {
        "full": "at least 2.7",
        "composite alone": "at least 4.5",
        "composite": "none",
        "text key alone": "at least 12",
        "text key": "none",
        "row rules": "about 1",
    }
    for name, bar in bars.items():
        arms: dict[str, Callable[[], object]] = {
            f"pandera on a frame, {name}": partial(_pandera_frame, frame, SCHEMAS[name]),
            "audit": partial(audit, frame, SCHEMAS[name], profile="rows"),
        }
        show(timed(arms, rounds), f"pandera on a frame, {name}", "audit", bar)


def _rejecting(path: Path, rounds: int, folder: Path) -> None:
    bad = folder / "bad.parquet"
    plan = pl.scan_parquet(path)
    plan.with_columns(amount=-pl.col("amount") - 1, order_id=pl.col("order_id") // 2).sink_parquet(
        bad, row_group_size=250_000
    )
    arms = {
        "accepted": lambda: audit(path, SCHEMAS["full"], profile="rows"),
        "all rows rejected": lambda: audit(bad, SCHEMAS["full"], profile="rows"),
    }
    show(timed(arms, rounds), "all rows rejected", "accepted", "at most 2.2")
    print(f"memory of a rejection: {_peak(bad, 'full')} MB, bar flat")


def _increment(path: Path, rounds: int, folder: Path) -> None:
    parts = _published(path, folder, 100)
    part = replace(parts.content, files=parts.content.files[:1]).plan()
    others = replace(parts, content=replace(parts.content, files=parts.content.files[1:]))
    known, schema = Contract.of(SCHEMAS["full"]), contract(unique=("order_id", "ordered_at"))
    arms = {
        "whole": lambda: audit(path, SCHEMAS["full"], profile="rows"),
        "1 % partition, key within it": lambda: audit(part, schema, profile="rows"),
        "1 % partition, 99 sidecars": lambda: audit_staged(
            part, known, others=others, profile="rows"
        ),
        "1 % partition, 99 files read": lambda: audit_staged(
            part, known, others=others.plan(), profile="rows"
        ),
    }
    times = timed(arms, rounds)
    for name in list(arms)[1:]:
        show(times, "whole", name, "none" if "read" in name else "at least 20")


def _published(path: Path, folder: Path, count: int) -> Beside:
    """Write orders as so many files of a port, each with its sidecar."""
    store, rows = Store.at(folder / "port"), pl.scan_parquet(path).select(pl.len()).collect().item()
    Path(store.root).mkdir()
    types = dict(pl.scan_parquet(path).collect_schema())
    whole = delta.Snapshot(store.root, 0, (), types, {})
    height = rows // count
    for number in range(count):
        place = Path(store.root) / f"{number}.parquet"
        pl.scan_parquet(path).slice(number * height, height).sink_parquet(place)
        file = delta.DataFile(place.name, place.stat().st_size, height, str(number))
        write_sidecar(store, replace(whole, files=(file,)), [("order_id",)])
        whole = replace(whole, files=(*whole.files, file))
    return Beside(whole, store)


def _recheck(path: Path, rounds: int, folder: Path) -> None:
    """Judge published rows by a contract that has changed, of which footers prove every rule."""
    published = _published(path, folder, 1)
    contract = Contract.of(of_ranges())
    types = contract_schema(contract)
    content = replace(published.content, schema=types)
    arms = {
        "footers": lambda: broken_by_published(content, types, contract, published.store),
        "scan": lambda: audit_staged(content.plan(), contract, profile="rows"),
    }
    if unproven(content, types, contract, published.store) is not None:
        sys.exit("footers leave a rule open; nothing was timed")
    show(timed(arms, rounds), "footers", "scan", "at most 0.01")


def _against_peers(path: Path, rounds: int) -> None:
    found, frame = judges(SCHEMAS["full"]), pl.read_parquet(path)
    good = orders(10_000)
    for name, judge in found.items():
        missed = [kind for kind, plant in FAULTS.items() if judge(plant(good, 5_000))]
        verdict = "accepts" if judge(good) else "refuses"
        print(f"{name} {verdict} clean orders; faults that it accepts: {missed or 'none'}")
    arms: dict[str, Callable[[], object]] = {
        "audit": partial(audit, frame, SCHEMAS["full"], profile="rows"),
        **{name: partial(judge, frame) for name, judge in found.items()},
    }
    times = timed(arms, rounds) if found else {}
    for name in found:
        show(times, name, "audit", "none")


def _memory(path: Path) -> None:
    rows = pl.scan_parquet(path).select(pl.len()).collect().item()
    bar = rows * 8 // 2**20 + 256
    print(f"memory of an audit: {_peak(path, 'full')} MB, bar {bar}")


def _peak(path: Path, name: str) -> int:
    return peak_megabytes(
        "from mesh_dagster.run.audit import audit\n"
        "from tests.benchmarks.audit import SCHEMAS\n"
        f"def act(): audit({str(path)!r}, SCHEMAS[{name!r}], profile='rows')"
    )
