import os
import subprocess
import sys
import time
from collections.abc import Iterator
from copy import deepcopy
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import duckdb
import pandera.polars as pa
import polars as pl
import pytest
from pandera.engines.polars_engine import DateTime
from pandera.polars import PolarsData

from mesh_dagster.declare.slo import EARLIEST_EVENT, Freshness, Quality
from mesh_dagster.errors import (
    CommitContendedError,
    PartitioningChangedError,
    RegistryError,
    StagingFailedError,
)
from mesh_dagster.run import delta
from mesh_dagster.run.frames import as_plan
from mesh_dagster.run.judge import Batch
from mesh_dagster.run.publish import Published, Refused, publish
from mesh_dagster.run.read import connect, read
from mesh_dagster.run.registry import Registry
from mesh_dagster.run.store import Store
from tests.run.scenario import (
    ADDRESS,
    NOW,
    PORT,
    SET_ASIDE,
    line_schema,
    lines,
    orders_at,
    port_of,
    publish_batch,
    publish_well,
    refusal_of,
    strays,
    version_at,
)

ASIDE = (
    "Fix the batch, or set its bad rows aside with Quality(valid_rows=..., otherwise='quarantine')."
)

ANY_ZONE: Any = DateTime(time_zone_agnostic=True)  # Any: pandera's own types are not in its hints


def refused(faults: str, rules: str = "1 of 7", remedy: str = ASIDE) -> str:
    return (
        f"'{ADDRESS}' failed {rules} rules: {faults}. Nothing was published; version 0 stays "
        f"current. {remedy}"
    )


def assert_nothing_changed() -> None:
    assert (version_at(), orders_at(), strays()) == (0, [1, 2], [])


def test_a_good_batch_becomes_the_current_version() -> None:
    first = publish_well(lines(1, 2))
    second = publish_well(lines(3))

    assert (first.publication.version, second.publication.version) == (0, 1)
    assert second.recorded
    assert (orders_at(), orders_at(f"{ADDRESS}?version=0")) == ([3], [1, 2])
    assert strays() == []


def test_a_publication_says_what_it_is_made_of_in_commit_and_registry_alike() -> None:
    registry = Registry(Store.at().registry_url)

    made = publish_well(
        lines(1, 2), inputs={"mesh://media/plays/v1/events": 7}, registry=registry
    ).publication

    entry = next(delta.history(Store.at(), Store.at().table(PORT.address)))
    assert registry.publications(ADDRESS) == [made]
    assert (made.address, made.version, made.run_id, made.slice) == (ADDRESS, 0, "run-1", "")
    assert (made.rows, made.port_rows, made.rejected_rows) == (2, 2, 0)
    assert made.inputs == {"mesh://media/plays/v1/events": 7}
    assert (made.contract_version, made.contract_digest) == ("1.0.0", PORT.contract.digest)
    assert made.published_at == entry["published_at"]
    assert [column["column"] for column in made.profile["columns"]] == ["order", "artist", "amount"]


def test_a_publication_says_how_large_the_whole_port_is_and_how_long_it_took() -> None:
    begun = time.monotonic() - 90
    batch = Batch(PORT, lines(2).lazy(), "2026-01-02", begun=begun)
    publish_well(lines(1), slice_="2026-01-01")

    made = publish(batch, Store.at(), Registry(Store.at().registry_url), lambda: NOW)

    assert isinstance(made, Published)
    files = list(Path(Store.at().table(PORT.address)).glob("data/*.parquet"))
    assert made.publication.port_bytes == sum(file.stat().st_size for file in files)
    assert len(files) == 2
    assert made.publication.duration_seconds == pytest.approx(time.monotonic() - begun, abs=5)


