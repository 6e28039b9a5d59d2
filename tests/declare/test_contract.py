import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pandera.polars as pa
import polars as pl
import pytest
from pandera.api.parsers import Parser

from mesh_dagster.declare.contract import Column, Contract, Rule, RuleKind
from mesh_dagster.errors import ContractRefusedError
from tests.conftest import REPOSITORY

Make = Callable[..., pa.DataFrameSchema]


class Payment(pa.DataFrameModel):
    """What was paid."""

    payment_id: str = pa.Field(unique=True, str_matches=r"^P[0-9]+$", description="Its number.")
    amount: float = pa.Field(ge=0, lt=1_000_000, metadata={"unit": "EUR"})
    paid_at: datetime | None = pa.Field(nullable=True)
    country: pl.Categorical = pa.Field(isin=["DE", "FR"], raise_warning=True)

    class Config:
        """Nobody is paid twice at one time."""

        unique = ["paid_at", "country"]  # noqa: RUF012 - pandera reads a list
        strict = True
        ordered = True

    @pa.check("amount", error="in whole cents")
    @classmethod
    def whole_cents(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """Money has no smaller part."""
        return data.lazyframe.select(pl.col("amount").mul(100).round().eq(pl.col("amount") * 100))

    @pa.dataframe_check
    @classmethod
    def paid_when_due(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """Nothing is paid for nothing."""
        return data.lazyframe.select(pl.col("paid_at").is_null() | (pl.col("amount") > 0))


def column(dtype: type = int, **arguments: Any) -> pa.DataFrameSchema:  # Any: of pa.Column
    return pa.DataFrameSchema({"amount": pa.Column(dtype, **arguments)})


def schema(**arguments: Any) -> pa.DataFrameSchema:  # Any: of pa.DataFrameSchema
    return pa.DataFrameSchema({"amount": pa.Column(int), "other": pa.Column(int)}, **arguments)


def positive(data: pa.PolarsData) -> pl.LazyFrame:
    return data.lazyframe.select(pl.col(data.key) > 0)


def not_negative(data: pa.PolarsData) -> pl.LazyFrame:
    return data.lazyframe.select(pl.col(data.key) >= 0)


def above(data: pa.PolarsData, least: int) -> pl.LazyFrame:
    return data.lazyframe.select(pl.col(data.key) > least)


def below(data: pa.PolarsData, least: int) -> pl.LazyFrame:
    return data.lazyframe.select(pl.col(data.key) < least)


def at_least(least: int) -> Callable[[pa.PolarsData], pl.LazyFrame]:
    def check(data: pa.PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col(data.key) >= least)

    return check


def refusal_of(contract: object) -> str:
    with pytest.raises(ContractRefusedError) as refused:
        Contract.of(contract, "'mesh://a/b/v1/c'")  # type: ignore[arg-type]
    return str(refused.value)


def test_a_model_is_read_column_by_column() -> None:
    contract = Contract.of(Payment)

    assert contract.name == "Payment"
    assert contract.column_names == ("payment_id", "amount", "paid_at", "country")
    assert contract.keys == (("payment_id",), ("paid_at", "country"))
    assert contract.columns[:2] == (
        Column(
            name="payment_id",
            dtype=pl.String(),
            nullable=False,
            unique=True,
            required=True,
            description="Its number.",
            metadata={},
            rules=("str_matches('^P[0-9]+$')",),
        ),
        Column(
            name="amount",
            dtype=pl.Float64(),
            nullable=False,
            unique=False,
            required=True,
            description=None,
            metadata={"unit": "EUR"},
            rules=(">= 0", "< 1000000", "in whole cents"),
        ),
    )
    assert [(one.dtype, one.nullable, one.required) for one in contract.columns[2:]] == [
        (pl.Datetime("us"), True, False),
        (pl.Categorical(), False, True),
    ]


def test_the_rules_stand_in_the_order_in_which_people_ask() -> None:
    contract = Contract.of(Payment)

    shown = [(rule.text, rule.check, rule.column, rule.level) for rule in contract.rules]
    assert shown == [
        ("no other column", "schema", None, "error"),
        ("columns in order", "schema", None, "error"),
        ("payment_id is String", "schema", "payment_id", "error"),
        ("amount is Float64", "schema", "amount", "error"),
        ("paid_at is Datetime(time_unit='us', time_zone=None)", "schema", "paid_at", "error"),
        ("country is Categorical", "schema", "country", "error"),
        ("payment_id not null", "values", "payment_id", "error"),
        ("payment_id str_matches('^P[0-9]+$')", "values", "payment_id", "error"),
        ("amount not null", "values", "amount", "error"),
        ("amount >= 0", "values", "amount", "error"),
        ("amount < 1000000", "values", "amount", "error"),
        ("amount in whole cents", "values", "amount", "error"),
        ("country not null", "values", "country", "error"),
        ("country isin(['DE', 'FR'])", "values", "country", "warn"),
        ("paid_when_due", "values", None, "error"),
        ("payment_id unique", "keys", "payment_id", "error"),
        ("(paid_at, country) unique", "keys", None, "error"),
    ]


def test_a_rule_leads_back_to_the_demand_of_the_schema() -> None:
    contract = Contract.of(Payment)

    demands: dict[str, tuple[RuleKind, int]] = {r.text: (r.kind, r.number) for r in contract.rules}
    assert demands["no other column"] == ("closed", 0)
    assert demands["columns in order"] == ("ordered", 0)
    assert demands["amount is Float64"] == ("type", 0)
    assert demands["amount not null"] == ("not_null", 0)
    assert demands["amount < 1000000"] == ("check", 1)
    assert demands["paid_when_due"] == ("frame_check", 0)
    assert demands["payment_id unique"] == ("unique", 0)
    assert demands["(paid_at, country) unique"] == ("keys", 0)


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (pa.Check.eq(1), "amount == 1"),
        (pa.Check.ne(1), "amount != 1"),
        (pa.Check.gt(1), "amount > 1"),
        (pa.Check.ge(1), "amount >= 1"),
        (pa.Check.lt(1), "amount < 1"),
        (pa.Check.le(1), "amount <= 1"),
        (pa.Check.in_range(1, 2), "amount in_range(1, 2)"),
        (pa.Check(positive), "amount positive"),
        (pa.Check(positive, error="is owed"), "amount is owed"),
        (pa.Check(lambda data: data.lazyframe), "amount <lambda>"),
    ],
)
def test_a_check_reads_as_people_would_say_it(check: pa.Check, text: str) -> None:
    contract = Contract.of(column(checks=check, nullable=True))

    assert [rule.text for rule in contract.rules] == ["amount is Int64", text]


