"""Measure what the mesh adds to Dagster: a materialization, and building definitions.

In:  how many products to declare.
Out: printed ratios of processor time, each with its bar.
"""

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import dagster as dg
import pandera.polars as pa
import polars as pl

import mesh_dagster as md
from tests.benchmarks.pairs import machine, show, timed

ROUNDS = "7"
_RUNS = 5
_CHECKS = ("schema", "values", "keys", "expectations")
"""Those of the port, so that both pay Dagster for as many."""


class Amounts(pa.DataFrameModel):
    """One row per order."""

    order_id: int = pa.Field(ge=0, unique=True)
    amount: float = pa.Field(ge=0)


def main(products: str = "1000", rounds: str = ROUNDS) -> None:
    """Print both ratios."""
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        port, plain = (f"{what} with {len(_CHECKS)} checks" for what in ("port", "plain asset"))
        arms = {port: _port(folder), plain: _plain(folder)}
        show(timed(arms, int(rounds)), port, plain, "at most 1.15")
    count = int(products)
    declared = [_product(number) for number in range(count)]
    ours = f"definitions of {count:,} products"
    both: dict[str, Callable[[], object]] = {
        ours: lambda: _resolved(md.definitions(*declared)),
        "the same assets by hand": lambda: _resolved(_by_hand(count)),
    }
    show(timed(both, 3), ours, "the same assets by hand", "at most 1.2")


def _port(folder: str) -> Callable[[], object]:
    product = _bare("orders")

    @product.port(contract=Amounts)
    def daily() -> pl.DataFrame:
        return _amounts()

    resources = {"mesh": md.MeshResource(root=folder)}
    job = md.definitions(product, resources=resources).resolve_implicit_global_asset_job_def()
    return lambda: _runs(job)


def _plain(folder: str) -> Callable[[], object]:
    @dg.asset(check_specs=[dg.AssetCheckSpec(name, asset="daily") for name in _CHECKS])
    def daily() -> Iterator[Any]:  # Any: Dagster's events
        frame = _amounts()
        Amounts.validate(frame)
        frame.write_parquet(f"{folder}/plain.parquet")
        yield dg.MaterializeResult(metadata={"dagster/row_count": frame.height})
        yield from (dg.AssetCheckResult(check_name=name, passed=True) for name in _CHECKS)

    job = dg.Definitions(assets=[daily]).resolve_implicit_global_asset_job_def()
    return lambda: _runs(job)


def _runs(job: dg.JobDefinition) -> None:
    with dg.DagsterInstance.local_temp() as instance:
        for _ in range(_RUNS):
            job.execute_in_process(instance=instance)


def _resolved(definitions: dg.Definitions) -> object:
    definitions.resolve_asset_graph()
    return definitions.resolve_implicit_global_asset_job_def()


def _product(number: int) -> md.DataProduct:
    product = _bare(f"orders_{number}")

    @product.internal
    def raw() -> pl.LazyFrame:
        return _amounts().lazy()

    @product.internal
    def cleaned(raw: pl.LazyFrame) -> pl.LazyFrame:
        return raw

    for name in ("daily", "weekly"):
        product.port(contract=Amounts)(_named(name))
    return product


def _named(name: str) -> Callable[..., pl.LazyFrame]:
    def build(cleaned: pl.LazyFrame) -> pl.LazyFrame:
        return cleaned

    build.__name__ = name
    return build


def _by_hand(count: int) -> dg.Definitions:
    return dg.Definitions(assets=[one for number in range(count) for one in _assets(number)])


def _assets(number: int) -> Iterator[dg.AssetsDefinition]:
    """Write by hand, with the same description, what a product becomes."""
    prefix = ["sales", f"orders_{number}"]
    tags = {"mesh_dagster/domain": "sales", "mesh_dagster/product": f"orders_{number}"}
    schema = dg.TableSchema(
        [dg.TableColumn("order_id", "Int64"), dg.TableColumn("amount", "Float64")]
    )
    common: dict[str, Any] = {"owners": ["team:sales"], "tags": tags}
    grouped: dict[str, Any] = {"group_name": "/".join(prefix), **common}

    def raw() -> pl.LazyFrame:
        return _amounts().lazy()

    def cleaned(raw: pl.LazyFrame) -> pl.LazyFrame:
        return raw

    eager = dg.AutomationCondition.eager()
    first = dg.asset(key=[*prefix, "internal", "raw"], **grouped)(raw)
    second = dg.asset(
        key=[*prefix, "internal", "cleaned"],
        ins={"raw": dg.AssetIn(key=first.key)},
        automation_condition=eager,
        **grouped,
    )(cleaned)
    yield first
    yield second
    for name in ("daily", "weekly"):
        key = dg.AssetKey([*prefix, "v1", name])
        spec = dg.AssetSpec(
            key,
            deps=[second.key],
            description="Orders.",
            group_name="/".join(prefix),
            code_version=hashlib.sha256(name.encode()).hexdigest()[:12],
            kinds={"polars"},
            automation_condition=eager,
            metadata={"dagster/column_schema": schema, "mesh_dagster/address": name},
            **common,
        )
        checks = [
            dg.AssetCheckSpec(c, asset=key, blocking=True) for c in ("schema", "values", "keys")
        ]

        @dg.multi_asset(
            name=f"orders_{number}_{name}",
            specs=[spec],
            ins={"cleaned": dg.AssetIn(key=second.key)},
            check_specs=checks,
        )
        def published(cleaned: pl.LazyFrame):  # type: ignore[no-untyped-def]  # noqa: ANN202 - Dagster reads it
            return None

        yield published


def _amounts() -> pl.DataFrame:
    return pl.DataFrame({"order_id": range(1_000), "amount": [float(n) for n in range(1_000)]})


def _bare(name: str) -> md.DataProduct:
    return md.DataProduct(
        domain="sales", name=name, owner="team:sales", alignment="source", purpose="Orders."
    )