def test_a_batch_says_which_families_of_rules_it_kept_published_or_not() -> None:
    registry = Registry(Store.at().registry_url)
    port = port_of(quality=SET_ASIDE)

    made = publish_well(lines(1, 3, 2, 2), port=port, registry=registry)
    refusal_of(lines(3, amount=-1.0), registry=registry)

    assert made.publication.checks == {"keys": False, "schema": True, "values": True}
    assert [one.checks for one in registry.publications(ADDRESS)] == [made.publication.checks]
    assert [one.checks for one in registry.refusals(ADDRESS)] == [
        {"keys": True, "schema": True, "values": False}
    ]


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        (lines(3, amount=-1.0), refused("'amount >= 0' on 1 of 1 rows")),
        (lines(3, 3, 4), refused("'order unique' on 2 of 3 rows")),
        (lines(None, 3), refused("'order not null' on 1 of 2 rows")),
        (
            lines(3).cast({"order": pl.Int32}),
            refused("'order is Int64' (is Int32)", remedy="Fix the batch."),
        ),
        (
            lines(3).drop("artist", "amount"),
            refused(
                "'artist is String' (is missing); 'amount is Float64' (is missing)",
                "2 of 7",
                "Fix the batch.",
            ),
        ),
        (
            lines(3, 3, amount=-1.0),
            refused("'amount >= 0' on 2 of 2 rows; 'order unique' on 2 of 2 rows", "2 of 7"),
        ),
    ],
    ids=["value", "duplicate key", "null", "type", "missing column", "several faults"],
)
def test_a_batch_that_breaks_its_contract_is_refused(batch: pl.DataFrame, message: str) -> None:
    publish_well(lines(1, 2))

    outcome = refusal_of(batch)

    assert str(outcome.error) == message
    assert Registry(Store.at().registry_url).refusals(ADDRESS) == [outcome.refusal]
    assert outcome.refusal.refused_at == NOW
    assert_nothing_changed()


def test_an_extra_column_is_refused_where_the_contract_is_strict() -> None:
    publish_well(lines(1, 2))

    outcome = refusal_of(lines(3).with_columns(extra=1), port_of(strict()))

    assert str(outcome.error) == refused(
        "'no other column' (has more columns)", "1 of 8", "Fix the batch."
    )
    assert_nothing_changed()


def strict() -> pa.DataFrameSchema:
    schema = line_schema()
    schema.strict = True
    return schema


def not_empty(data: PolarsData) -> pl.LazyFrame:
    return data.lazyframe.select(pl.len() > 0)


def test_an_empty_batch_is_refused_where_the_contract_forbids_it() -> None:
    schema = line_schema()
    schema.checks = [pa.Check(not_empty, error="has rows")]
    publish_well(lines(1, 2), port_of(schema))

    outcome = refusal_of(lines(), port_of(schema))

    assert str(outcome.error) == refused("'has rows'", "1 of 8", "Fix the batch.")
    assert_nothing_changed()


def test_a_first_batch_that_is_refused_leaves_the_port_unpublished() -> None:
    outcome = refusal_of(lines(1, amount=-1.0))

    assert str(outcome.error) == (
        f"'{ADDRESS}' failed 1 of 7 rules: 'amount >= 0' on 1 of 1 rows. Nothing was published; "
        f"there is no earlier version. {ASIDE}"
    )
    assert (version_at(), list(Store.at().addresses())) == (None, [])


def test_a_type_that_pandera_takes_and_the_port_cannot_keep_is_refused() -> None:
    agnostic = pa.DataFrameSchema(
        {
            "order": pa.Column(int),
            "at": pa.Column(ANY_ZONE),
        }
    )
    frame = pl.DataFrame({"order": [1], "at": [datetime(2026, 1, 1, tzinfo=timezone.utc)]})

    outcome = refusal_of(frame, port_of(agnostic))

    assert "(is Datetime(time_unit='us', time_zone='UTC'))" in str(outcome.error)
    assert version_at() is None


# Quarantine ----------------------------------------------------------------------------------


def test_enough_valid_rows_are_published_and_the_others_lie_in_quarantine() -> None:
    port = port_of(quality=SET_ASIDE)
    batch = pl.concat([lines(1, 2, 5), lines(3, amount=-1.0), lines(4, 4)])

    outcome = publish_well(batch, port)

    aside = read(f"{ADDRESS}?quarantine").sort("order").collect()
    assert orders_at() == [1, 2, 5]
    assert outcome.publication.rejected_rows == 3
    assert aside.select("order", "mesh_rules").rows() == [
        (3, ["amount >= 0"]),
        (4, ["order unique"]),
        (4, ["order unique"]),
    ]
    assert strays() == []


def test_exactly_as_many_valid_rows_as_promised_are_enough() -> None:
    port = port_of(quality=Quality(valid_rows=0.55, otherwise="quarantine"))
    batch = pl.concat([lines(*range(11)), lines(*range(11, 20), amount=-1.0)])

    assert publish_well(batch, port).publication.rows == 11


