"""Rules are drawn at random; what `implies` claims is put to the audit."""

from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any

import pandera.polars as pa
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh_dagster.declare.contract import Contract
from mesh_dagster.declare.implication import contradicts, implies, is_key
from mesh_dagster.declare.transcribe import written
from mesh_dagster.declare.written import WrittenColumn
from mesh_dagster.run.audit import audit
from tests.run.schemas_and_frames import POOLS, checks

Check = pa.Check
INT, FLOAT, TEXT = pl.Int64(), pl.Float64(), pl.String()
UTC = timezone.utc


def column(dtype: pl.DataType | None, *rules: pa.Check, **more: Any) -> WrittenColumn:
    schema = pa.DataFrameSchema({"v": pa.Column(dtype, list(rules), **more)})
    return written(Contract.of(schema)).columns[0]


def answer(dtype: pl.DataType | None, promised: list[pa.Check], rule: pa.Check) -> bool | None:
    return implies(column(dtype, *promised), column(dtype, rule).rules[0])


def opaque(data: pa.PolarsData) -> pl.LazyFrame:
    return data.lazyframe.select(pl.col(data.key).is_not_null())


def other(data: pa.PolarsData) -> pl.LazyFrame:
    return data.lazyframe.select(pl.col(data.key).is_null().not_())


@pytest.mark.parametrize(
    ("dtype", "promised", "rule"),
    [
        (INT, [Check.ge(10)], Check.ge(5)),
        (INT, [Check.gt(4)], Check.ge(5)),
        (INT, [Check.in_range(0, 5, include_max=False)], Check.le(4)),
        (INT, [Check.in_range(1, 3)], Check.isin([1, 2, 3])),
        (INT, [Check.ge(0.5)], Check.ge(1)),
        (INT, [Check.ge(0), Check.le(9)], Check.in_range(0, 9)),
        (INT, [Check.ge(5)], Check.notin([1, 4])),
        (INT, [Check.ge(5), Check.le(3)], Check.eq(7)),
        (pl.UInt8(), [], Check.in_range(0, 255)),
        (FLOAT, [Check.eq(1.5)], Check.in_range(1, 2)),
        (FLOAT, [Check.gt(0.0)], Check.ne(0.0)),
        (TEXT, [Check.isin(["a", "b"])], Check.str_length(1, 1)),
        (TEXT, [Check.isin(["a", "b"])], Check.str_matches("[a-c]")),
        (TEXT, [Check.str_length(2, 3)], Check.str_length(max_value=3)),
        (TEXT, [Check.str_matches("[a-c]+$")], Check.str_matches("^[a-c]+$")),
        (TEXT, [Check.str_matches("[a-c]")], Check.str_contains("[a-c]")),
        (TEXT, [Check.str_contains("^a")], Check.str_matches("a")),
        (TEXT, [Check.str_startswith("KS")], Check.str_startswith("K")),
        (TEXT, [Check.str_endswith("xy")], Check.str_endswith("y")),
        (TEXT, [Check.unique_values_eq(["a", "b"])], Check.isin(["a", "b", "c"])),
        (pl.Boolean(), [], Check.isin([True, False])),
        (pl.Enum(["a", "b"]), [], Check.isin(["a", "b"])),
        (pl.Date(), [Check.ge(date(2024, 1, 1))], Check.gt(date(2023, 12, 31))),
        (
            pl.Datetime("us", "UTC"),
            [Check.ge(datetime(2024, 1, 2, tzinfo=UTC))],
            Check.ge(datetime(2024, 1, 1, tzinfo=UTC)),
        ),
        (pl.Decimal(10, 2), [Check.le(Decimal("1.50"))], Check.lt(2)),
        (INT, [pa.Check(opaque)], pa.Check(opaque)),
        (pl.List(INT), [Check.eq([1])], Check.eq([1])),
        (None, [Check.ge(1)], Check.ge(1)),
    ],
)  # fmt: skip
def test_a_rule_that_follows_is_proved(
    dtype: pl.DataType | None, promised: list[pa.Check], rule: pa.Check
) -> None:
    assert answer(dtype, promised, rule) is True


@pytest.mark.parametrize(
    ("dtype", "promised", "rule"),
    [
        (INT, [], Check.ge(5)),
        (INT, [Check.ge(4)], Check.ge(5)),
        (INT, [Check.ge(0), Check.notin([0, 1])], Check.ge(3)),
        (INT, [Check.isin([1, 2])], Check.isin([1])),
        (INT, [Check.ge(0)], Check.isin([0, 1])),
        (FLOAT, [Check.gt(0.0), Check.lt(1.0)], Check.ge(0.5)),
        (FLOAT, [Check.ge(0.0, raise_warning=True)], Check.ge(0.0)),
        (TEXT, [Check.str_length(1, 10)], Check.str_length(1, 5)),
        (TEXT, [Check.str_startswith("K")], Check.str_startswith("KS")),
        (TEXT, [], Check.str_matches("[0-9]")),
        (pl.Date(), [], Check.ge(date(2024, 1, 1))),
    ],
)  # fmt: skip
def test_a_rule_that_does_not_follow_is_refuted_by_a_value(
    dtype: pl.DataType, promised: list[pa.Check], rule: pa.Check
) -> None:
    assert answer(dtype, promised, rule) is False


