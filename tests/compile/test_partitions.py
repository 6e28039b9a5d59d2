"""Which rows belong to a partition, which columns can say so, which rows a partition is made of."""

from datetime import date, datetime, timezone
from typing import Any, Literal

import dagster as dg
import pandera.polars as pa
import polars as pl
import pytest

import mesh_dagster as md
from mesh_dagster.compile import names
from mesh_dagster.compile.partitions import cut_of, inside, require_partitions
from mesh_dagster.compile.steps import Step
from mesh_dagster.declare.port import OutputPort
from tests.run.scenario import ADDRESS, PORT, Line, lines, publish_well

BERLIN = "Europe/Berlin"
DAYS = dg.DailyPartitionsDefinition("2025-10-01", timezone=BERLIN)
HOURS = dg.HourlyPartitionsDefinition("2025-10-01-00:00", timezone=BERLIN)
KEYS = dg.StaticPartitionsDefinition(["1", "2"])
TimeUnit = Literal["ms", "us"]
Partitions = dg.PartitionsDefinition[Any]  # Any: Dagster's keys may be of a kind of their own


def port_of(partitions: Partitions, dtype: pl.DataType) -> OutputPort:
    """Return a port whose rows say by the column `at` where they belong."""
    product = md.DataProduct(
        domain="sales", name="orders", owner="team:sales", alignment="source", purpose="Orders."
    )
    contract = pa.DataFrameSchema({"at": pa.Column(dtype)})

    @product.port(contract=contract, partitions=partitions, partition_column="at")
    def lines() -> pl.LazyFrame:
        return pl.LazyFrame()

    return product.ports["lines"]


def belongs(partitions: Partitions, key: str, values: pl.Series) -> list[bool]:
    port = port_of(partitions, values.dtype)
    return values.alias("at").to_frame().select(inside(port, key)["at"]).to_series().to_list()


def clock(day: int, hour: int, minute: int = 0, month: int = 10) -> datetime:
    """Return a time without a zone in the year 2025."""
    return datetime(2025, month, day, hour, minute)  # noqa: DTZ001 - as some sources write it


@pytest.mark.parametrize(
    ("partitions", "cut"),
    [
        (DAYS, "0 0 * * * Europe/Berlin"),
        (HOURS, "0 * * * * Europe/Berlin"),
        (
            dg.TimeWindowPartitionsDefinition("2025-10-01", "%Y-%m-%d", cron_schedule="@daily"),
            "0 0 * * * UTC",
        ),
        (KEYS, ""),
        (dg.MultiPartitionsDefinition({"key": KEYS, "day": DAYS}), "day 0 0 * * * Europe/Berlin"),
    ],
)
def test_how_time_is_cut_into_partitions_is_known(partitions: Partitions, cut: str) -> None:
    product = md.DataProduct(
        domain="sales", name="orders", owner="team:sales", alignment="source", purpose="Orders."
    )

    @product.port(contract=Line, partitions=partitions)
    def lines() -> pl.LazyFrame:
        return pl.LazyFrame()

    assert (cut_of(product.ports["lines"]), cut_of(PORT)) == (cut, "")


@pytest.mark.parametrize("zone", ["UTC", BERLIN, "America/New_York"])
@pytest.mark.parametrize("unit", ["ms", "us"])
def test_a_day_holds_the_same_moments_whatever_the_zone_of_the_column(
    zone: str, unit: TimeUnit
) -> None:
    times = pl.Series([clock(25, 21, 59), clock(25, 22), clock(26, 22, 59), clock(26, 23)])
    moments = times.dt.replace_time_zone("UTC").dt.convert_time_zone(zone).dt.cast_time_unit(unit)

    assert belongs(DAYS, "2025-10-26", moments) == [False, True, True, False]


def test_a_day_holds_the_times_that_its_clocks_show_twice_and_those_that_they_skip() -> None:
    autumn = pl.Series([clock(25, 23, 59), clock(26, 2, 30), clock(27, 0)])
    spring = pl.Series([clock(29, 23, 59, 3), clock(30, 2, 30, 3), clock(31, 0, 0, 3)])
    since_spring = dg.DailyPartitionsDefinition("2025-03-01", timezone=BERLIN)

    assert belongs(DAYS, "2025-10-26", autumn) == [False, True, False]
    assert belongs(since_spring, "2025-03-30", spring) == [False, True, False]


