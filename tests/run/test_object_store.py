"""What an object store does otherwise than a disk.

Set MESH_TEST_STORE to the URL of an empty folder of a bucket, such as `s3://bucket/tests`, with
what reaches it in the environment; the extra `s3` brings the package.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path
from uuid import uuid4

import polars as pl
import pytest

import mesh_dagster as md
from mesh_dagster.declare.address import Address
from mesh_dagster.run.publish import Published
from mesh_dagster.run.registry import Registry
from mesh_dagster.run.reindex import reindex
from mesh_dagster.run.select import select
from mesh_dagster.run.store import Store
from mesh_dagster.run.vacuum import vacuum
from tests.run.scenario import (
    ADDRESS,
    SET_ASIDE,
    lines,
    port_of,
    publish_batch,
    publish_well,
    refusal_of,
)

WEEK = timedelta(days=7)


@pytest.fixture(autouse=True)
def bucket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """Keep the data in a folder of its own on the object store, and the registry here."""
    place = os.environ.get("MESH_TEST_STORE")
    if not place:
        pytest.skip("No object store here: set MESH_TEST_STORE to a folder of a bucket.")
    root = f"{place}/{uuid4().hex}"
    monkeypatch.setenv("MESH_ROOT", root)
    monkeypatch.setenv("MESH_REGISTRY", f"sqlite:///{tmp_path}/registry.sqlite")
    return root


def orders(reference: str = ADDRESS) -> list[int]:
    return sorted(md.read(reference).collect()["order"])


def test_only_good_batches_are_read_and_each_version_stays() -> None:
    publish_well(lines(1, 2))
    refusal_of(lines(3, amount=-1.0))
    publish_well(lines(4))

    assert (orders(), orders(f"{ADDRESS}?version=0")) == ([4], [1, 2])


def test_a_partition_is_replaced_alone_and_keys_hold_across_partitions() -> None:
    publish_well(lines(1), slice_="2026-01-01")
    publish_well(lines(2), slice_="2026-01-02")
    publish_well(lines(3), slice_="2026-01-01")

    refused = refusal_of(lines(2), slice_="2026-01-03")

    assert orders() == [2, 3]
    assert [finding.rule.text for finding in refused.verdict.broken] == ["order unique"]


def test_duckdb_reads_without_an_extension() -> None:
    publish_well(lines(1, 2))

    assert md.relation(ADDRESS).aggregate('sum("order")').fetchall() == [(3,)]
    with select("SELECT count(*) AS n FROM sales.orders_v1_lines", Store.at()) as plan:
        assert plan.collect()["n"].to_list() == [2]


def test_writers_at_one_time_lose_no_publication() -> None:
    publish_well(lines(0), slice_="0")

    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda n: publish_batch(lines(n), slice_=str(n)), range(1, 9)))

    published = [one.publication.version for one in made if isinstance(one, Published)]
    assert sorted(published) == list(range(1, 9))
    assert orders() == list(range(9))


def test_what_is_past_its_retention_is_freed() -> None:
    port = port_of(quality=SET_ASIDE)
    publish_well(pl.concat([lines(1), lines(2, amount=-1.0)]), port)
    publish_well(lines(3), port)

    later = datetime.now(timezone.utc) + 2 * WEEK  # a store has its own clock
    freed = vacuum(Store.at(), lambda _: WEEK, later)

    assert [(one.place, one.expired) for one in freed] == [
        ("sales/orders/v1/lines", 1),
        ("sales/orders/v1/quarantine/lines", 1),
    ]
    assert (orders(), orders(f"{ADDRESS}?quarantine")) == ([3], [])


def test_rejected_rows_of_a_port_that_never_published_are_found() -> None:
    refusal_of(lines(1, 2, amount=-1.0), port_of(quality=SET_ASIDE))

    assert list(Store.at().addresses()) == []
    assert list(Store.at().addresses(published=False)) == [Address.parse(ADDRESS)]


def test_the_registry_is_rebuilt_from_the_store(tmp_path: Path) -> None:
    publish_well(lines(1))
    publish_well(lines(2))
    registry = Registry(f"sqlite:///{tmp_path}/other.sqlite")

    assert [
        one.publications for one in reindex(Store.at(), registry, datetime.now(timezone.utc))
    ] == [2]