@pytest.mark.parametrize(
    ("dtype", "promised", "rule"),
    [
        (TEXT, [Check.str_matches("[a-c]{2}$")], Check.str_matches("[a-d]{2}$")),
        (INT, [pa.Check(opaque)], Check.ge(0)),
        (INT, [Check.ge(0)], pa.Check(opaque)),
        (INT, [pa.Check(other)], pa.Check(opaque)),
        (INT, [], Check.unique_values_eq([1])),
        (INT, [], Check.str_length(0)),
        (pl.Datetime("ms"), [], Check.ge("noon")),
        (None, [Check.ge(5)], Check.ge(1)),
        (INT, [Check.ge(2**53 + 4)], Check.ge(float(2**53 + 2))),
    ],
)  # fmt: skip
def test_what_can_neither_be_proved_nor_refuted_is_left_open(
    dtype: pl.DataType | None, promised: list[pa.Check], rule: pa.Check
) -> None:
    assert answer(dtype, promised, rule) is None


@pytest.mark.parametrize(
    ("more", "promised", "implied"),
    [
        ({"nullable": True}, [Check.ge(1)], False),
        ({"nullable": True}, [Check.ge(1, ignore_na=False)], True),
        ({"nullable": True}, [pa.Check(opaque), Check.ge(1)], None),
        ({"nullable": False}, [Check.ge(1)], True),
        ({"nullable": True, "default": 3}, [Check.ge(1)], True),
    ],
)
def test_a_rule_that_nulls_break_follows_only_where_there_are_none(
    more: dict[str, Any], promised: list[pa.Check], *, implied: bool | None
) -> None:
    rule = column(INT, Check.ge(1, ignore_na=False)).rules[0]

    assert implies(column(INT, *promised, **more), rule) is implied


@pytest.mark.parametrize(
    ("dtype", "promised", "wanted", "contradictory"),
    [
        (INT, [Check.le(5)], [Check.ge(10)], True),
        (INT, [Check.lt(5)], [Check.gt(4)], True),
        (FLOAT, [Check.lt(5.0)], [Check.ge(5.0)], True),
        (FLOAT, [Check.lt(5.0)], [Check.gt(4.0)], False),
        (TEXT, [Check.isin(["a", "b"])], [Check.isin(["c"])], True),
        (TEXT, [Check.isin(["a", "b"])], [Check.str_matches("[c-z]")], True),
        (TEXT, [Check.str_length(max_value=2)], [Check.str_length(min_value=3)], True),
        (TEXT, [Check.str_startswith("K")], [Check.str_startswith("W")], True),
        (TEXT, [Check.str_length(max_value=1)], [Check.str_endswith("FM")], True),
        (TEXT, [Check.str_startswith("K")], [Check.str_startswith("KS")], False),
        (TEXT, [Check.str_matches("[a-c]")], [Check.str_matches("[d-f]")], None),
        (INT, [pa.Check(opaque)], [Check.ge(1)], None),
        (None, [Check.ge(1)], [Check.le(1)], None),
    ],
)  # fmt: skip
def test_rules_contradict_each_other_when_no_value_keeps_both(
    dtype: pl.DataType | None,
    promised: list[pa.Check],
    wanted: list[pa.Check],
    *,
    contradictory: bool | None,
) -> None:
    assert contradicts(column(dtype, *promised), column(dtype, *wanted)) is contradictory


def test_columns_are_unique_where_some_of_them_are() -> None:
    assert is_key([("a",)], ["b", "a"])
    assert is_key([("c",), ("a", "b")], ["a", "b"])
    assert not is_key([("a", "b")], ["a"])


@st.composite
def claims(draw: st.DrawFn) -> tuple[pa.Column, pa.Column, pl.DataFrame]:
    """A promise, a wanted rule, and a frame, all of one type."""
    dtype, pool = POOLS[draw(st.sampled_from(sorted(set(POOLS) - {"nothing"})))]
    kind = next(kind for kind, (known, _) in POOLS.items() if known == dtype)
    promised = draw(st.lists(checks(kind, pool), max_size=3))
    nullable = draw(st.booleans())
    values = draw(st.lists(st.sampled_from([*pool, None] if nullable else pool), max_size=4))
    return (
        pa.Column(dtype, promised, nullable=nullable),
        pa.Column(dtype, draw(checks(kind, pool)), nullable=True),
        pl.DataFrame({"v": pl.Series(values, dtype=dtype)}),
    )


@settings(max_examples=120)
@given(claims())
def test_no_frame_keeps_a_promise_and_breaks_what_it_implies(
    claim: tuple[pa.Column, pa.Column, pl.DataFrame],
) -> None:
    promise, wish, frame = claim
    promised, wanted = (pa.DataFrameSchema({"v": part}) for part in (promise, wish))
    rule = written(Contract.of(wanted)).columns[0].rules[0]
    column_promised = written(Contract.of(promised)).columns[0]

    implied = implies(column_promised, rule)
    apart = contradicts(column_promised, written(Contract.of(wanted)).columns[0])
    keeps = audit(frame, promised).accepted
    wished = audit(frame, wanted)

    if implied is True and keeps:
        assert wished.findings[-1].passed
    if apart is True and rule.level == "error":
        assert not (keeps and wished.accepted and frame["v"].drop_nulls().len())
