"""What the keys that lie beside published files change: the cost, and never the verdict."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandera.polars as pa
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh_dagster.declare.contract import Contract
from mesh_dagster.run import delta
from mesh_dagster.run.audit import audit_staged
from mesh_dagster.run.columns import named, stored
from mesh_dagster.run.keys import Key, key_of
from mesh_dagster.run.sidecar import SUFFIX, Beside, sidecar_of, write_sidecar
from mesh_dagster.run.split import split
from mesh_dagster.run.stage import Staging
from mesh_dagster.run.store import Store
from mesh_dagster.run.vacuum import vacuum
from tests.run.scenario import (
    NOW,
    PORT,
    SET_ASIDE,
    line_schema,
    lines,
    orders_at,
    port_of,
    publish_well,
    refusal_of,
    strays,
)

POOLS: dict[str, tuple[Any, Sequence[Any]]] = {
    "int": (pl.Int64, [0, 1, -1, 2**63 - 1, -(2**63), 7]),
    "unsigned": (pl.UInt64, [0, 1, 2**64 - 1]),
    "float": (pl.Float64, [0.0, -0.0, 1.5, float("nan"), float("inf")]),
    "text": (pl.String, ["", "a", "b", "ab", "ä"]),
    "flag": (pl.Boolean, [True, False]),
    "moment": (pl.Datetime("us"), [datetime(2024, 1, 1), datetime(2025, 1, 1)]),  # noqa: DTZ001
    "category": (pl.Categorical, ["a", "b", "c"]),
    "list": (pl.List(pl.Int64), [[], [1], [1, 2]]),
}


def beside(
    folder: str | Path, frames: Sequence[pl.DataFrame], keys: list[tuple[str, ...]]
) -> Beside:
    """Write each frame as a file of a port, with a sidecar."""
    store = Store.at(folder)
    uri = f"{store.root}/port"
    files = []
    for number, frame in enumerate(frames):
        path = Path(uri) / f"{number}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        columns = [stored(named(name), dtype).alias(name) for name, dtype in frame.schema.items()]
        frame.select(columns).write_parquet(path)
        file = delta.DataFile(path.name, path.stat().st_size, frame.height, str(number))
        files.append(file)
        content = delta.Snapshot(uri, -1, (file,), dict(frame.schema), {})
        write_sidecar(store, content, keys)
    return Beside(delta.Snapshot(uri, 0, tuple(files), dict(frames[0].schema), {}), store)


def unread_rows(others: Beside, frame: pl.DataFrame, columns: list[str]) -> int:
    """Return the rows of other partitions whose keys must be read from their files."""
    key = Key(columns, alone=len(columns) == 1)
    mine = frame.select(key_of(key, frame.schema)).to_series()
    unread = others.shared(key, frame.schema, [mine])[1]
    return 0 if unread is None else unread.collect().height


@st.composite
def partitions(draw: st.DrawFn) -> tuple[pa.DataFrameSchema, list[pl.DataFrame]]:
    kinds = [draw(st.sampled_from(list(POOLS))) for _ in range(2)]
    columns = dict(zip("ab", kinds, strict=True))
    single = draw(st.sampled_from(["a", "b", None]))
    schema = pa.DataFrameSchema(
        {n: pa.Column(POOLS[k][0], nullable=True, unique=n == single) for n, k in columns.items()},
        unique=["a", "b"] if single is None or draw(st.booleans()) else None,
    )
    frames = []
    for _ in range(draw(st.integers(2, 4))):
        height = draw(st.integers(0, 4))
        frames.append(
            pl.DataFrame(
                {
                    name: draw(
                        st.lists(
                            st.sampled_from([*POOLS[kind][1], None]),
                            min_size=height,
                            max_size=height,
                        )
                    )
                    for name, kind in columns.items()
                },
                schema={name: POOLS[kind][0] for name, kind in columns.items()},
            )
        )
    return schema, frames


@settings(max_examples=150)
@given(case=partitions(), lost=st.booleans())
def test_the_verdict_is_the_same_with_sidecars_and_without(
    *, case: tuple[pa.DataFrameSchema, list[pl.DataFrame]], lost: bool
) -> None:
    contract, (batch, *frames) = Contract.of(case[0]), case[1]
    with TemporaryDirectory() as folder:
        others = beside(folder, frames, list(contract.keys))
        if lost:
            (Path(folder) / "port" / f"0{SUFFIX}").unlink(missing_ok=True)

        verdict = audit_staged(batch.lazy(), contract, others=others)
        parts = split(batch.lazy(), contract, others=others)

        plain = split(batch.lazy(), contract, others=pl.concat(frames).lazy())
        assert verdict == audit_staged(batch.lazy(), contract, others=pl.concat(frames).lazy())
        assert parts.rejected.collect().equals(plain.rejected.collect())


def test_with_a_sidecar_no_column_of_the_other_partitions_is_read(tmp_path: Path) -> None:
    frame = pl.DataFrame({"a": [1, 2], "b": ["x", None]})
    others = beside(tmp_path, [frame, frame.clear()], [("a",), ("a", "b")])

    assert unread_rows(others, frame, ["a"]) == 0
    assert unread_rows(others, frame, ["a", "b"]) == 0
    assert unread_rows(others, frame, ["b"]) == 2


def test_a_category_has_no_sidecar_because_its_hash_is_of_one_process(tmp_path: Path) -> None:
    frame = pl.DataFrame({"a": ["x"]}, schema={"a": pl.Categorical})
    others = beside(tmp_path, [frame], [("a",)])

    assert not list(tmp_path.rglob(f"*{SUFFIX}"))
    assert unread_rows(others, frame, ["a"]) == 1


def test_the_keys_of_a_file_much_larger_than_the_batch_are_searched(tmp_path: Path) -> None:
    large = pl.DataFrame({"a": range(0, 20_000, 2)})
    contract = Contract.of(pa.DataFrameSchema({"a": pa.Column(pl.Int64, unique=True)}))
    others = beside(tmp_path, [large], [("a",)])
    batch = pl.LazyFrame({"a": [-1, 1, 19_998, 20_000, 20_001, 2]})

    verdict = audit_staged(batch, contract, others=others)

    assert {f.rule.text: f.failing_rows for f in verdict.broken} == {"a unique": 2}
    assert audit_staged(pl.LazyFrame({"a": [1, 3]}), contract, others=others).accepted


def _truncated(sidecar: Path) -> None:
    sidecar.write_bytes(sidecar.read_bytes()[:-50])


def _emptied(sidecar: Path) -> None:
    sidecar.write_bytes(b"")


def _garbled(sidecar: Path) -> None:
    sidecar.write_bytes(b"no keys at all" * 20)


def _changed(sidecar: Path) -> None:
    frame = pl.read_ipc(sidecar.read_bytes())
    frame.select(pl.all() + 1).write_ipc(sidecar)


def _shortened(sidecar: Path) -> None:
    pl.read_ipc(sidecar.read_bytes()).head(1).write_ipc(sidecar)


def _older(sidecar: Path) -> None:
    frame = pl.read_ipc(sidecar.read_bytes())
    frame.rename(lambda name: name.replace(pl.__version__, "1.0.0")).write_ipc(sidecar)


@pytest.mark.parametrize(
    "spoil", [_truncated, _emptied, _garbled, _changed, _shortened, _older, Path.unlink]
)
def test_a_sidecar_that_cannot_be_trusted_is_passed_over(
    spoil: Callable[[Path], None], tmp_path: Path
) -> None:
    frame = pl.DataFrame({"a": [1, 2, 3]})
    contract = Contract.of(pa.DataFrameSchema({"a": pa.Column(pl.Int64, unique=True)}))
    others = beside(tmp_path, [frame], [("a",)])

    spoil(tmp_path / "port" / sidecar_of("0.parquet"))

    verdict = audit_staged(pl.LazyFrame({"a": [3, 4]}), contract, others=others)
    assert unread_rows(others, frame, ["a"]) == 3
    assert {f.rule.text: f.failing_rows for f in verdict.broken} == {"a unique": 1}


def test_a_sidecar_that_cannot_be_written_is_left_out(tmp_path: Path) -> None:
    frame = pl.DataFrame({"a": [1]})
    others = beside(tmp_path, [frame], [])
    (tmp_path / "port" / sidecar_of("0.parquet")).mkdir()

    write_sidecar(others.store, others.content, [("a",)])

    assert unread_rows(others, frame, ["a"]) == 1


def sidecars() -> list[Path]:
    return sorted(Path(Store.at().root).rglob(f"*{SUFFIX}"))


def test_a_partition_is_published_with_the_keys_that_span_partitions() -> None:
    publish_well(lines(1, 2), PORT, "a")
    publish_well(lines(3), PORT, "b")

    refusal_of(lines(3, 4), PORT, "c")

    assert len(sidecars()) == 2
    assert orders_at() == [1, 2, 3]
    assert strays() == []


def test_a_port_whose_keys_stay_in_their_partition_has_no_sidecars() -> None:
    whole = port_of(name="whole")
    schema = line_schema()
    schema.columns["order"].unique = False
    schema.unique = ["order", "artist"]
    placed = port_of(schema, name="placed", partition_column="artist")

    publish_well(lines(1), whole)
    publish_well(lines(1), placed, "Ann", inside={"artist": pl.col("artist") == "Ann"})

    assert sidecars() == []


def test_the_sidecar_holds_the_valid_rows_only() -> None:
    port = port_of(quality=SET_ASIDE)
    publish_well(pl.concat([lines(1, 2), lines(3, amount=-1.0)]), port, "a")

    publish_well(lines(3), port, "b")

    assert orders_at() == [1, 2, 3]
    assert len(sidecars()) == 2


def test_a_sidecar_leaves_with_its_file() -> None:
    for order in (1, 2):
        publish_well(lines(order), PORT, "a")
    late = NOW.astimezone(timezone.utc) + timedelta(days=3650)

    before = len(sidecars())
    said = vacuum(Store.at(), lambda _: timedelta(0), late, dry_run=True)
    done = vacuum(Store.at(), lambda _: timedelta(0), late)

    assert (before, len(sidecars())) == (2, 1)
    assert said == done
    assert [(found.orphans, found.expired) for found in done] == [(0, 1)]


def test_a_batch_that_is_not_kept_leaves_no_sidecar(tmp_path: Path) -> None:
    store = Store.at(tmp_path / "mesh")
    with Staging(store, f"{store.root}/port") as area:
        staged = area.write(lines(1).lazy(), lines(1).schema, "a")
        write_sidecar(store, replace(staged.content), [("order",)])
        written = len(list(tmp_path.rglob(f"*{SUFFIX}")))

    assert (written, list(tmp_path.rglob(f"*{SUFFIX}"))) == (1, [])
