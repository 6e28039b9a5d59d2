import json
import re
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal

import pandera.polars as pa
import polars as pl
import pytest
from hypothesis import given, settings

from mesh_dagster.declare.contract import Contract
from mesh_dagster.declare.dtypes import type_json, type_of
from mesh_dagster.declare.notation import (
    Json,
    NotWritableError,
    type_text,
    value_json,
    value_of,
)
from mesh_dagster.declare.transcribe import schema_of, written
from mesh_dagster.declare.written import WrittenContract
from tests.run.schemas_and_frames import POOLS, cases

NOON = datetime(2026, 5, 1, 12, tzinfo=timezone.utc)
TYPES = [
    *(dtype() if isinstance(dtype, type) else dtype for dtype, _ in POOLS.values()),
    pl.Datetime("ms", "Europe/Berlin"),
    pl.Array(pl.List(pl.Struct({"part": pl.Decimal(38, 3)})), (2, 3)),
]
VALUES: list[object] = [
    None, True, 1, 1.5, float("inf"), "text", b"\x00a", Decimal("1.10"), date(2026, 5, 1),
    NOON, time(12, 30), timedelta(seconds=90), [1, [2.5]], frozenset({"b", "a"}), {"a": [NOON]},
]  # fmt: skip


def from_json_text(contract: WrittenContract) -> WrittenContract:
    return WrittenContract.from_json(json.loads(json.dumps(contract.as_json())))


def even(data: pa.PolarsData) -> pl.LazyFrame:
    return data.lazyframe.select(pl.col(data.key) % 2 == 0)


@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_a_type_reads_back_equal(dtype: pl.DataType) -> None:
    assert type_of(json.loads(json.dumps(type_json(dtype)))) == dtype


@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_a_written_type_is_named_as_polars_names_it(dtype: pl.DataType) -> None:
    assert type_text(json.loads(json.dumps(type_json(dtype)))) == str(dtype)


@pytest.mark.parametrize("value", VALUES, ids=str)
def test_a_value_reads_back_equal(value: object) -> None:
    assert value_of(json.loads(json.dumps(value_json(value)))) == value


@pytest.mark.parametrize("value", [object(), {"a": object()}, [1j], pl.col("a")])
def test_what_json_cannot_hold_is_refused(value: object) -> None:
    with pytest.raises(NotWritableError):
        value_json(value)


@pytest.mark.parametrize(
    "text",
    [
        '"Integer"',
        '"col"',
        '{"List": "Nothing"}',
        '{"Array": 3}',
        '{"Decimal": {"digits": 2}}',
        "3",
    ],
)
def test_a_type_that_nobody_wrote_is_refused(text: str) -> None:
    with pytest.raises(NotWritableError):
        type_of(json.loads(text))


@pytest.mark.parametrize("written_value", [{"eval": "1"}, {"date": "May"}, {}, {"date": 1}])
def test_a_value_that_nobody_wrote_is_refused(written_value: Json) -> None:
    with pytest.raises(NotWritableError):
        value_of(written_value)


@settings(max_examples=150)
@given(cases())
def test_every_schema_reads_back_equal_but_for_its_functions(
    case: tuple[pa.DataFrameSchema, pl.DataFrame],
) -> None:
    contract = Contract.of(case[0])

    kept = from_json_text(written(contract))
    again = Contract.of(schema_of(kept))

    # As JSON, for a rule may compare with NaN.
    assert kept.as_json() == written(contract).as_json()
    assert kept.opaque or again.digest == contract.digest


def test_a_rule_written_as_a_function_is_known_by_text_and_digest_alone() -> None:
    schema = pa.DataFrameSchema(
        {"n": pa.Column(pl.Int64, [pa.Check(even, error="even"), pa.Check.ge(0)])}
    )

    kept = from_json_text(written(Contract.of(schema)))

    opaque, known = kept.columns[0].rules
    assert (opaque.text, opaque.check, opaque.arguments, opaque.opaque) == (
        "n even",
        None,
        {},
        True,
    )
    assert len(opaque.digest) == 64
    assert (known.text, known.check, known.arguments) == (
        "n >= 0",
        "greater_than_or_equal_to",
        {"min_value": 0},
    )
    assert kept.opaque == ("n even",)
    assert [rule.text for rule in Contract.of(schema_of(kept)).rules if rule.kind == "check"] == [
        "n >= 0"
    ]


def test_a_pattern_with_flags_is_opaque_since_its_text_alone_says_less() -> None:
    patterns = [re.compile("a"), re.compile("a", re.IGNORECASE)]
    schema = pa.DataFrameSchema({"t": pa.Column(str, [pa.Check.str_matches(p) for p in patterns])})

    plain, flagged = written(Contract.of(schema)).columns[0].rules

    assert plain.arguments == {"pattern": "a"}
    assert flagged.opaque


def test_metadata_keeps_what_json_holds() -> None:
    """NaN is none of JSON: databases refuse it, or fail on every query that looks into it."""
    metadata = {
        "unit": "seconds",
        "entity": {"name": "artist"},
        "reader": object(),
        "example": float("nan"),
        "bounds": [0.0, float("inf")],
    }
    schema = pa.DataFrameSchema({"n": pa.Column(pl.Int64, metadata=metadata, title="N")})

    [column] = from_json_text(written(Contract.of(schema))).columns

    assert column.metadata == {"unit": "seconds", "entity": {"name": "artist"}}
    assert column.title == "N"


@pytest.mark.parametrize(
    ("sensitivity", "sensitive"),
    [({}, False), ({"sensitivity": "public"}, False), ({"sensitivity": "personal"}, True)],
)
def test_a_column_is_sensitive_unless_it_is_said_to_be_public(
    sensitivity: dict[str, str], *, sensitive: bool
) -> None:
    contract = Contract.of(pa.DataFrameSchema({"n": pa.Column(str, metadata=sensitivity)}))

    assert contract.columns[0].sensitive is sensitive
    assert written(contract).columns[0].sensitive is sensitive


@pytest.mark.parametrize("missing", ["columns", "digest", "rules"])
def test_a_contract_that_nobody_wrote_is_refused(missing: str) -> None:
    row = written(Contract.of(pa.DataFrameSchema({"n": pa.Column(str)}))).as_json()

    with pytest.raises(NotWritableError):
        WrittenContract.from_json({name: part for name, part in row.items() if name != missing})
