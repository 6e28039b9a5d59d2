from pathlib import Path

import pytest

from mesh_dagster.declare.address import Address
from mesh_dagster.errors import NameRefusedError, StoreRefusedError, StoreUnknownError
from mesh_dagster.run.store import Store

LINES = Address("sales", "orders", 1, "lines")


def test_the_root_is_the_given_folder_or_that_of_the_environment_or_a_folder_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MESH_ROOT", str(tmp_path / "environment"))
    monkeypatch.chdir(tmp_path)

    given, environment = Store.at(tmp_path / "given"), Store.at()
    monkeypatch.setenv("MESH_ROOT", "")
    default = Store.at()

    roots = [store.root for store in (given, environment, default)]
    assert roots == [str(tmp_path / name) for name in ("given", "environment", ".mesh")]


def test_every_place_lies_under_the_root() -> None:
    store = Store("/mesh")

    assert store.table(LINES) == "/mesh/sales/orders/v1/lines"
    assert store.quarantine(LINES) == "/mesh/sales/orders/v1/quarantine/lines"
    assert store.internal("sales/orders", "raw", "") == "/mesh/sales/orders/internal/raw/whole"
    assert store.internal("sales/orders", "raw", "a/b") == (
        "/mesh/sales/orders/internal/raw/partition-a%2Fb"
    )
    assert store.turn(store.table(LINES)) == "/mesh/_turns/sales%2Forders%2Fv1%2Flines"


def test_a_name_cannot_leave_the_root() -> None:
    with pytest.raises(NameRefusedError):
        Store("/mesh").internal("sales/orders", "../../etc", "")


def test_an_object_store_is_not_local_and_keeps_its_registry_here(tmp_path: Path) -> None:
    store = Store.at("s3://bucket/mesh/")

    assert (store.root, store.local) == ("s3://bucket/mesh", False)
    assert store.registry_url == f"sqlite:///{Path.cwd()}/.mesh/registry.sqlite"


def test_the_registry_lies_in_the_root_unless_the_environment_says_otherwise(
    mesh_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside = Store.at().registry_url
    monkeypatch.setenv("MESH_REGISTRY", "postgresql://host/mesh")

    assert beside == f"sqlite:///{mesh_root}/registry.sqlite"
    assert Store.at().registry_url == "postgresql://host/mesh"


@pytest.mark.parametrize("character", ["%", "?", "#", "\\", "\n"])
def test_a_root_that_delta_would_take_for_another_is_refused(character: str) -> None:
    root = f"/data/a{character}b"

    with pytest.raises(StoreRefusedError) as caught:
        Store.at(root)

    assert str(caught.value) == (
        f"The store at {root!r} has {character!r} in its path, which Delta cannot keep. Set "
        "MESH_ROOT to a path without control characters and without any of % ? # \\. "
        "Nothing was published or read."
    )


def test_only_tables_of_ports_are_listed(mesh_root: Path) -> None:
    for table in (
        "b/p/v1/x",
        "a/p/v10/x",
        "a/p/v2/x",
        "a/p/v1/quarantine/x",
        "a/p/vx/y",
        "A/p/v1/y",
    ):
        (mesh_root / table / "_delta_log").mkdir(parents=True)
    (mesh_root / "a/p/v1/x/_staging").mkdir(parents=True)

    published = [str(address) for address in Store.at().addresses()]
    begun = [str(address) for address in Store.at().addresses(published=False)]

    assert published == ["mesh://a/p/v2/x", "mesh://a/p/v10/x", "mesh://b/p/v1/x"]
    assert begun == ["mesh://a/p/v1/x", *published]


def test_a_port_of_which_only_rejected_rows_lie_in_the_store_was_begun(mesh_root: Path) -> None:
    (mesh_root / "a/p/v1/quarantine/x/_delta_log").mkdir(parents=True)

    assert [str(one) for one in Store.at().addresses(published=False)] == ["mesh://a/p/v1/x"]


def test_a_store_that_nothing_here_can_reach_says_what_to_install() -> None:
    store = Store.at("nowhere://bucket/mesh")

    with pytest.raises(StoreUnknownError) as caught:
        list(store.addresses())

    told = str(caught.value)
    assert told.startswith("The store at 'nowhere://bucket/mesh' cannot be reached: ")
    assert told.endswith(
        "For 's3' install mesh-dagster[s3]; for others the package that fsspec names for "
        "'nowhere'. Nothing was published or read."
    )
