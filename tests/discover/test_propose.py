"""What is proposed from rows is kept by those rows."""

from datetime import datetime, time, timedelta

import pandera.polars as pa
import polars as pl
import pytest
from hypothesis import given, settings

import mesh_dagster as md
from mesh_dagster.declare.contract import Contract
from mesh_dagster.declare.storage import is_storable
from mesh_dagster.declare.transcribe import written
from mesh_dagster.declare.written import WrittenColumn
from mesh_dagster.discover.column_names import snake_names
from mesh_dagster.discover.model_code import annotation, field_lines
from mesh_dagster.discover.propose import Proposal, propose
from mesh_dagster.discover.source_code import laid_out, one_line
from mesh_dagster.discover.stand_ins import imports_of, stand_ins
from tests.run.schemas_and_frames import frames

ORDERS = pl.DataFrame(
    {
        "OrderID": [3, 1, 2, *range(4, 21)],
        "Customer Email": ["a@b.c"] * 20,
        "status": ["paid", "open"] * 10,
        "discount": [0.0, None, 0.5, 0.1, *[0.0] * 16],
        "balance": [-1, *[2] * 19],
    }
)


def lines_of(proposal: Proposal) -> list[str]:
    return [line for column in proposal.columns for line in field_lines(column)]


def model_of(proposal: Proposal) -> type[pa.DataFrameModel]:
    """Run the code that would be written."""
    body = "\n".join(lines_of(proposal))
    module = {"pa": pa, "pl": pl, "__name__": __name__}
    exec(f"class Proposed(pa.DataFrameModel):\n{body}", module)  # noqa: S102 - it is ours
    model = module["Proposed"]
    assert isinstance(model, type)
    return model


def test_types_nulls_keys_bounds_and_choices_are_proposed_for_review() -> None:
    assert lines_of(propose(ORDERS.lazy())) == [
        "    order_id: int = pa.Field(unique=True, ge=1)  # review: 1 to 20",
        "    customer_email: str = pa.Field(  # review: is it personal data?",
        '        metadata={"sensitivity": "personal"},',
        "    )",
        '    status: str = pa.Field(isin=["open", "paid"])  # review: are these all?',
        "    discount: float = pa.Field(nullable=True, ge=0)  # review: 0.0 to 0.5, 1 nulls",
        "    balance: int  # review: -1 to 2",
    ]


@settings(max_examples=100)
@given(frames())
def test_a_proposed_model_accepts_the_rows_that_it_comes_from(
    case: tuple[pl.DataFrame, dict[str, str]],
) -> None:
    frame = case[0]

    found = propose(frame.lazy())

    assert all(is_storable(column.dtype) for column in found.columns)
    renamed = frame.rename({column.source: column.name for column in found.columns})
    cast = renamed.cast({column.name: column.dtype for column in found.columns if column.cast})
    assert md.audit(cast, model_of(found)).accepted


def test_what_a_port_cannot_keep_is_cast_wherever_it_stands_in_a_type() -> None:
    rows = pl.DataFrame(
        {
            "spans": [[timedelta(seconds=1)]],
            "when": pl.Series([{"at": time(1), "all": [[datetime(2026, 1, 1)]]}]),  # noqa: DTZ001
            "shape": pl.Series([[1, 2]]).cast(pl.Array(pl.Int128, 2)),
            "named": pl.Series([{"a": time(1)}], dtype=pl.Map(pl.String, pl.Time)),
        }
    )
    nanoseconds = pl.Struct({"at": pl.Time, "all": pl.List(pl.List(pl.Datetime("ns")))})
    rows = rows.with_columns(pl.col("when").cast(nanoseconds))

    found = {column.name: column for column in propose(rows.lazy()).columns}

    assert all(column.cast for column in found.values())
    assert rows.cast({name: column.dtype for name, column in found.items()}).schema == {
        "spans": pl.List(pl.Int64),
        "when": pl.Struct({"at": pl.String, "all": pl.List(pl.List(pl.Datetime("us")))}),
        "shape": pl.Array(pl.Decimal(38, 0), 2),
        "named": pl.List(pl.Struct({"key": pl.String, "value": pl.String})),
    }


