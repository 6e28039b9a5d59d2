"""How a batch is parted into rows to publish and rows to set aside."""

import pandera.polars as pa
import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from pandera.api.polars.types import PolarsData
from pandera.errors import SchemaError, SchemaErrors

from mesh_dagster.declare.contract import Contract
from mesh_dagster.declare.storage import RULES_COLUMN
from mesh_dagster.errors import NotSplittableError
from mesh_dagster.run.audit import audit_staged
from mesh_dagster.run.conform import conform
from mesh_dagster.run.split import split
from tests.run.schemas_and_frames import cases

PLAY = Contract.of(
    pa.DataFrameSchema(
        {
            "play_id": pa.Column(pl.Int64, pa.Check.ge(0), unique=True),
            "song": pa.Column(pl.String, pa.Check.str_matches("[A-Z]", raise_warning=True)),
        },
        name="Play",
    )
)

# A failing case is printed as it was drawn: to shrink one takes minutes.
QUICK = settings(
    max_examples=200,
    phases=[Phase.generate],
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def test_each_rejected_row_names_the_rules_that_caught_it() -> None:
    plan = pl.LazyFrame({"play_id": [1, 2, 2, -1, None], "song": ["A", "b", None, None, "C"]})

    parts = split(plan, PLAY)

    assert parts.valid.collect().rows() == [(1, "A")]
    assert parts.rejected.collect().rows() == [
        (2, "b", ["play_id unique"]),
        (2, None, ["song not null", "play_id unique"]),
        (-1, None, ["play_id >= 0", "song not null"]),
        (None, "C", ["play_id not null"]),
    ]


def test_a_rule_that_only_warns_rejects_nothing() -> None:
    parts = split(pl.LazyFrame({"play_id": [1], "song": ["a"]}), PLAY)

    assert parts.valid.collect().height == 1
    assert parts.rejected.collect().height == 0
    assert parts.rejected.collect_schema()[RULES_COLUMN] == pl.List(pl.String)


def test_a_contract_without_rules_on_rows_rejects_nothing() -> None:
    contract = Contract.of(pa.DataFrameSchema({"a": pa.Column(pl.Int64, nullable=True)}))

    parts = split(pl.LazyFrame({"a": [1, None]}), contract)

    assert parts.valid.collect().rows() == [(1,), (None,)]
    assert parts.rejected.collect().rows() == []
    assert parts.rejected.collect_schema()[RULES_COLUMN] == pl.List(pl.String)


def test_a_key_of_another_partition_is_rejected() -> None:
    plan = pl.LazyFrame({"play_id": [1, 2], "song": ["A", "B"]})

    parts = split(plan, PLAY, others=pl.LazyFrame({"play_id": [2, 7, 7]}))

    assert parts.valid.collect()["play_id"].to_list() == [1]
    assert parts.rejected.collect()["play_id"].to_list() == [2]


def test_an_optional_column_that_was_absent_catches_no_row() -> None:
    columns = {"a": pa.Column(pl.Int64, pa.Check.ge(0)), "b": pa.Column(pl.Int64, required=False)}
    contract = Contract.of(pa.DataFrameSchema(columns))
    staged = pl.LazyFrame({"a": [1, -1], "b": [None, None]}, schema_overrides={"b": pl.Int64})

    parts = split(staged, contract, absent=["b"])

    assert parts.valid.collect().rows() == [(1, None)]
    assert parts.rejected.select("a", "b", RULES_COLUMN).collect().rows() == [
        (-1, None, ["a >= 0"])
    ]


def test_a_wrong_type_can_only_be_refused() -> None:
    with pytest.raises(NotSplittableError) as caught:
        split(pl.LazyFrame({"play_id": [1.0], "song": ["A"]}), PLAY)

    assert str(caught.value) == (
        "The batch breaks rules of contract 'Play' that are not about single rows: "
        "'play_id is Int64'. Rows cannot be rejected for them, so refuse the whole batch. "
        "Nothing was split."
    )


def test_a_broken_rule_over_the_whole_batch_can_only_be_refused() -> None:
    def few(data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.len() < 3)

    contract = Contract.of(pa.DataFrameSchema({"a": pa.Column(pl.Int64)}, checks=pa.Check(few)))

    assert split(pl.LazyFrame({"a": [1, 2]}), contract).valid.collect().height == 2
    with pytest.raises(NotSplittableError):
        split(pl.LazyFrame({"a": [1, 2, 3]}), contract)


def test_a_contract_that_pandera_cannot_plan_can_only_be_refused() -> None:
    def number(data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col("a"))

    contract = Contract.of(pa.DataFrameSchema({"a": pa.Column(pl.Int64, pa.Check(number))}))

    with pytest.raises(NotSplittableError):
        split(pl.LazyFrame({"a": [1]}), contract)


@seed(7)
@QUICK
@given(cases())
def test_the_parts_hold_every_row_once_and_count_as_the_audit_does(
    case: tuple[pa.DataFrameSchema, pl.DataFrame],
) -> None:
    contract = Contract.of(case[0])
    try:
        plan = conform(case[1].lazy(), contract).collect().lazy()
        parts = split(plan, contract)
    except (
        pl.exceptions.PolarsError,
        SchemaError,
        SchemaErrors,
        NotSplittableError,
        NotImplementedError,
    ):
        return

    valid, rejected = parts.valid.collect(), parts.rejected.collect()

    verdict = audit_staged(plan, contract)
    caught = rejected[RULES_COLUMN].explode(empty_as_null=False)
    assert valid.height + rejected.height == plan.collect().height
    assert rejected.height > 0 or verdict.accepted
    assert {finding.rule.text: finding.failing_rows for finding in verdict.broken} == dict(
        caught.value_counts().rows()
    )