def test_two_checks_of_one_name_are_told_apart() -> None:
    checks = [
        pa.Check(positive, error="good"),
        pa.Check(positive, error="good (2)"),
        pa.Check(not_negative, error="good"),
        pa.Check(not_negative, error="good"),
    ]

    contract = Contract.of(column(checks=checks, nullable=True))

    texts = [rule.text for rule in contract.rules if rule.kind == "check"]
    assert texts == [
        "amount good",
        "amount good (2)",
        "amount good (3)",
        "amount good (4)",
    ]


def test_a_schema_may_have_several_composite_keys() -> None:
    contract = Contract.of(schema(unique=[["amount"], ["amount", "other"]]))

    assert contract.keys == (("amount",), ("amount", "other"))
    assert [rule for rule in contract.rules if rule.check == "keys"] == [
        Rule("amount unique", "keys", kind="keys", number=0),
        Rule("(amount, other) unique", "keys", kind="keys", number=1),
    ]


def test_one_type_for_the_whole_schema_is_the_type_of_each_column() -> None:
    contract = Contract.of(pa.DataFrameSchema({"amount": pa.Column(str)}, dtype=int))

    assert contract.columns[0].dtype == pl.Int64()
    assert [rule.text for rule in contract.rules] == ["amount is Int64", "amount not null"]


def test_one_type_without_columns_speaks_of_every_column() -> None:
    contract = Contract.of(pa.DataFrameSchema(dtype=int))

    assert contract.columns == ()
    assert [(rule.text, rule.kind) for rule in contract.rules] == [
        ("every column is Int64", "every_type"),
        ("every column not null", "not_null"),
    ]


def test_a_column_without_a_type_must_only_be_there() -> None:
    contract = Contract.of(pa.DataFrameSchema({"amount": pa.Column(nullable=True)}))

    assert contract.columns[0].dtype is None
    assert [rule.text for rule in contract.rules] == ["amount is there"]


def test_a_contract_is_its_own_contract() -> None:
    contract = Contract.of(Payment)

    assert Contract.of(contract) is contract


@pytest.mark.parametrize(
    "parsing",
    [
        schema(coerce=True),
        schema(dtype=int),
        schema(strict="filter"),
        schema(add_missing_columns=True),
        schema(drop_invalid_rows=True),
        schema(parsers=Parser(lambda data: data)),
        column(coerce=True),
        column(default=0),
        column(drop_invalid_rows=True),
        column(parsers=Parser(lambda data: data)),
    ],
)
def test_a_contract_knows_that_pandera_may_change_the_frame(parsing: pa.DataFrameSchema) -> None:
    assert Contract.of(parsing).parses