@pytest.mark.parametrize(
    ("dtype", "text"),
    [
        (pl.Int64(), "int"),
        (pl.Int32(), "pl.Int32"),
        (pl.Date(), "pl.Date"),
        (pl.Datetime("us", "UTC"), 'pl.Datetime("us", "UTC")'),
        (pl.Decimal(10, 2), "pl.Decimal(10, 2)"),
        (pl.List(pl.Struct({"a b": pl.String})), 'pl.List(pl.Struct({"a b": pl.String()}))'),
        (pl.Array(pl.Int8, 3), "pl.Array(pl.Int8(), 3)"),
        (pl.Enum(["é", '"']), 'pl.Enum(["é", \'"\'])'),
    ],
)
def test_a_type_is_written_as_people_write_it(dtype: pl.DataType, text: str) -> None:
    assert annotation(dtype) == text
    plain = {"int": pl.Int64}
    assert (plain.get(text) or eval(text, {"pl": pl})) == dtype  # noqa: S307 - it is ours


def told_by(columns: dict[str, pa.Column]) -> dict[str, WrittenColumn]:
    """Return what is known of columns from a contract."""
    contract = written(Contract.of(pa.DataFrameSchema(columns)))
    return {column.name: column for column in contract.columns}


def test_what_a_contract_says_already_is_carried_over_and_no_sensitive_value_is_shown() -> None:
    told = told_by(
        {
            "OrderID": pa.Column(int, description="Its\n number."),
            "Customer Email": pa.Column(str, metadata={"sensitivity": "public"}),
            "status": pa.Column(str, metadata={"sensitivity": "secret", "other": 1}),
            "balance": pa.Column(int, metadata={"unit": "EUR", "sensitivity": "secret"}),
        }
    )

    found = propose(ORDERS.drop("discount").lazy(), told)

    about = 'unique=True, ge=1, description="Its number."'
    assert lines_of(found) == [
        f"    order_id: int = pa.Field({about})  # review: 1 to 20",
        '    customer_email: str = pa.Field(metadata={"sensitivity": "public"})',
        '    status: str = pa.Field(metadata={"sensitivity": "secret"})',
        '    balance: int = pa.Field(metadata={"unit": "EUR", "sensitivity": "secret"})',
    ]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("Vorname / Name", ["Anna", "Bo"]),
        ("Prénom", ["Anna", "Bo"]),
        ("Geburtsort", ["Oslo", "Bergen"]),
        ("Name", ["Anna", "Bo"]),
        ("Kunde", ["Anna", "Bo"]),
        ("billing street", ["High", "Low"]),
    ],
)
def test_of_what_may_be_personal_no_value_is_proposed_and_people_are_asked(
    name: str, values: list[str]
) -> None:
    lines = lines_of(propose(pl.LazyFrame({name: values * 10})))

    assert '"sensitivity": "personal"' in "".join(lines)
    assert lines[0].endswith("  # review: is it personal data?")
    assert not any(value in line for value in values for line in lines)


@pytest.mark.parametrize(
    "values", [["Anna Berg", "Bo Li"] * 10, ["a@b.c"] * 20, ["paid", "open"] * 4, ["x" * 41] * 20]
)
def test_free_text_is_no_choice(values: list[str]) -> None:
    found = propose(pl.LazyFrame({"seller": values}))

    assert found.columns[0].choices == ()


def test_a_long_description_takes_several_lines_and_stays_whole() -> None:
    text = f"{'What people call it, and ' * 5}{'x' * 200}"
    told = told_by({"name": pa.Column(str, description=text)})

    found = propose(pl.LazyFrame({"name": ["a", "b"]}), told)

    assert max(map(len, lines_of(found))) <= 100
    assert model_of(found).to_schema().columns["name"].description == text


