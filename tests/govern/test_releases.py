import json
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from mesh_dagster.errors import SnapshotRefusedError
from mesh_dagster.govern.releases import elsewhere, release, released
from mesh_dagster.govern.snapshot import read_snapshot, write_snapshot
from mesh_dagster.run.declared import register
from mesh_dagster.run.registry import Registry
from tests.govern.scenario import NOW, declared, orders, reader

OLD, NEW = declared(orders()), declared(orders(version="1.3.0"))
VAT = reader("billing/vat", columns=["amount"])
LATER = NOW + timedelta(days=1)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with closing(Registry(f"sqlite:///{tmp_path}/registry.sqlite")) as opened:
        yield opened


def test_what_was_released_last_counts(registry: Registry) -> None:
    assert release(registry, [OLD], NOW) == [OLD]
    assert release(registry, [NEW], LATER) == [NEW]

    assert released(registry, {"shop"}) == [NEW]


def test_a_release_without_changes_records_nothing(registry: Registry) -> None:
    release(registry, [OLD], NOW)

    assert release(registry, [OLD], LATER) == []


def test_a_release_ends_what_its_domains_no_longer_declare_and_leaves_others_alone(
    registry: Registry,
) -> None:
    vat, beside = declared(VAT), declared(orders(version="2.0.0"))
    release(registry, [OLD, beside, vat], NOW)

    assert release(registry, [beside], LATER) == [OLD]
    assert released(registry, {"shop", "billing"}) == [vat, beside]


def test_products_of_other_domains_are_known_from_the_registry(registry: Registry) -> None:
    for product in (orders(), VAT):
        register(product, registry, lambda: NOW)

    assert elsewhere(registry, {"shop"}) == [declared(VAT)]


def test_a_snapshot_reads_back_equal_and_keeps_of_a_consumer_what_it_reads(tmp_path: Path) -> None:
    path = tmp_path / "released.json"

    changed = write_snapshot(
        path, [OLD], [declared(VAT), declared(reader("a/b", "mesh://c/d/v1/e"))], NOW
    )

    snapshot = read_snapshot(path)
    assert (changed, snapshot.products) == ([OLD], (OLD,))
    [consumer] = snapshot.consumers
    assert (consumer.key, list(consumer.declaration)) == ("billing/vat", ["expects", "inputs"])
    assert consumer.ports == {}


def test_a_snapshot_of_the_same_declarations_is_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "released.json"
    write_snapshot(path, [OLD], [], NOW)
    before = path.read_text("utf-8")

    assert write_snapshot(path, [OLD], [], LATER) == []
    assert path.read_text("utf-8") == before
    assert write_snapshot(path, [NEW], [], LATER) == [NEW]
    assert LATER.isoformat() in path.read_text("utf-8")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, "cannot be read"),
        ("not JSON", "is no snapshot of a release"),
        ("[]", "is no snapshot of a release"),
        ('{"snapshot": 2}', "is no snapshot of a release"),
    ],
)
def test_a_file_that_is_no_snapshot_is_refused(
    text: str | None, problem: str, tmp_path: Path
) -> None:
    path = tmp_path / "released.json"
    if text is not None:
        path.write_text(text, encoding="utf-8")

    with pytest.raises(SnapshotRefusedError) as refused:
        read_snapshot(path)

    assert str(refused.value) == (
        f"The snapshot '{path}' {problem}. Write one with 'mesh release --snapshot {path}', "
        "or restore the committed file. Nothing was compared or released."
    )


def test_a_snapshot_with_a_broken_contract_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "released.json"
    write_snapshot(path, [OLD], [], NOW)
    written = json.loads(path.read_text("utf-8"))
    [port] = written["products"][0]["ports"].values()
    port["declaration"]["contract"]["columns"] = [{"name": "x"}]
    path.write_text(json.dumps(written), encoding="utf-8")

    with pytest.raises(SnapshotRefusedError):
        read_snapshot(path)