def test_a_contract_that_only_checks_changes_no_frame() -> None:
    assert not Contract.of(Payment).parses


def test_a_model_and_a_schema_of_the_same_demands_are_one_contract() -> None:
    class Model(pa.DataFrameModel):
        payment_id: str = pa.Field(unique=True)
        amount: float = pa.Field(ge=0, isin=[1, 2])
        note: str = pa.Field(nullable=True, coerce=True)

        class Config:
            unique = ["amount", "note"]  # noqa: RUF012 - pandera reads a list

    same = pa.DataFrameSchema(
        {
            "payment_id": pa.Column(str, unique=True),
            "amount": pa.Column(float, [pa.Check.ge(0), pa.Check.isin([2, 1])]),
            "note": pa.Column(str, nullable=True, coerce=True),
        },
        unique=["amount", "note"],
    )

    of_model, of_schema = Contract.of(Model), Contract.of(same)

    assert of_model.digest == of_schema.digest
    assert of_model.keys == of_schema.keys
    assert of_model.column_names == of_schema.column_names


@pytest.mark.parametrize(
    ("one", "same"),
    [
        (schema(), schema(title="Amounts", description="What is owed.", name="Owed")),
        (column(), column(title="Amount", description="What is owed.", metadata={"unit": "EUR"})),
        (column(int), column(pl.Int64)),
        (column(checks=pa.Check.ge(0)), column(checks=pa.Check.ge(0, title="Owed"))),
        (column(checks=pa.Check.isin({1, 2})), column(checks=pa.Check.isin([2, 1]))),
        (column(checks=pa.Check(positive)), column(checks=pa.Check(positive))),
        (column(checks=pa.Check(at_least(3))), column(checks=pa.Check(at_least(3)))),
        (schema(unique="amount"), schema(unique=["amount"])),
    ],
)
def test_equal_demands_have_one_digest(one: pa.DataFrameSchema, same: pa.DataFrameSchema) -> None:
    assert Contract.of(one).digest == Contract.of(same).digest


CHANGED = {
    "nothing": schema(),
    "a name": pa.DataFrameSchema({"amounts": pa.Column(int), "other": pa.Column(int)}),
    "a column more": schema().add_columns({"third": pa.Column(int)}),
    "a column less": schema().remove_columns(["other"]),
    "a type": schema().update_column("amount", dtype=float),
    "a zone": schema().update_column("amount", dtype=pl.Datetime("us", "UTC")),
    "another zone": schema().update_column("amount", dtype=pl.Datetime("us", "Europe/Berlin")),
    "an enum": schema().update_column("amount", dtype=pl.Enum([str(n) for n in range(500)])),
    "another enum": schema().update_column("amount", dtype=pl.Enum([str(n) for n in range(501)])),
    "nulls": schema().update_column("amount", nullable=True),
    "uniqueness": schema().update_column("amount", unique=True),
    "absence": schema().update_column("amount", required=False),
    "a pattern": schema().update_column("amount", regex=True),
    "coercion of a column": schema().update_column("amount", coerce=True),
    "a default": schema().update_column("amount", default=0),
    "another default": schema().update_column("amount", default=1),
    "dropping by a column": schema().update_column("amount", drop_invalid_rows=True),
    "a bound": schema().update_column("amount", checks=pa.Check.ge(0)),
    "another bound": schema().update_column("amount", checks=pa.Check.ge(1)),
    "a strict bound": schema().update_column("amount", checks=pa.Check.gt(0)),
    "a set": schema().update_column("amount", checks=pa.Check.isin([1, 2])),
    "a larger set": schema().update_column("amount", checks=pa.Check.isin([1, 2, 3])),
    "a forbidden set": schema().update_column("amount", checks=pa.Check.notin([1, 2])),
    "a warning": schema().update_column("amount", checks=pa.Check.ge(0, raise_warning=True)),
    "nulls in a check": schema().update_column("amount", checks=pa.Check.ge(0, ignore_na=False)),
    "a function": schema().update_column("amount", checks=pa.Check(positive)),
    "a function by element": schema().update_column(
        "amount", checks=pa.Check(positive, element_wise=True)
    ),
    "another function": schema().update_column(
        "amount", checks=pa.Check(not_negative, name="positive")
    ),
    "a closure": schema().update_column("amount", checks=pa.Check(at_least(3))),
    "another closure": schema().update_column("amount", checks=pa.Check(at_least(4))),
    "an argument": schema().update_column("amount", checks=pa.Check(above, least=3)),
    "another argument": schema().update_column("amount", checks=pa.Check(above, least=4)),
    "a function with it": schema().update_column(
        "amount", checks=pa.Check(below, name="above", least=4)
    ),
    "a parser": schema().update_column("amount", parsers=Parser(positive)),
    "another parser": schema().update_column("amount", parsers=Parser(not_negative)),
    "a check of the frame": schema(checks=pa.Check(positive)),
    "a parser of the frame": schema(parsers=Parser(positive)),
    "a key": schema(unique=["amount", "other"]),
    "two keys": schema(unique=[["amount"], ["other"]]),
    "strictness": schema(strict=True),
    "filtering": schema(strict="filter"),
    "order": schema(ordered=True),
    "coercion": schema(coerce=True),
    "one type": schema(dtype=float),
    "another type": schema(dtype=str),
    "missing columns": schema(add_missing_columns=True),
    "dropped rows": schema(drop_invalid_rows=True),
}