@settings(max_examples=50)
@given(frames())
def test_rows_that_stand_for_those_of_a_port_have_its_types_and_keep_the_proposed_contract(
    case: tuple[pl.DataFrame, dict[str, str]],
) -> None:
    frame = case[0].select(name for name, dtype in case[0].schema.items() if is_storable(dtype))
    found = propose(frame.lazy())

    source = laid_out(stand_ins(found, frame.schema))

    module = {"pl": pl}
    exec("\n".join([*imports_of(source), f"rows = {source}"]), module)  # noqa: S102 - it is ours
    rows = module["rows"].collect()
    assert rows.schema == frame.schema
    renamed = rows.rename({column.source: column.name for column in found.columns})
    assert not frame.columns or (rows.height, md.audit(renamed, model_of(found)).accepted) == (
        3,
        True,
    )


def test_stand_ins_take_the_choices_that_were_proposed_and_a_null_where_one_may_be() -> None:
    money = pl.Series([None, "1.50"] * 10).cast(pl.Decimal(10, 2))
    kinds = pl.Series([{"k": ["a"]}] * 20, dtype=pl.Struct({"k": pl.List(pl.Enum(["a", "b"]))}))
    plain = {"status": ["paid", "open"] * 10, "code": [f"00{number}" for number in range(20, 40)]}
    frame = pl.DataFrame({**plain, "money": money, "kinds": kinds})

    source = laid_out(stand_ins(propose(frame.lazy()), frame.schema))

    assert list(imports_of(source)) == ["from decimal import Decimal"]
    assert source == (
        """\
pl.LazyFrame(
    {
        "status": ["paid", "open", "paid"],
        "code": ["0001", "0002", "0003"],
        "money": [Decimal("0.01"), Decimal("0.02"), None],
        "kinds": [{"k": ["b"]}, {"k": ["a"]}, {"k": ["b"]}],
    },
    schema_overrides={
        "money": pl.Decimal(10, 2),
        "kinds": pl.Struct({"k": pl.List(pl.Enum(["a", "b"]))}),
    },
)"""
    )


def test_an_example_stands_among_the_rows_where_it_is_a_value_of_its_column() -> None:
    frame = pl.DataFrame({"a": ["x"], "b": [1], "c": [0.5], "d": ["z"]})
    examples = {"a": "such as this", "b": -4, "c": "0.25", "d": "b"}
    told = told_by({name: pa.Column(metadata={"example": one}) for name, one in examples.items()})

    rows = stand_ins(propose(frame.lazy(), told), frame.schema)

    assert one_line(rows) == (
        'pl.LazyFrame({"a": ["such as this", "b", "c"], "b": [1, 2, 3], "c": [1.0, 2.0, 3.0], '
        '"d": ["a", "b", "c"]})'
    )


def test_names_become_snake_case_and_stay_apart() -> None:
    sources = [
        "OrderID",
        "order id",
        "F*G",
        "2nd",
        "Ünits",
        "Größe",
        "",
        "class",
        "validate",
        "HTTPCode",
    ]

    assert snake_names(sources) == {
        "OrderID": "order_id",
        "order id": "order_id_2",
        "F*G": "f_g",
        "2nd": "column_2_nd",
        "Ünits": "units",
        "Größe": "grosse",
        "": "column",
        "class": "class_value",
        "validate": "validate_value",
        "HTTPCode": "http_code",
    }


def test_no_proposed_name_is_one_of_a_pandera_model_itself() -> None:
    own = [name.lower() for name in dir(pa.DataFrameModel) if not name.startswith("_")]

    assert not set(snake_names(own).values()) & set(own)


def test_a_column_named_like_a_type_spoils_none_of_the_columns_below() -> None:
    rows = pl.DataFrame({name: [1] for name in ("int", "pl", "pa", "str", "a")})

    assert list(model_of(propose(rows.lazy())).to_schema().columns) == [
        *("int_value", "pl_value", "pa_value", "str_value"),
        "a",
    ]


def test_a_long_list_of_choices_takes_a_line_each() -> None:
    choices = [f"a rather long choice number {number}" for number in range(8)]
    frame = pl.DataFrame({"kind": choices * 4})

    lines = lines_of(propose(frame.lazy()))

    assert lines[:3] == [
        "    kind: str = pa.Field(  # review: are these all?",
        "        isin=[",
        '            "a rather long choice number 0",',
    ]
    assert max(map(len, lines)) <= 100
