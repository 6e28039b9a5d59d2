import json
import re
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import polars as pl
import sqlalchemy as sa

from mesh_dagster.observe.attention import mute
from mesh_dagster.observe.delivery import deliver
from mesh_dagster.observe.events import notify
from mesh_dagster.observe.notice import Item
from mesh_dagster.observe.settings import Settings
from mesh_dagster.run.count import Read, count
from mesh_dagster.run.reads import counts
from mesh_dagster.run.registry import Registry
from mesh_dagster.run.store import Store
from mesh_dagster.run.visits import visit, visits
from tests.cli.scenario import ORDERS, declare, mesh, now, publish_lines, rows, words


def leave_an_orphan(root: Path) -> Path:
    """Leave what a writer leaves that was killed: a file and its unlocked marker."""
    table = root / "sales" / "orders" / "v1" / "lines"
    (table / "_staging").mkdir(exist_ok=True)
    (table / "_staging" / "dead.lock").touch()
    orphan = table / "data" / "dead-0.parquet"
    orphan.write_bytes(b"half a file")
    return orphan


def test_vacuum_deletes_what_a_dead_writer_left(mesh_root: Path) -> None:
    declare()
    publish_lines(rows(1, 2))
    orphan = leave_an_orphan(mesh_root)

    result = mesh("vacuum")

    assert (result.exit_code, words(result.stdout)) == (
        0,
        words(
            """\
PLACE ORPHANS EXPIRED SIZE
sales/orders/v1/lines 1 0 11 bytes
1 files of 11 bytes deleted.
"""
        ),
    )
    assert not orphan.exists()
    assert len(json.loads(mesh("read", ORDERS, "--json").stdout)) == 2


def test_a_dry_run_deletes_nothing(mesh_root: Path) -> None:
    publish_lines(rows(1, 2))
    orphan = leave_an_orphan(mesh_root)

    result = mesh("vacuum", "--dry-run", "--json")

    assert json.loads(result.stdout) == {
        "files": [{"place": "sales/orders/v1/lines", "orphans": 1, "expired": 0, "bytes": 11}],
        "alerts": {"breaches": 0, "tellings": 0, "notices": 0, "deliveries": 0, "mutes": 0},
    }
    assert orphan.exists()


def test_vacuum_lets_rejected_rows_go_by_the_retention_that_the_port_declares(
    mesh_root: Path,
) -> None:
    declare()
    publish_lines(pl.concat([rows(1, 2), rows(3, amount=-1.0)]))
    [log] = (mesh_root / "sales" / "orders" / "v1" / "quarantine").rglob("*.json")
    kept, hour = mesh("vacuum", "--json"), 3_600_000
    # As if they had been set aside two hours ago: the product keeps its versions for one.
    text = log.read_text(encoding="utf-8")
    [added] = re.findall(r'"modificationTime":(\d+)', text)
    log.write_text(text.replace(added, str(int(added) - 2 * hour)), encoding="utf-8")

    freed = mesh("vacuum", "--json")

    assert json.loads(kept.stdout)["files"] == []
    assert [(one["place"], one["expired"]) for one in json.loads(freed.stdout)["files"]] == [
        ("sales/orders/v1/quarantine/lines", 1)
    ]
    assert json.loads(mesh("read", f"{ORDERS}?quarantine", "--json").stdout) == []


def test_vacuum_forgets_who_read_what_long_ago() -> None:
    declare()
    url, long_ago = Store.at().registry_url, now() - timedelta(days=401)
    count(url, Read(ORDERS, 0, "python", long_ago, "ann"), Read(ORDERS, 0, "sql", now(), "ann"))
    with closing(Registry(url)) as registry:
        visit(registry, "ann", "view", ["sales/orders"], long_ago)

        tried = mesh("vacuum", "--dry-run")
        before = counts(registry, long_ago)
        done = mesh("vacuum")

        assert (tried.exit_code, done.exit_code) == (0, 0)
        product = "mesh://sales/orders/v1"
        assert (before, counts(registry, long_ago)) == ({product: 2}, {product: 1})
        assert registry.rows(sa.select(visits)) == []


def test_vacuum_forgets_alerts_that_are_long_over() -> None:
    declare()
    address, long_ago = ORDERS.partition("?")[0], now() - timedelta(days=500)
    with closing(Registry(Store.at().registry_url)) as registry:
        mute(registry, address, long_ago, until=long_ago, because="moving", by="ann")
        notify("test", [Item("t", address, "a/b", "team:x", "test", now(), "")], registry, long_ago)
        deliver(registry, Settings(), long_ago)

    result, again = mesh("vacuum", "--dry-run"), mesh("vacuum", "--json")

    assert result.stdout == (
        "0 files of 0 bytes would be deleted.\n"
        "0 breaches and 1 notices that are long over would be deleted.\n"
    )
    assert json.loads(again.stdout)["alerts"] == {
        "breaches": 0,
        "tellings": 1,
        "notices": 1,
        "deliveries": 1,
        "mutes": 1,
    }


def test_reindex_rebuilds_a_lost_registry_and_a_second_time_changes_nothing(
    mesh_root: Path,
) -> None:
    publish_lines(rows(1))
    publish_lines(rows(1, 2))
    before = mesh("show", ORDERS, "--json").stdout
    (mesh_root / "registry.sqlite").unlink()

    first, second = mesh("reindex"), mesh("reindex")

    assert (first.exit_code, words(first.stdout)) == (
        0,
        words(
            f"ADDRESS PUBLICATIONS DROPPED\n{ORDERS} 2 0\n2 publications of 1 ports are registered."
        ),
    )
    assert second.stdout == first.stdout
    assert mesh("show", ORDERS, "--json").stdout == before


def test_reindex_drops_what_the_store_never_published_and_keeps_the_products() -> None:
    declare()
    publish_lines(rows(1))
    with closing(Registry(Store.at().registry_url)) as registry:
        registry.record(replace(registry.publications(ORDERS)[0], version=99, published_at=now()))

    result = mesh("reindex", "--json")

    assert json.loads(result.stdout) == [{"address": ORDERS, "publications": 1, "dropped": 1}]
    status = json.loads(mesh("ls", ORDERS, "--json").stdout)[0]
    assert (status["version"], status["owner"]) == (0, "team:sales")