def test_a_moment_belongs_to_the_one_of_two_equal_hours_that_it_is_in() -> None:
    moments = pl.Series([datetime(2025, 10, 26, hour, tzinfo=timezone.utc) for hour in (0, 1)])

    assert belongs(HOURS, "2025-10-26-02:00", moments) == [True, False]
    assert belongs(HOURS, "2025-10-26-02:00+0100", moments) == [False, True]


@pytest.mark.parametrize(
    ("partitions", "time", "keys"),
    [
        (HOURS, clock(26, 2, 30), ["2025-10-26-02:00", "2025-10-26-02:00+0100"]),
        (
            dg.HourlyPartitionsDefinition("2025-03-01-00:00", timezone=BERLIN),
            clock(30, 2, 30, 3),
            ["2025-03-30-01:00", "2025-03-30-03:00"],
        ),
    ],
)
def test_a_time_without_a_zone_belongs_to_one_partition_however_clocks_are_set(
    partitions: Partitions, time: datetime, keys: list[str]
) -> None:
    """Keys with the partition column are not looked up in other partitions."""
    values = pl.Series([time])

    assert [belongs(partitions, key, values) for key in keys] == [[True], [False]]


def test_a_date_belongs_to_the_partition_that_begins_on_it() -> None:
    shifted = dg.DailyPartitionsDefinition("2025-10-01", hour_offset=6)
    dates = pl.Series([date(2025, 10, day) for day in (1, 2, 3)])

    assert belongs(shifted, "2025-10-02", dates) == [False, True, False]


@pytest.mark.parametrize(
    "values",
    [
        pl.Series([1, 2, None]),
        pl.Series(["1", "x", None]),
        pl.Series(["1", "2", None], dtype=pl.Enum(["1", "2"])),
    ],
)
def test_a_value_belongs_to_the_partition_that_is_named_as_it_is_written(
    values: pl.Series,
) -> None:
    assert [found is True for found in belongs(KEYS, "1", values)] == [True, False, False]


@pytest.mark.parametrize(
    ("partitions", "dtype", "problem"),
    [
        (
            DAYS,
            pl.String(),
            "String for partitions by time. Name a column of type Date or Datetime.",
        ),
        (DAYS, pl.Int64(), "Int64 for partitions by time. Name a column of type Date or Datetime."),
        (HOURS, pl.Date(), "Date for several partitions a day. Name a column of type Datetime."),
        (KEYS, pl.Binary(), "Binary. Name a column of plain values."),
        (KEYS, pl.List(pl.Int64), "List(Int64). Name a column of plain values."),
    ],
)
def test_a_partition_column_can_be_compared_with_the_keys(
    partitions: Partitions, dtype: pl.DataType, problem: str
) -> None:
    port = port_of(partitions, dtype)

    with pytest.raises(md.MeshError) as refused:
        require_partitions(port)

    assert str(refused.value) == (
        f"The port 'mesh://sales/orders/v1/lines' has the partition column 'at' of type {problem}"
    )


def test_a_step_reads_its_own_partition_alone_and_never_takes_a_missing_one_for_empty() -> None:
    publish_well(lines(1), PORT, "1")
    publish_well(lines(), PORT, "2")
    product = md.DataProduct(
        domain="sales",
        name="revenue",
        owner="team:sales",
        alignment="consumer",
        purpose="Revenue.",
        inputs={"orders": md.InputPort(ADDRESS, same_partition=True)},
    )

    @product.internal(partitions=dg.StaticPartitionsDefinition(["1", "2", "3"]))
    def read(orders: pl.DataFrame) -> int:
        return orders.height

    def rows(partition: str) -> object:
        context = dg.build_asset_context(partition_key=partition)
        given = {names.MESH_RESOURCE: md.MeshResource()}
        build = product.internals["read"].build
        return Step(product, build, {}, context, given, partitioned=True).result()

    with pytest.raises(md.MeshError) as missing:
        rows("3")

    assert [rows("1"), rows("2")] == [1, 0]
    assert str(missing.value) == (
        f"Product 'sales/revenue' by its input 'orders' reads the same partition of '{ADDRESS}', "
        "where it was never published. Publish it there first, or read the whole port, without "
        "same_partition. Nothing was built."
    )
