from dataclasses import replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal

import pandera.polars as pa
import polars as pl
import pytest

from mesh_dagster.declare.contract import Contract
from mesh_dagster.declare.storage import contract_schema, require_storable, stored_schema
from mesh_dagster.errors import ContractRefusedError

WHO = "'mesh://a/b/v1/c'"


def of_type(dtype: object) -> Contract:
    return Contract.of(pa.DataFrameSchema({"amount": pa.Column(dtype)}))  # type: ignore[arg-type]


def refusal_of(contract: Contract) -> str:
    with pytest.raises(ContractRefusedError) as refused:
        require_storable(contract, WHO)
    return str(refused.value)


@pytest.mark.parametrize(
    "dtype",
    [
        pl.Int8(),
        pl.Int16(),
        pl.Int32(),
        pl.Int64(),
        pl.Float32(),
        pl.Float64(),
        pl.Boolean(),
        pl.String(),
        pl.Binary(),
        pl.Date(),
        pl.Datetime("us"),
        pl.Datetime("us", "UTC"),
        pl.Decimal(38, 10),
        pl.List(pl.String()),
        pl.List(pl.List(pl.Int8())),
        pl.Struct({"a": pl.Int64(), "b": pl.List(pl.Date())}),
    ],
)
def test_a_type_that_delta_knows_is_stored_as_it_is(dtype: pl.DataType) -> None:
    contract = of_type(dtype)

    require_storable(contract, WHO)

    assert stored_schema(contract) == {"amount": dtype}


@pytest.mark.parametrize(
    ("dtype", "stored"),
    [
        (pl.UInt8(), pl.Int16()),
        (pl.UInt16(), pl.Int32()),
        (pl.UInt32(), pl.Int64()),
        (pl.UInt64(), pl.Decimal(20, 0)),
        (pl.Categorical(), pl.String()),
        (pl.Enum(["a", "b"]), pl.String()),
        (pl.Datetime("ms"), pl.Datetime("us")),
        (pl.Datetime("us", "Europe/Berlin"), pl.Datetime("us", "UTC")),
        (pl.Array(pl.UInt8(), 3), pl.List(pl.Int16())),
        (pl.List(pl.Enum(["a"])), pl.List(pl.String())),
        (pl.Struct({"a": pl.UInt32()}), pl.Struct({"a": pl.Int64()})),
    ],
)
def test_a_type_that_delta_lacks_is_stored_in_a_wider_one(
    dtype: pl.DataType, stored: pl.DataType
) -> None:
    contract = of_type(dtype)

    require_storable(contract, WHO)

    assert stored_schema(contract) == {"amount": stored}
    assert contract_schema(contract) == {"amount": dtype}


@pytest.mark.parametrize(
    ("dtype", "stored"),
    [
        (int, pl.Int64()),
        (float, pl.Float64()),
        (str, pl.String()),
        (bool, pl.Boolean()),
        (bytes, pl.Binary()),
        (date, pl.Date()),
        (datetime, pl.Datetime("us")),
        (Decimal, pl.Decimal(28, 0)),
    ],
)
def test_a_type_of_python_is_stored_as_that_of_polars(dtype: type, stored: pl.DataType) -> None:
    assert stored_schema(of_type(dtype)) == {"amount": stored}