def test_too_few_valid_rows_are_refused_and_the_others_still_lie_in_quarantine() -> None:
    port = port_of(quality=Quality(valid_rows=0.9, otherwise="quarantine"))
    publish_well(lines(1, 2), port)

    outcome = refusal_of(pl.concat([lines(3), lines(4, amount=-1.0)]), port)

    assert str(outcome.error) == refused(
        "'amount >= 0' on 1 of 2 rows",
        remedy="Fix the batch: 1 of 2 rows are valid, 90% were promised, and the others lie at "
        f"'{ADDRESS}?quarantine'.",
    )
    assert orders_at(f"{ADDRESS}?quarantine") == [4]
    assert_nothing_changed()


def test_rows_of_another_partition_refuse_a_batch_even_with_a_quarantine() -> None:
    port = port_of(quality=SET_ASIDE, partition_column="order")
    batch = pl.concat([lines(1, 2, 7), lines(3, amount=-1.0)])

    outcome = refusal_of(batch, port, "a", inside={"order": pl.col("order") < 5})

    assert str(outcome.error).endswith(
        "Fix the batch: not all of its bad rows can be set aside; the others lie at "
        f"'{ADDRESS}?quarantine'."
    )


def test_a_batch_without_a_column_is_refused_whole_even_with_a_quarantine() -> None:
    port = port_of(quality=SET_ASIDE)
    publish_well(lines(1, 2), port)

    outcome = refusal_of(lines(3).drop("artist"), port)

    assert str(outcome.error) == refused("'artist is String' (is missing)", remedy="Fix the batch.")
    assert orders_at(f"{ADDRESS}?quarantine") == []
    assert_nothing_changed()


def test_a_batch_without_faults_empties_the_quarantine() -> None:
    port = port_of(quality=SET_ASIDE)
    publish_well(pl.concat([lines(1), lines(2, amount=-1.0)]), port)

    publish_well(lines(3), port)

    assert orders_at(f"{ADDRESS}?quarantine") == []
    assert strays() == []


# Partitions ----------------------------------------------------------------------------------


def test_a_partition_replaces_exactly_itself() -> None:
    publish_well(lines(1, 2), PORT, "a")
    publish_well(lines(3), PORT, "b")

    made = publish_well(lines(4, 5, 6), PORT, "a").publication

    assert orders_at() == [3, 4, 5, 6]
    assert (made.slice, made.rows, made.port_rows) == ("a", 3, 4)


@pytest.mark.parametrize(
    "key",
    ["a/b", "../up", "50%", "%2F", "日本 ü", "it's", 'say "hi"', "a=b", "a|b", "\\", "x" * 400, "1",
     " lead ", "null", "__HIVE_DEFAULT_PARTITION__", "new\nline"],
)  # fmt: skip
def test_any_partition_key_replaces_exactly_itself(key: str) -> None:
    publish_well(lines(1), PORT, key)
    publish_well(lines(2), PORT, "other")

    publish_well(lines(3), PORT, key)

    current = delta.snapshot(Store.at(), Store.at().table(PORT.address))
    assert current is not None
    assert sorted(file.slice for file in current.files) == sorted([key, "other"])
    assert orders_at() == [2, 3]
    assert strays() == []


def test_rows_outside_their_partition_are_refused() -> None:
    port = port_of(partition_column="artist")
    publish_well(
        lines(1, 2, artist="Ann"), port, "Ann", inside={"artist": pl.col("artist") == "Ann"}
    )

    outcome = refusal_of(
        pl.concat([lines(3, artist="Bob"), lines(4, artist="Ann")]),
        port,
        "Bob",
        inside={"artist": pl.col("artist") == "Bob"},
    )

    assert str(outcome.error) == refused("'artist within the partition' on 1 of 2 rows", "1 of 8")
    assert_nothing_changed()


def test_a_key_that_another_partition_holds_is_refused() -> None:
    publish_well(lines(1, 2), PORT, "a")

    outcome = refusal_of(lines(2, 3), PORT, "b")

    assert str(outcome.error) == refused("'order unique' on 1 of 2 rows")
    assert_nothing_changed()