def test_each_changed_demand_changes_the_digest() -> None:
    digests = {what: Contract.of(changed).digest for what, changed in CHANGED.items()}

    first = {digest: what for what, digest in reversed(digests.items())}
    assert {what: first[digest] for what, digest in digests.items()} == {w: w for w in CHANGED}


def test_a_changed_check_of_a_model_changes_the_digest() -> None:
    class One(pa.DataFrameModel):
        amount: int

        @pa.check("amount")
        @classmethod
        def enough(cls, data: pa.PolarsData) -> pl.LazyFrame:
            return data.lazyframe.select(pl.col("amount") > 1)

        @pa.dataframe_check
        @classmethod
        def whole(cls, data: pa.PolarsData) -> pl.LazyFrame:
            return data.lazyframe.select(pl.col("amount") > 1)

    class OtherColumnCheck(One):
        @pa.check("amount")
        @classmethod
        def enough(cls, data: pa.PolarsData) -> pl.LazyFrame:
            return data.lazyframe.select(pl.col("amount") > 2)

    class OtherFrameCheck(One):
        @pa.dataframe_check
        @classmethod
        def whole(cls, data: pa.PolarsData) -> pl.LazyFrame:
            return data.lazyframe.select(pl.col("amount") > 2)

    class Same(One):
        pass

    digests = [Contract.of(model).digest for model in (One, OtherColumnCheck, OtherFrameCheck)]

    assert len(set(digests)) == 3
    assert Contract.of(Same).digest == digests[0]


def test_the_digest_is_the_same_in_every_process() -> None:
    code = "from tests.declare.test_contract import *; print(Contract.of(Payment).digest)"

    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=REPOSITORY,
        env={"PYTHONPATH": str(REPOSITORY), "PYTHONHASHSEED": "1"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert result.stdout.strip() == Contract.of(Payment).digest


@pytest.mark.parametrize(
    ("contract", "kind"),
    [
        (None, "of type 'builtins.NoneType'"),
        ({"amount": int}, "of type 'builtins.dict'"),
        (pa.Column(int), "of type 'pandera.api.polars.components.Column'"),
        (pl.Schema({"amount": pl.Int64}), "of type 'polars.schema.Schema'"),
        (datetime, "the class 'datetime.datetime'"),
        (datetime(2026, 1, 1, tzinfo=timezone.utc), "of type 'datetime.datetime'"),
    ],
)
def test_a_contract_is_a_pandera_model_or_schema(contract: object, kind: str) -> None:
    assert refusal_of(contract) == (
        f"The contract of 'mesh://a/b/v1/c' is {kind}. "
        "Give a DataFrameModel or DataFrameSchema of pandera.polars."
    )


def test_a_model_that_pandera_cannot_read_is_refused() -> None:
    class Broken(pa.DataFrameModel):
        amount: "Absent"  # type: ignore[name-defined]  # noqa: F821 - the mistake under test

    assert refusal_of(Broken) == (
        "The contract of 'mesh://a/b/v1/c' is the model 'Broken', from which pandera can make no "
        "schema. Call Broken.to_schema() to see why."
    )


@pytest.mark.parametrize(
    ("dtype", "shown"),
    [
        (list, "List"),
        (pl.List, "List"),
        (pl.Array, "Array"),
        (pl.Struct, "Struct"),
        (pl.Enum, "Enum"),
    ],
)
def test_a_type_with_parts_names_them(dtype: type, shown: str) -> None:
    assert refusal_of(column(dtype)) == (
        f"The contract of 'mesh://a/b/v1/c' has the column 'amount' of type {shown}, but not of "
        "what. Write it whole, such as pl.List(pl.String)."
    )
