from collections.abc import Iterator
from contextlib import closing
from io import BytesIO
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
import pytest
from upath import UPath

from mesh_dagster.declare.address import Reference
from mesh_dagster.declare.wiring import FrameKind
from mesh_dagster.errors import FrameRefusedError
from mesh_dagster.run.delta import DataFile, Snapshot
from mesh_dagster.run.frames import as_plan, from_plan, from_snapshot, quoted, relation
from mesh_dagster.run.read import connect, resolve
from mesh_dagster.run.store import Store
from tests.run.scenario import ADDRESS, SCHEMA, lines, publish_well

KINDS: dict[FrameKind, type] = {
    "lazy": pl.LazyFrame,
    "eager": pl.DataFrame,
    "arrow": pa.Table,
    "duckdb": duckdb.DuckDBPyRelation,
}


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with closing(connect()) as opened:
        yield opened


def stored(*orders: int) -> Snapshot:
    publish_well(lines(*orders))
    return resolve(Reference.parse(ADDRESS), Store.at())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("orders", [(1, 2), ()])
def test_stored_data_comes_as_the_frame_that_is_asked_for(
    kind: FrameKind, orders: tuple[int, ...], connection: duckdb.DuckDBPyConnection
) -> None:
    content = stored(*orders)

    frame = from_snapshot(content, kind, "orders", lambda: connection)

    assert isinstance(frame, KINDS[kind])
    assert as_plan(frame, "build").collect().sort("order").equals(lines(*orders))


@pytest.mark.parametrize("kind", KINDS)
def test_a_plan_comes_as_the_frame_that_is_asked_for(
    kind: FrameKind, connection: duckdb.DuckDBPyConnection
) -> None:
    frame = from_plan(lines(1, 2).lazy(), kind, "raw", lambda: connection)

    assert isinstance(frame, KINDS[kind])
    assert as_plan(frame, "build").collect().equals(lines(1, 2))


def test_relations_of_one_step_can_be_joined_by_their_names(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    from_snapshot(stored(1, 2), "duckdb", "orders", lambda: connection)
    names = pl.LazyFrame({"order": [2], "name": ["second"]})
    from_plan(names, "duckdb", "names", lambda: connection)

    joined = connection.sql('SELECT name, amount FROM orders JOIN names USING ("order")')

    assert joined.fetchall() == [("second", 1.0)]


@pytest.mark.parametrize("read_only", [True, False])
def test_views_leave_a_database_file_as_it_was(tmp_path: Path, *, read_only: bool) -> None:
    file = str(tmp_path / "team.duckdb")
    with closing(duckdb.connect(file)) as own:
        own.execute("CREATE TABLE orders AS SELECT 9 AS mine")

    with closing(duckdb.connect(file, read_only=read_only)) as connection:
        from_snapshot(stored(1), "duckdb", "orders", lambda: connection)
        from_plan(lines(2).lazy(), "duckdb", "raw", lambda: connection)
        both = connection.sql('SELECT "order" FROM orders UNION SELECT "order" FROM raw').fetchall()

    with closing(duckdb.connect(file)) as own:
        found = own.sql("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
        assert own.table("orders").fetchall() == [(9,)]
    assert sorted(both) == [(1,), (2,)]
    assert found == []


def test_a_relation_is_read_only_when_its_plan_is(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("CREATE TABLE rows AS SELECT 1 AS n")
    plan = as_plan(connection.table("rows"), "build")

    connection.execute("INSERT INTO rows VALUES (2)")

    assert sorted(plan.collect()["n"]) == [1, 2]


@pytest.mark.parametrize(
    ("frame", "got"),
    [(None, "nothing"), ([1], "a list"), (pl.Series([1]), "a polars Series"), ("rows", "a str")],
)
def test_what_is_no_frame_is_refused(frame: object, got: str) -> None:
    with pytest.raises(FrameRefusedError) as caught:
        as_plan(frame, "sales/orders/lines")

    assert str(caught.value) == (
        f"'sales/orders/lines' returned {got}; expected a polars LazyFrame or DataFrame, a DuckDB "
        "relation or a pyarrow Table. Use one of these. Nothing was published."
    )


def test_a_relation_of_a_closed_connection_is_refused() -> None:
    with closing(connect()) as connection:
        late = connection.sql("SELECT 1 AS n")

    with pytest.raises(FrameRefusedError, match="returned a relation of a connection that is cl"):
        as_plan(late, "sales/orders/lines")


def test_an_identifier_is_quoted_for_sql() -> None:
    assert quoted('say "hi"') == '"say ""hi"""'


def test_a_relation_of_an_object_store_is_read_through_fsspec(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    place = UPath("memory://lake/table")
    for name, frame in {"a": lines(1), "b": lines(2, 3)}.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        buffer = BytesIO()
        frame.write_parquet(buffer)
        (place / name).write_bytes(buffer.getvalue())
    files = [DataFile(name, 0, 1, "") for name in ("a", "b")]
    content = Snapshot("memory://lake/table", 0, tuple(files), dict(SCHEMA), {})

    twice = [relation(content, connection) for _ in range(2)]

    assert [sorted(one.pl()["order"]) for one in twice] == [[1, 2, 3], [1, 2, 3]]
