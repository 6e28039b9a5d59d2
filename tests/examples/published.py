"""Run the example domains through Dagster, in the order in which they read each other."""

import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

import mesh_dagster as md
from example_domains.media_player.products import DAYS

IN_ORDER = ("media_player", "catalogue", "sales", "labels", "royalties", "listening")


@dataclass(frozen=True)
class RanOnce:
    """The mesh of all domains, after one run of each product and partition."""

    root: Path
    results: Sequence[dg.ExecuteInProcessResult]


def run_product(
    domain: str, product: str, instance: dg.DagsterInstance, day: str | None = None
) -> dg.ExecuteInProcessResult:
    """Materialize one product, one partition at a time where it has partitions."""
    defs: dg.Definitions = importlib.import_module(f"example_domains.{domain}.definitions").defs
    keys = [spec.key for spec in defs.resolve_all_asset_specs()]
    return defs.resolve_implicit_global_asset_job_def().execute_in_process(
        asset_selection=[key for key in keys if key.path[:2] == [domain, product]],
        instance=instance,
        partition_key=day,
        raise_on_error=False,
    )


def run_all(instance: dg.DagsterInstance) -> Iterator[dg.ExecuteInProcessResult]:
    """Materialize every product."""
    for domain in IN_ORDER:
        products = importlib.import_module(f"example_domains.{domain}.products")
        for product in (v for v in vars(products).values() if isinstance(v, md.DataProduct)):
            partitions = DAYS.get_partition_keys() if product.name == "plays" else [None]
            for day in partitions:
                yield run_product(domain, product.name, instance, day)
