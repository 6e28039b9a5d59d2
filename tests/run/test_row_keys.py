"""Which rows of a broken rule are named, and what is never shown of them."""

import pandera.polars as pa
import polars as pl
import pytest

from mesh_dagster.declare.slo import Quality
from mesh_dagster.errors import DeclarationError
from mesh_dagster.run.audit import audit
from mesh_dagster.run.verdict import RowKey, Verdict
from tests.run.scenario import lines, port_of, publish_well, refusal_of

SECRET = {"sensitivity": "personal"}
ORDERS = pl.DataFrame(
    {
        "order": [10, 11, 12, 13, 14],
        "mail": ["a@x", "b@x", "c@x", "d@x", "e@x"],
        "amount": [1.0, -1.0, -2.0, 3.0, -3.0],
    }
)


def schema_of(*keys: str, secret: tuple[str, ...] = ()) -> pa.DataFrameSchema:
    """A contract whose amounts are positive; several keys make a composite one."""
    single = keys[0] if len(keys) == 1 else None
    rules = {"amount": pa.Check.ge(0)}
    return pa.DataFrameSchema(
        {
            name: pa.Column(
                ORDERS.schema[name],
                rules.get(name),
                unique=name == single,
                metadata=SECRET if name in secret else {"sensitivity": "public"},
            )
            for name in ORDERS.columns
        },
        unique=list(keys) if len(keys) > 1 else None,
    )


def shown(verdict: Verdict) -> dict[str, list[str]]:
    """The row keys of each broken rule, as people see them."""
    return {f.rule.text: [str(key) for key in f.row_keys] for f in verdict.findings if not f.passed}


def test_without_being_asked_the_audit_names_no_row() -> None:
    verdict = audit(ORDERS, schema_of("order"))

    assert shown(verdict) == {"amount >= 0": []}


@pytest.mark.parametrize(
    ("keys", "secret", "expected"),
    [
        (("order",), (), ["order=11", "order=12"]),
        (("order",), ("order",), ["row 1", "row 2"]),
        (("order", "mail"), (), ["order=11, mail=b@x", "order=12, mail=c@x"]),
        (("order", "mail"), ("mail",), ["order=11", "order=12"]),
        (("order", "mail"), ("mail", "order"), ["row 1", "row 2"]),
        ((), (), ["row 1", "row 2"]),
    ],
)
def test_rows_are_named_by_what_may_be_shown_of_their_key(
    keys: tuple[str, ...], secret: tuple[str, ...], expected: list[str]
) -> None:
    verdict = audit(ORDERS, schema_of(*keys, secret=secret), row_keys=2)

    assert shown(verdict) == {"amount >= 0": expected}


def test_a_second_key_names_rows_where_the_first_is_sensitive() -> None:
    schema = schema_of("order", secret=("order",))
    schema.columns["mail"].unique = True

    assert shown(audit(ORDERS, schema, row_keys=1)) == {"amount >= 0": ["mail=b@x"]}


def test_fewer_rows_than_asked_for_are_all_named() -> None:
    verdict = audit(ORDERS, schema_of("order"), row_keys=100)

    [finding] = verdict.broken
    assert finding.row_keys == tuple(RowKey(row, {"order": 10 + row}) for row in (1, 2, 4))


def test_each_broken_rule_has_its_own_row_keys_whatever_its_level() -> None:
    schema = pa.DataFrameSchema(
        {
            "id": pa.Column(pl.Int64, unique=True),
            "a": pa.Column(pl.Int64, pa.Check.ge(0, raise_warning=True)),
            "b": pa.Column(pl.Int64, pa.Check(lambda value: value < 9, element_wise=True)),
        }
    )
    batch = pl.DataFrame({"id": [1, 2, 3, 3], "a": [-1, None, 0, 0], "b": [1, 2, 9, 3]})

    assert shown(audit(batch, schema, row_keys=5)) == {
        "a not null": ["id=2"],
        "a >= 0": ["id=1"],
        "b <lambda>": ["id=3"],
        "id unique": ["id=3", "id=3"],
    }


def test_a_value_that_resists_its_cast_is_named_by_its_row() -> None:
    schema = pa.DataFrameSchema(
        {"id": pa.Column(pl.Int64, unique=True), "n": pa.Column(pl.Int64, coerce=True)}
    )
    batch = pl.DataFrame({"id": [7, 8, 9], "n": ["1", "x", None]})

    found = shown(audit(batch, schema, row_keys=3))

    assert found == {"n is Int64": ["id=8"], "n not null": ["id=9"]}


