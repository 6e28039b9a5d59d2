import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from example_domains.source_folder import source_file


def _two_files() -> dict[str, bytes]:
    return {"shop/goods.csv": b"id\n1\n", "shop/prices.csv": b"id,price\n1,2\n"}


def _never() -> dict[str, bytes]:
    message = "a generator ran although its files were there"
    raise AssertionError(message)


def _read_at_once(_: int) -> bytes:
    big = {"shop/big.csv": b"0123456789\n" * 100_000}
    return source_file("shop/big.csv", lambda: big).read_bytes()


def test_a_file_is_generated_beneath_the_mesh_root(generated: Path) -> None:
    path = source_file("shop/goods.csv", _two_files)

    assert path == generated / "example_data" / "shop" / "goods.csv"
    assert path.read_bytes() == b"id\n1\n"


def test_every_file_of_the_generator_is_written_whole(generated: Path) -> None:
    source_file("shop/goods.csv", _two_files)

    left = sorted(path.name for path in (generated / "example_data" / "shop").iterdir())
    assert left == ["goods.csv", "prices.csv"]


def test_a_file_is_generated_once(generated: Path) -> None:
    source_file("shop/goods.csv", _two_files)

    path = source_file("shop/prices.csv", _never)

    assert path.read_bytes() == b"id,price\n1,2\n"


def test_a_root_on_an_object_store_keeps_generated_files_local(
    generated: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MESH_ROOT", "s3://bucket/mesh")

    path = source_file("shop/goods.csv", _two_files)

    assert path.resolve() == (tmp_path / ".mesh/example_data/shop/goods.csv").resolve()


def test_a_given_folder_is_read_as_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "goods.csv").write_bytes(b"id\n7\n")
    monkeypatch.setenv("MESH_EXAMPLE_DATA", str(tmp_path))

    path = source_file("shop/goods.csv", _never)

    assert path.read_bytes() == b"id\n7\n"


def test_a_given_folder_without_the_file_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MESH_EXAMPLE_DATA", str(tmp_path))

    with pytest.raises(FileNotFoundError) as refused:
        source_file("shop/goods.csv", _never)

    assert str(refused.value) == (
        "The folder that MESH_EXAMPLE_DATA names has no file 'shop/goods.csv'. Name a folder that "
        "has it, or unset MESH_EXAMPLE_DATA. Nothing was read."
    )


def test_processes_that_generate_at_once_read_whole_files(generated: Path) -> None:
    spawn = multiprocessing.get_context("spawn")

    with ProcessPoolExecutor(max_workers=4, mp_context=spawn) as pool:
        contents = set(pool.map(_read_at_once, range(8)))

    assert contents == {b"0123456789\n" * 100_000}
    assert [p.name for p in (generated / "example_data" / "shop").iterdir()] == ["big.csv"]