def test_rows_with_a_key_of_another_partition_are_set_aside() -> None:
    port = port_of(quality=SET_ASIDE)
    publish_well(lines(1, 2), port, "a")

    outcome = publish_well(lines(2, 3, 4), port, "b")

    aside = read(f"{ADDRESS}?quarantine").collect()
    assert orders_at() == [1, 2, 3, 4]
    assert outcome.publication.rejected_rows == 1
    assert aside.select("order", "mesh_rules").rows() == [(2, ["order unique"])]
    assert strays() == []


def test_an_optional_column_that_a_batch_lacks_breaks_no_rule() -> None:
    schema = line_schema().add_columns({"note": pa.Column(str, required=False)})
    port = port_of(schema, quality=SET_ASIDE)

    clean = publish_well(lines(1, 2), port)
    parted = publish_well(pl.concat([lines(1, 2, 3), lines(4, amount=-1.0)]), port)

    assert clean.verdict.accepted
    assert parted.publication.rejected_rows == 1
    assert orders_at() == [1, 2, 3]
    assert read(ADDRESS).collect()["note"].to_list() == [None] * 3


def test_a_key_may_move_to_another_partition_once_it_has_left_the_first() -> None:
    publish_well(lines(1, 2), PORT, "a")
    publish_well(lines(1), PORT, "a")

    publish_well(lines(2), PORT, "b")

    assert orders_at() == [1, 2]


def test_a_key_with_the_partition_column_cannot_repeat_elsewhere_and_one_with_half_of_it_can() -> (
    None
):
    schema = line_schema()
    schema.columns["order"].unique = False
    schema.unique = ["order", "artist"]
    whole = port_of(schema, name="whole", partition_column={"one": "artist", "two": "order"})
    half = port_of(schema, name="half", partition_column={"one": "artist"})
    publish_well(lines(1), whole, "Ann|1")
    publish_well(lines(1), half, "Ann|x")

    placed = publish_batch(lines(1), whole, "Ann|2")
    unplaced = refusal_of(lines(1), half, "Ann|y")

    assert placed.verdict.accepted
    assert unplaced.refusal.broken == {"(order, artist) unique": 1}


def test_a_contract_that_grows_by_a_nullable_column_fills_older_partitions_with_nulls() -> None:
    publish_well(lines(1), PORT, "a")
    grown = port_of(line_schema().add_columns({"note": pa.Column(str, nullable=True)}))

    publish_well(lines(2).with_columns(note=pl.lit("new")), grown, "b")

    frame = read(ADDRESS).sort("order").collect()
    assert frame.select("order", "note").rows() == [(1, None), (2, "new")]


def test_a_contract_that_older_partitions_break_is_refused() -> None:
    publish_well(lines(1, 2), PORT, "a")
    schema = line_schema()
    schema.columns["amount"].checks = [pa.Check.ge(5)]

    outcome = refusal_of(lines(3, amount=6.0), port_of(schema), "b")

    assert str(outcome.error) == (
        f"'{ADDRESS}' failed 1 of 7 rules in partitions that were published under an earlier "
        "contract: 'amount >= 5' on 2 of 2 rows. Nothing was published; version 0 stays current. "
        "Mend those partitions under the earlier contract, or declare a new major version."
    )
    assert_nothing_changed()


def test_what_footers_prove_of_older_partitions_is_not_scanned_for(mesh_root: Path) -> None:
    ranges = pa.DataFrameSchema({"order": pa.Column(int), "artist": pa.Column(str)})
    publish_well(lines(5, 6), port_of(ranges), "a")
    [file] = (mesh_root / "sales/orders/v1/lines/data").glob("*.parquet")
    whole = file.read_bytes()
    footer = int.from_bytes(whole[-8:-4], "little") + 8
    file.write_bytes(whole[:4] + b"?" * (len(whole) - footer - 4) + whole[-footer:])
    higher, unproven = deepcopy(ranges), deepcopy(ranges)
    higher.columns["order"].checks = [pa.Check.ge(5)]
    unproven.columns["order"].checks = [pa.Check.ge(6)]

    publish_well(lines(7), port_of(higher), "b")

    with pytest.raises((pl.exceptions.PolarsError, OSError)):
        publish_batch(lines(8), port_of(unproven), "b")


