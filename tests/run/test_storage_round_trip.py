"""What a contract promises is what a reader gets, for every type that a port can keep."""

import pandera.polars as pa
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from polars.testing import assert_frame_equal
from polars.testing.parametric import column, dataframes

from mesh_dagster.run.read import read, relation
from tests.run.scenario import ADDRESS, port_of, publish_well

SCALARS: dict[str, pl.DataType] = {
    "bool": pl.Boolean(),
    "int8": pl.Int8(),
    "int16": pl.Int16(),
    "int32": pl.Int32(),
    "int64": pl.Int64(),
    "uint8": pl.UInt8(),
    "uint16": pl.UInt16(),
    "uint32": pl.UInt32(),
    "uint64": pl.UInt64(),
    "float32": pl.Float32(),
    "float64": pl.Float64(),
    "decimal": pl.Decimal(12, 3),
    "string": pl.String(),
    "binary": pl.Binary(),
    "date": pl.Date(),
    "us": pl.Datetime("us"),
    "ms": pl.Datetime("ms"),
    "us_utc": pl.Datetime("us", "UTC"),
    "ms_berlin": pl.Datetime("ms", "Europe/Berlin"),
    "enum": pl.Enum(["low", "high"]),
    "categorical": pl.Categorical(),
}
NESTED: dict[str, pl.DataType] = {
    "list": pl.List(pl.Int64()),
    "list_uint": pl.List(pl.UInt16()),
    "list_list": pl.List(pl.List(pl.String())),
    "array": pl.Array(pl.Float64(), 3),
    "struct": pl.Struct({"a": pl.Int32(), "b": pl.String()}),
    "struct_odd": pl.Struct(
        {"u": pl.UInt8(), "when": pl.Datetime("ms"), "l": pl.List(pl.UInt32())}
    ),
    "list_struct": pl.List(pl.Struct({"x": pl.Boolean(), "e": pl.Enum(["a", "b"])})),
}
IN_DUCKDB = {
    "bool": "BOOLEAN",
    "int8": "TINYINT",
    "uint8": "UTINYINT",
    "uint16": "USMALLINT",
    "uint32": "UINTEGER",
    "uint64": "UBIGINT",
    "float32": "FLOAT",
    "decimal": "DECIMAL(12,3)",
    "string": "VARCHAR",
    "binary": "BLOB",
    "date": "DATE",
    "us": "TIMESTAMP",
    "ms": "TIMESTAMP",
    "us_utc": "TIMESTAMP WITH TIME ZONE",
    "enum": "VARCHAR",
    "categorical": "VARCHAR",
}


def contract_for(types: dict[str, pl.DataType]) -> pa.DataFrameSchema:
    return pa.DataFrameSchema({name: pa.Column(t, nullable=True) for name, t in types.items()})


def columns_of(types: dict[str, pl.DataType]) -> list[column]:
    return [column(name, dtype=dtype, allow_null=True) for name, dtype in types.items()]


PLAIN_PORT = port_of(contract_for(SCALARS))
NESTED_PORT = port_of(contract_for(NESTED))
FEW = settings(max_examples=12, suppress_health_check=list(HealthCheck))


@FEW
@given(dataframes(columns_of(SCALARS), max_size=6, allow_chunks=False))
def test_every_scalar_reads_back_equal(frame: pl.DataFrame) -> None:
    publish_well(frame, PLAIN_PORT)

    assert_frame_equal(read(ADDRESS).collect(), frame, categorical_as_str=True)


@FEW
@given(dataframes(columns_of(NESTED), max_size=6, allow_chunks=False))
def test_every_nested_type_reads_back_equal(frame: pl.DataFrame) -> None:
    publish_well(frame, NESTED_PORT)

    assert_frame_equal(read(ADDRESS).collect(), frame, categorical_as_str=True)


@FEW
@given(dataframes(columns_of(SCALARS), max_size=6, allow_chunks=False))
def test_a_relation_has_the_same_values(frame: pl.DataFrame) -> None:
    publish_well(frame, PLAIN_PORT)

    rows = relation(ADDRESS).pl()

    texts = [pl.col("enum", "categorical").cast(pl.String)]
    times = [pl.col("ms").cast(pl.Datetime("us")), pl.col("ms_berlin").dt.convert_time_zone("UTC")]
    expected = frame.with_columns(*texts, *times).cast({"ms_berlin": pl.Datetime("us", "UTC")})
    assert_frame_equal(rows, expected)


@pytest.mark.parametrize("height", [0, 2])
def test_a_relation_has_the_nearest_types_that_duckdb_knows(height: int) -> None:
    frame = pl.DataFrame(schema=SCALARS).clear(height)
    publish_well(frame, PLAIN_PORT)

    found = relation(ADDRESS)

    types = dict(zip(found.columns, map(str, found.types), strict=True))
    assert {name: types[name] for name in IN_DUCKDB} == IN_DUCKDB
    assert len(found.fetchall()) == height


@pytest.mark.parametrize("name", ["a b", "a.b", "ünï-ça", 'say "hi"', "a,b", "0", "Key"])
def test_a_column_may_have_any_name(name: str) -> None:
    port = port_of(pa.DataFrameSchema({name: pa.Column(int), "other": pa.Column(pl.UInt8)}))
    frame = pl.DataFrame({name: [1, 2], "other": pl.Series([3, 4], dtype=pl.UInt8)})

    publish_well(frame, port)

    assert_frame_equal(read(ADDRESS).collect(), frame)
    assert relation(ADDRESS).fetchall() == [(1, 3), (2, 4)]


def test_a_column_is_stored_in_the_contracts_order_whatever_the_batch_has() -> None:
    frame = pl.DataFrame(schema=SCALARS).clear(1)

    publish_well(frame.select(reversed(frame.columns)), PLAIN_PORT)

    assert read(ADDRESS).collect_schema().names() == list(SCALARS)