def test_a_fault_of_the_whole_batch_names_no_row() -> None:
    few = pa.Check(lambda data: data.lazyframe.select(pl.len() < 3), name="few")
    schema = schema_of("order")
    schema.checks = [few]
    batch = ORDERS.with_columns(amount=pl.lit(1.0)).drop("mail")

    assert shown(audit(batch, schema, row_keys=3)) == {"mail is String": [], "few": []}


def test_rows_that_a_check_has_joined_are_not_named() -> None:
    """Their order may be any, so that a number would name another row."""
    joined = pa.Check(
        lambda data: data.lazyframe.join(data.lazyframe, on="order", how="left").select(
            pl.col("amount") >= 0
        )
    )
    schema = schema_of("order")
    schema.columns["amount"].checks = []
    schema.checks = [joined]

    verdict = audit(ORDERS, schema, row_keys=3)

    assert [(f.failing_rows, f.row_keys) for f in verdict.broken] == [(3, ())]


def test_rows_are_named_where_pandera_itself_must_judge() -> None:
    schema = schema_of("order")
    schema.drop_invalid_rows = True

    verdict = audit(ORDERS, schema, row_keys=2)

    assert verdict.accepted
    assert not verdict.fused
    dropped = [[str(key) for key in f.row_keys] for f in verdict.findings if f.failing_rows]
    assert dropped == [["order=11", "order=12"]]


def test_a_key_of_another_partition_is_named_as_this_batch_has_it() -> None:
    others = pl.LazyFrame({"order": [99, 12], "mail": ["z", "z"], "amount": [1.0, 1.0]})
    batch = ORDERS.with_columns(amount=pl.lit(1.0))

    verdict = audit(batch, schema_of("order"), others=others, row_keys=5)

    assert shown(verdict) == {"order unique": ["order=12"]}


def test_the_search_stops_once_every_rule_has_its_rows() -> None:
    rows = 400_000
    read: list[int] = []

    def counted(values: pl.Series) -> pl.Series:
        read.append(len(values))
        return values

    amount = pl.col("amount").map_batches(counted, return_dtype=pl.Float64, is_elementwise=True)
    frame = pl.DataFrame({"order": range(rows)}).with_columns(mail=pl.lit("x"), amount=-1.0)
    plan = frame.lazy().with_columns(amount)
    audit(plan, schema_of("order"), profile="rows")
    once = sum(read)
    read.clear()

    verdict = audit(plan, schema_of("order"), profile="rows", row_keys=2)

    assert shown(verdict) == {"amount >= 0": ["order=0", "order=1"]}
    assert once < sum(read) <= once + rows // 2


def test_a_refusal_names_rows_in_its_verdict_and_not_in_its_message() -> None:
    batch = pl.concat([lines(40_001, 40_002), lines(40_003, amount=-1.0)])

    outcome = refusal_of(batch, port_of(quality=Quality(row_keys=3)))

    assert shown(outcome.verdict) == {"amount >= 0": ["order=40003"]}
    assert "40003" not in f"{outcome.error}{outcome.refusal}"


def test_rows_set_aside_are_named_and_those_outside_their_partition_too() -> None:
    port = port_of(
        quality=Quality(valid_rows=0.5, otherwise="quarantine", row_keys=1),
        partition_column="artist",
    )
    inside = {"artist": pl.col("artist") == "Ann"}

    aside = publish_well(pl.concat([lines(1), lines(2, amount=-1.0)]), port, "Ann", inside=inside)
    outside = refusal_of(lines(3, 4, artist="Bob"), port, "Ann", inside=inside)

    assert shown(aside.verdict) == {"amount >= 0": ["order=2"]}
    assert shown(outside.verdict) == {"artist within the partition": ["order=3"]}


def test_a_batch_that_cannot_be_staged_names_its_rows_too() -> None:
    schema = schema_of("order")
    schema.columns["amount"].coerce = True
    batch = ORDERS.with_columns(amount=pl.Series(["1", "x", "2", "3", "y"]))

    outcome = refusal_of(batch, port_of(schema, quality=Quality(row_keys=5)))

    found = shown(outcome.verdict)
    assert found == {"amount is Float64": ["order=11", "order=14"], "amount >= 0": []}


@pytest.mark.parametrize("row_keys", [-1, 101, 1.5, True, "3"])
def test_a_number_of_row_keys_that_nobody_should_look_at_is_refused(row_keys: int) -> None:
    with pytest.raises(DeclarationError) as refused:
        audit(ORDERS, schema_of("order"), row_keys=row_keys)

    assert str(refused.value) == (
        f"audit got row_keys={row_keys!r}, expected a whole number from 0 to 100. Correct it."
    )
