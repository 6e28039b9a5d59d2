"""Translate between Dagster's partitions and the slices of a port.

In:  a partitions definition, the key of the partition that is being built.
Out: the slice's name, and for each partition column the condition that its rows belong there.
"""

from datetime import timezone

import dagster as dg
import polars as pl

from mesh_dagster.declare.port import OutputPort
from mesh_dagster.declare.slo import cron_fields
from mesh_dagster.declare.storage import contract_schema
from mesh_dagster.errors import DeclarationError


def require_partitions(port: OutputPort) -> dg.PartitionsDefinition | None:
    """Return the partitions of a port.

    Raises:
        DeclarationError: `partitions` is no partitions definition, or `partition_column` does not
            fit its dimensions or their keys.
    """
    given, who = port.execution.partitions, f"The port '{port.address}'"
    if given is None:
        if port.partition_columns:
            raise DeclarationError(
                who, "has a partition column but no partitions", "Give it 'partitions' too."
            )
        return None
    if not isinstance(given, dg.PartitionsDefinition):
        raise DeclarationError(
            who,
            f"has partitions of type {type(given).__name__}",
            "Give a Dagster partitions definition.",
        )
    dimensions = _dimensions(given)
    unknown = sorted(set(port.partition_columns) - set(dimensions))
    if unknown:
        raise DeclarationError(
            who,
            f"has a partition column for the dimension '{unknown[0]}', which its partitions lack",
            f"Use one of {', '.join(repr(name) for name in dimensions)}.",
        )
    for name, column in port.partition_columns.items():
        _require_comparable(who, column, contract_schema(port.contract)[column], dimensions[name])
    return given


def _require_comparable(
    who: str, column: str, dtype: pl.DataType, partitions: dg.PartitionsDefinition
) -> None:
    problem = f"has the partition column '{column}' of type {dtype}"
    if not isinstance(partitions, dg.TimeWindowPartitionsDefinition):
        if dtype.is_nested() or dtype == pl.Binary:
            raise DeclarationError(who, problem, "Name a column of plain values.")
    elif isinstance(dtype, pl.Date):
        minute, hour, *_ = cron_fields(partitions.cron_schedule).split()
        if not (minute + hour).isdigit():
            raise DeclarationError(
                who,
                f"{problem} for several partitions a day",
                "Name a column of type Datetime.",
            )
    elif not isinstance(dtype, pl.Datetime):
        raise DeclarationError(
            who, f"{problem} for partitions by time", "Name a column of type Date or Datetime."
        )


def inside(port: OutputPort, key: str) -> dict[str, pl.Expr]:
    """Return for each partition column the condition that a row belongs to partition `key`."""
    schema = contract_schema(port.contract)
    dimensions = _dimensions(port.execution.partitions)
    keys = {"": key}
    if isinstance(port.execution.partitions, dg.MultiPartitionsDefinition):
        keys = dict(port.execution.partitions.get_partition_key_from_str(key).keys_by_dimension)
    return {
        column: _belongs(pl.col(column), schema[column], dimensions[name], keys[name])
        for name, column in port.partition_columns.items()
    }


def cut_of(port: OutputPort) -> str:
    """Return how time is cut into a port's partitions; empty where it is not."""
    partitions = port.execution.partitions
    dimensions = _dimensions(partitions) if partitions else {}
    return ", ".join(
        f"{name} {cron_fields(one.cron_schedule)} {one.timezone}".strip()
        for name, one in sorted(dimensions.items())
        if isinstance(one, dg.TimeWindowPartitionsDefinition)
    )


def _dimensions(partitions: dg.PartitionsDefinition) -> dict[str, dg.PartitionsDefinition]:
    if isinstance(partitions, dg.MultiPartitionsDefinition):
        return {one.name: one.partitions_def for one in partitions.partitions_defs}
    return {"": partitions}


def _belongs(
    column: pl.Expr, dtype: pl.DataType, partitions: dg.PartitionsDefinition, key: str
) -> pl.Expr:
    if not isinstance(partitions, dg.TimeWindowPartitionsDefinition):
        return column.cast(pl.String) == key
    window = partitions.time_window_for_partition_key(key)
    if isinstance(dtype, pl.Date):
        return column.is_between(window.start.date(), window.end.date(), closed="left")
    if isinstance(dtype, pl.Datetime) and dtype.time_zone is None:
        return _within_by_clock(column, window, partitions.timezone)
    return _within(column, window)


def _within_by_clock(column: pl.Expr, window: dg.TimeWindow, zone: str) -> pl.Expr:
    """Read times without a zone from the clocks of a zone, which may be set forward or back.

    Each belongs to one partition only, since keys with the column are not looked up in others.
    """
    instant = column.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    start, end = window.start.replace(tzinfo=None), window.end.replace(tzinfo=None)
    skipped = column.is_between(start, end, closed="left")
    return _within(instant, window).fill_null(skipped)


def _within(column: pl.Expr, window: dg.TimeWindow) -> pl.Expr:
    start, end = (pl.lit(one.astimezone(timezone.utc)) for one in (window.start, window.end))
    return column.dt.convert_time_zone("UTC").is_between(start, end, closed="left")