@pytest.mark.parametrize("dtype", [pl.String, pl.Int16, pl.List(pl.Int64)])
def test_a_type_that_older_partitions_do_not_have_is_refused(dtype: pl.DataType) -> None:
    publish_well(lines(1, 2), PORT, "a")
    schema = line_schema().update_column("order", dtype=dtype)
    batch = lines(3).with_columns(pl.lit(None).cast(dtype).alias("order").fill_null(pl.lit(None)))
    schema.columns["order"].nullable = True

    outcome = refusal_of(batch, port_of(schema), "b")

    assert str(outcome.error) == (
        f"'{ADDRESS}' failed 1 of 6 rules in partitions that were published under an earlier "
        f"contract: 'order is {dtype}' (is Int64). Nothing was published; version 0 stays current. "
        "Mend those partitions under the earlier contract, or declare a new major version."
    )
    assert_nothing_changed()


@pytest.mark.parametrize("dtype", [pl.String(), pl.Float64(), pl.UInt32()])
def test_the_type_of_a_column_without_rules_is_held_against_older_partitions(
    dtype: pl.DataType,
) -> None:
    free = pa.DataFrameSchema({"order": pa.Column(pl.Int64, nullable=True)})
    publish_well(lines(-1), port_of(free), "a")
    changed = free.update_column("order", dtype=dtype)

    outcome = refusal_of(lines(2).cast({"order": dtype}), port_of(changed), "b")

    assert [finding.note for finding in outcome.verdict.broken] == ["is Int64"]
    assert orders_at() == [-1]


def test_a_wider_number_is_taken_and_older_partitions_read_as_it() -> None:
    narrow = line_schema().update_column("order", dtype=pl.Int32)
    publish_well(lines(1, 2).cast({"order": pl.Int32}), port_of(narrow), "a")

    publish_well(lines(3), PORT, "b")

    assert read(ADDRESS).collect_schema()["order"] == pl.Int64
    assert orders_at() == [1, 2, 3]


def test_a_time_without_a_zone_may_join_a_port_later() -> None:
    publish_well(lines(1), PORT, "a")
    later = port_of(line_schema().add_columns({"at": pa.Column(pl.Datetime("us"), nullable=True)}))

    publish_well(lines(2).with_columns(at=datetime(2026, 1, 1)), later, "b")  # noqa: DTZ001

    rows = read(ADDRESS).sort("order").select("order", "at").collect().rows()
    assert rows == [(1, None), (2, datetime(2026, 1, 1))]  # noqa: DTZ001
    assert orders_at(f"{ADDRESS}?version=0") == [1]


@pytest.mark.parametrize(
    ("first", "then", "was", "now"),
    [("", "a", "whole", "in partitions"), ("a", "", "in partitions", "whole")],
)
def test_a_port_keeps_the_partitioning_it_began_with(
    first: str, then: str, was: str, now: str
) -> None:
    publish_well(lines(1, 2), PORT, first)

    with pytest.raises(PartitioningChangedError) as caught:
        publish_batch(lines(3), PORT, then)

    assert str(caught.value) == (
        f"'{ADDRESS}' was published {was} so far and is now built {now}. Nothing was published; "
        "version 0 stays current. Go back to the partitions it had, or give the product a new "
        "major version."
    )
    assert_nothing_changed()


def test_time_that_is_cut_anew_never_stands_beside_the_old_partitions() -> None:
    daily = "0 0 * * * UTC"

    def published(order: int, key: str, cut: str) -> Published | Refused:
        batch = Batch(PORT, lines(order).lazy(), key, cut=cut)
        return publish(batch, Store.at(), Registry(Store.at().registry_url), lambda: NOW)

    for order, cut in ((1, ""), (2, daily), (3, daily)):
        assert isinstance(published(order, f"2026-11-0{order}", cut), Published)
    with pytest.raises(PartitioningChangedError) as caught:
        published(4, "2026-11-03-05:00", "0 * * * * UTC")

    assert str(caught.value) == (
        f"'{ADDRESS}' was published in partitions by '{daily}' so far and is now built in "
        "partitions by '0 * * * * UTC'. Nothing was published; version 2 stays current. Go back "
        "to the partitions it had, or give the product a new major version."
    )
    assert orders_at() == [1, 2, 3]