@pytest.mark.parametrize(
    ("dtype", "shown", "instead"),
    [
        (time, "Time", "pl.Int64 (nanoseconds since midnight) or pl.String"),
        (
            timedelta,
            "Duration(time_unit='us')",
            "pl.Int64 with the unit in the column's name",
        ),
        (
            pl.Datetime("ns"),
            "Datetime(time_unit='ns', time_zone=None)",
            "pl.Datetime('us')",
        ),
        (
            pl.Decimal(50, 2),
            "Decimal(precision=50, scale=2)",
            "pl.Decimal with at most 38 digits",
        ),
        (pl.Null(), "Null", "the type that the values will have"),
        (object, "Object", "pl.String or pl.Binary"),
        (
            pl.List(pl.Duration("ms")),
            "List(Duration(time_unit='ms'))",
            "pl.Int64 with the unit in the column's name",
        ),
        (
            pl.Struct({"a": pl.Time()}),
            "Struct({'a': Time})",
            "pl.Int64 (nanoseconds since midnight) or pl.String",
        ),
        (pl.List(pl.Struct([])), "List(Struct({}))", "a struct with fields"),
        (
            pl.Struct({"a": pl.Int64, "A": pl.Int64}),
            "Struct({'a': Int64, 'A': Int64})",
            "fields whose names differ in more than case",
        ),
        (
            pl.List(pl.List),
            "List(List)",
            "it with the types of its parts, such as pl.List(pl.String)",
        ),
    ],
)
def test_a_type_that_cannot_be_kept_is_refused_with_one_that_can(
    dtype: object, shown: str, instead: str
) -> None:
    assert refusal_of(of_type(dtype)) == (
        f"The contract of {WHO} has the column 'amount' of type {shown}, which a port cannot keep. "
        f"Use {instead}."
    )


@pytest.mark.filterwarnings("ignore:.* support is not guaranteed")  # so says pandera of them
@pytest.mark.parametrize(
    ("name", "instead"),
    [("Int128", "pl.Decimal(38, 0)"), ("UInt128", "pl.Decimal(38, 0)"), ("Float16", "pl.Float32")],
)
def test_a_type_that_only_newer_polars_has_is_refused_likewise(name: str, instead: str) -> None:
    if not hasattr(pl, name):
        pytest.skip(f"This polars has no {name}.")

    assert refusal_of(of_type(getattr(pl, name))) == (
        f"The contract of {WHO} has the column 'amount' of type {name}, which a port cannot keep. "
        f"Use {instead}."
    )


def test_a_type_that_nobody_has_thought_of_is_refused() -> None:
    class Odd(pl.DataType):
        pass

    known = of_type(int)
    contract = replace(known, columns=(replace(known.columns[0], dtype=Odd()),))

    assert refusal_of(contract) == (
        f"The contract of {WHO} has the column 'amount' of type Odd, which a port cannot keep. "
        "Use one of the types that Delta knows."
    )


@pytest.mark.parametrize(
    ("schema", "problem"),
    [
        (pa.DataFrameSchema(), "names no column. Name the columns that it publishes."),
        (
            pa.DataFrameSchema({"amount_.*": pa.Column(int, regex=True)}),
            "names columns by the pattern 'amount_.*'. Name each column that the port publishes.",
        ),
        (
            pa.DataFrameSchema({"amount": pa.Column()}),
            "has the column 'amount' without a type. Give it one.",
        ),
        (
            pa.DataFrameSchema({"mesh_partition": pa.Column(str)}),
            "has the column 'mesh_partition', whose name is reserved. Rename it.",
        ),
        (
            pa.DataFrameSchema({"mesh_rules": pa.Column(str)}),
            "has the column 'mesh_rules', whose name is reserved. Rename it.",
        ),
        (
            pa.DataFrameSchema({"*": pa.Column(str)}),
            "has the column '*', whose name is reserved. Rename it.",
        ),
        (
            pa.DataFrameSchema({"": pa.Column(str)}),
            "has the column '', whose name is reserved. Rename it.",
        ),
        (
            pa.DataFrameSchema({"amount": pa.Column(int), "Amount": pa.Column(int)}),
            "has two columns whose names differ only in case. Rename one of them.",
        ),
        (
            pa.DataFrameSchema({"amount": pa.Column(int)}, unique=["amount", "amonut"]),
            (
                "has a key with the column 'amonut', which it does not name. Name it, or correct "
                "'unique'. Did you mean 'amount'?"
            ),
        ),
    ],
)
def test_a_contract_that_no_table_can_hold_is_refused(
    schema: pa.DataFrameSchema, problem: str
) -> None:
    assert refusal_of(Contract.of(schema)) == f"The contract of {WHO} {problem}"