# Frames --------------------------------------------------------------------------------------


def test_each_of_the_four_frames_publishes_the_same() -> None:
    frame = lines(1, 2)
    relation = connect().from_arrow(frame.to_arrow())

    for given in (frame, frame.lazy(), frame.to_arrow(), relation):
        publish_well(as_plan(given, "build"))

    versions = [read(f"{ADDRESS}?version={n}").sort("order").collect() for n in range(4)]
    assert all(version.equals(frame) for version in versions)


def test_a_relation_that_breaks_the_contract_is_refused_like_any_frame() -> None:
    relation = duckdb.sql("SELECT 3 AS \"order\", 'Ann' AS artist, -1.0::DOUBLE AS amount")
    publish_well(lines(1, 2))

    outcome = refusal_of(as_plan(relation, "build"))

    assert str(outcome.error) == refused(
        "'order is Int64' (is Int32); 'amount >= 0' on 1 of 1 rows", "2 of 7"
    )
    assert_nothing_changed()


def test_column_order_is_the_contracts_and_extra_columns_are_dropped() -> None:
    publish_well(lines(1, 2).select(pl.lit(1).alias("extra"), "amount", "artist", "order"))

    assert read(ADDRESS).sort("order").collect().equals(lines(1, 2))


def test_an_empty_batch_of_the_right_types_publishes() -> None:
    publish_well(lines(1, 2))

    made = publish_well(lines()).publication

    assert (made.rows, read(ADDRESS).collect().equals(lines())) == (0, True)


@pytest.mark.parametrize("separator", ["\n", "\r", "\x1c", "\x85", "\u2028", "\u2029"])
def test_texts_that_separate_lines_are_published(separator: str) -> None:
    batch = lines(1, artist=f"a{separator}b")

    made = publish_well(batch).publication

    assert made.profile["columns"][1]["maximum"] == f"a{separator}b"


def test_values_that_json_cannot_hold_are_published() -> None:
    frame = pl.concat([lines(1, amount=float("inf")), lines(2, amount=1.0, artist="a\0b")])

    made = publish_well(frame).publication

    amount = made.profile["columns"][2]
    assert (amount["minimum"], amount["maximum"], amount["mean"]) == (1.0, "inf", "inf")
    assert read(ADDRESS).sort("order").collect().equals(frame)


@pytest.mark.parametrize(
    ("dtype", "newest"),
    [
        (pl.Date(), date(2026, 3, 1)),
        (pl.Datetime("us", "Europe/Berlin"), datetime(2026, 3, 1, tzinfo=timezone.utc)),
        (pl.Datetime("ms"), datetime(2026, 3, 1)),  # noqa: DTZ001
    ],
)
def test_the_data_time_is_that_of_the_newest_event(dtype: pl.DataType, newest: date) -> None:
    schema = line_schema().add_columns({"at": pa.Column(dtype)})
    port = port_of(schema, freshness=Freshness(within=timedelta(days=1), by="at"))

    made = publish_well(lines(1, 2).with_columns(pl.lit(newest).cast(dtype).alias("at")), port)

    assert made.publication.data_time == datetime(2026, 3, 1, tzinfo=timezone.utc)


@pytest.mark.parametrize("dtype", [pl.Date(), pl.Datetime("us"), pl.Datetime("us", "Asia/Tokyo")])
def test_an_event_of_the_first_year_is_one_that_promises_can_reckon_with(
    dtype: pl.DataType,
) -> None:
    schema = line_schema().add_columns({"at": pa.Column(dtype)})
    port = port_of(schema, freshness=Freshness(within=timedelta(days=1), by="at"))

    made = publish_well(lines(1).with_columns(pl.lit(date(1, 1, 1)).cast(dtype).alias("at")), port)

    assert made.publication.data_time == EARLIEST_EVENT


# What goes wrong outside the batch ------------------------------------------------------------


def broken(_: pl.DataFrame) -> pl.DataFrame:
    raise ZeroDivisionError("the build's own mistake")


def test_a_build_that_fails_when_its_plan_runs_raises_its_own_error() -> None:
    publish_well(lines(1, 2))
    plan = lines(3).lazy().map_batches(broken, schema=lines().schema)

    with pytest.raises(ZeroDivisionError, match="the build's own mistake"):
        publish_batch(plan)

    assert_nothing_changed()


def test_a_build_that_reads_a_missing_file_raises_its_own_error(tmp_path: Path) -> None:
    publish_well(lines(1, 2))

    with pytest.raises(FileNotFoundError, match=r"absent\.parquet"):
        publish_batch(pl.scan_parquet(tmp_path / "absent.parquet", glob=False))

    assert_nothing_changed()


def test_a_registry_that_cannot_be_written_stops_the_publication(tmp_path: Path) -> None:
    publish_well(lines(1, 2))
    file = tmp_path / "elsewhere" / "registry.sqlite"
    registry = Registry(f"sqlite:///{file}")
    file.unlink()
    file.mkdir()

    with pytest.raises(RegistryError) as caught:
        publish_batch(lines(3), registry=registry)

    assert str(caught.value) == (
        f"The registry at 'sqlite:///{file}' cannot be opened. Check MESH_REGISTRY and that the "
        "database runs. Nothing was published or read."
    )
    assert_nothing_changed()


class LostAfterCommit(Registry):
    """A registry whose database goes away between the commit and its record."""

    def require_writable(self) -> None:
        super().require_writable()
        path = Path(str(self.url.database))
        path.unlink()
        path.mkdir()


def test_a_registry_lost_after_the_commit_is_healed_by_the_next_publication(tmp_path: Path) -> None:
    publish_well(lines(1, 2))
    lost = LostAfterCommit(f"sqlite:///{tmp_path}/lost.sqlite")

    outcome = publish_well(lines(3), registry=lost)
    publish_well(lines(4))

    assert (outcome.recorded, outcome.publication.version) == (False, 1)
    known = Registry(Store.at().registry_url).publications(ADDRESS)
    assert [made.version for made in known] == [2, 1, 0]


class Rival(Registry):
    """A registry on whose way another writer publishes first, as often as told."""

    def __init__(self, times: int, rival: pl.DataFrame, slice_: str = "") -> None:
        super().__init__(Store.at().registry_url)
        self.left, self.rival, self.slice = times, rival, slice_

    def require_writable(self) -> None:
        super().require_writable()
        if self.left:
            self.left -= 1
            publish_well(self.rival, PORT, self.slice)


def test_losing_every_race_publishes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mesh_dagster.run.publish.TRIES", 3)
    publish_well(lines(1, 2))

    with pytest.raises(CommitContendedError) as caught:
        publish_batch(lines(4), registry=Rival(3, lines(3)))

    assert str(caught.value) == (
        f"'{ADDRESS}' lost 3 races for its next version against other writers. Nothing was "
        "published; version 3 stays current. Run it again, with fewer runs at a time."
    )
    assert (version_at(), orders_at(), strays()) == (3, [3], [])


def test_a_lost_race_is_run_again_on_the_new_version() -> None:
    publish_well(lines(1), PORT, "a")

    made = publish_well(lines(2), PORT, "b", registry=Rival(1, lines(3), "c")).publication

    assert (made.version, made.port_rows) == (2, 3)
    assert orders_at() == [1, 2, 3]


def test_a_key_that_a_rival_published_in_the_meantime_is_refused() -> None:
    publish_well(lines(1), PORT, "a")

    outcome = refusal_of(lines(2, 3), PORT, "b", registry=Rival(1, lines(3), "c"))

    assert outcome.refusal.broken == {"order unique": 1}
    assert (version_at(), orders_at(), strays()) == (1, [1, 3], [])


class Interrupted(Registry):
    """A registry during whose record the run is stopped."""

    def record(self, *_: object) -> None:
        raise KeyboardInterrupt


class Undeletable(Registry):
    """A registry on whose way the staged file cannot be deleted any more."""

    def require_writable(self) -> None:
        super().require_writable()
        root = Path(Store.at().table(PORT.address))
        for staged in root.glob("data/*-0.parquet"):
            staged.unlink()
            staged.mkdir()


def test_a_staged_file_that_cannot_be_deleted_fails_no_publication() -> None:
    port, registry = port_of(quality=SET_ASIDE), Undeletable(Store.at().registry_url)
    batch = pl.concat([lines(1, 2), lines(3, amount=-1.0)])

    outcome = publish_well(batch, port, registry=registry)

    assert (outcome.recorded, version_at(), orders_at()) == (True, 0, [1, 2])


def test_an_interrupt_after_the_commit_leaves_the_publication_whole() -> None:
    publish_well(lines(1, 2))

    with pytest.raises(KeyboardInterrupt):
        publish_batch(lines(3), registry=Interrupted(Store.at().registry_url))

    assert (version_at(), orders_at(), strays()) == (1, [3], [])


def test_a_batch_interrupted_before_its_commit_leaves_nothing() -> None:
    def interrupted(_: pl.DataFrame) -> pl.DataFrame:
        raise KeyboardInterrupt

    publish_well(lines(1, 2))
    plan = lines(3).lazy().map_batches(interrupted, schema=lines().schema)

    with pytest.raises(KeyboardInterrupt):
        publish_batch(plan)

    assert_nothing_changed()


STAGING_FAILED = (
    f"'{ADDRESS}' could not be staged: its batch could not be written to the store. Nothing was "
    "published; version 0 stays current. Check the disk and the store's permissions."
)
WITH_SMALL_FILES = """
import resource

resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
from tests.run.scenario import lines, orders_at, publish_batch, publish_well, strays, version_at
from tests.run.test_publish import large

publish_well(lines(1, 2))
try:
    publish_batch(large())
except OSError as error:
    print(error)
print(version_at(), orders_at(), strays())
publish_well(lines(3))
print(version_at(), orders_at(), strays())
"""


def large() -> pl.DataFrame:
    """Return a batch of some megabytes as Parquet."""
    order = pl.DataFrame({"order": range(300_000)})
    return order.with_columns(artist=pl.col("order").hash().cast(pl.String), amount=pl.lit(1.0))


def test_a_batch_that_cannot_be_written_is_not_published() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITH_SMALL_FILES], check=True, capture_output=True, text=True
    )

    assert done.stdout.splitlines() == [STAGING_FAILED, "0 [1, 2] []", "1 [3] []"]


@pytest.fixture
def small_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Mount a file system of one megabyte as the root of the mesh; the registry lies outside."""
    disk = tmp_path / "small"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("Mounting a small file system needs root.")
    monkeypatch.setenv("MESH_ROOT", str(disk))
    monkeypatch.setenv("MESH_REGISTRY", f"sqlite:///{tmp_path}/registry.sqlite")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill(disk: Path, *, left_bytes: int) -> None:
    (disk / "filling").unlink(missing_ok=True)
    free = os.statvfs(disk)
    (disk / "filling").write_bytes(b"x" * max(free.f_bavail * free.f_frsize - left_bytes, 0))


def test_a_batch_larger_than_the_disk_is_not_published(small_disk: Path) -> None:
    publish_well(lines(1, 2))

    with pytest.raises(StagingFailedError) as caught:
        publish_batch(large())

    assert str(caught.value) == STAGING_FAILED
    assert_nothing_changed()


@pytest.mark.parametrize("left_bytes", range(0, 28_672, 4_096))
def test_a_disk_that_fills_up_at_any_step_leaves_the_last_version(
    small_disk: Path, left_bytes: int
) -> None:
    port = port_of(quality=SET_ASIDE)
    batch = pl.concat([lines(3), lines(4, amount=-1.0)])
    publish_well(lines(1, 2), port)
    fill(small_disk, left_bytes=left_bytes)

    try:
        outcome = f"{publish_well(batch, port).publication.rows} row"
    except StagingFailedError as error:
        outcome = str(error)

    whole = {"1 row": (1, [3]), STAGING_FAILED: (0, [1, 2])}
    assert (version_at(), orders_at()) == whole[outcome]
    (small_disk / "filling").unlink()
    publish_well(batch, port)
    assert orders_at() == [3]
    assert [stray for stray in strays() if stray.endswith(".parquet")] == []


def test_a_root_that_cannot_be_written_is_told_apart_from_a_bad_batch(mesh_root: Path) -> None:
    publish_well(lines(1, 2))
    folder = mesh_root / "sales/orders/v1/lines/_staging"
    folder.rmdir()
    folder.write_text("in the way", encoding="utf-8")

    with pytest.raises(StagingFailedError) as caught:
        publish_batch(lines(3))

    folder.unlink()
    assert str(caught.value) == STAGING_FAILED
    assert_nothing_changed()
