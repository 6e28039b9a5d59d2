"""What footers prove of published files, and that it is never more than pandera accepts."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pandera.polars as pa
import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from pandera.api.polars.types import PolarsData

from mesh_dagster.declare.contract import Contract
from mesh_dagster.declare.storage import contract_schema
from mesh_dagster.run import delta
from mesh_dagster.run.audit import audit_staged
from mesh_dagster.run.footers import unproven
from mesh_dagster.run.stage import Staging
from mesh_dagster.run.store import Store
from tests.run.schemas_and_frames import NAMES, POOLS, Pool, checks

STORABLE = [kind for kind in POOLS if kind not in ("span", "clock", "nothing")]


def published(*frames: pl.DataFrame) -> tuple[delta.Snapshot, Store]:
    """Write each frame as a published file of its own; the last has the types of the port."""
    store = Store.at()
    uri = f"{store.root}/port"
    files: list[delta.DataFile] = []
    with Staging(store, uri) as area:
        for frame in frames:
            files += area.write(frame.lazy(), dict(frame.schema)).files
        area._kept |= {file.path for file in files}  # noqa: SLF001 - nothing commits them here
    types = {name: dtype for frame in frames for name, dtype in frame.schema.items()}
    return delta.Snapshot(uri, 0, tuple(files), types, {}), store


def left(schema: pa.DataFrameSchema, *frames: pl.DataFrame) -> list[str] | None:
    """The rules that must still be scanned for; `None` if nothing is scanned at all."""
    contract, (content, store) = Contract.of(schema), published(*frames)
    rest = unproven(content, contract_schema(contract), contract, store)
    return None if rest is None else [rule.text for rule in rest.rules if rule.kind != "type"]


def numbers(*values: int | None) -> pl.DataFrame:
    return pl.DataFrame({"n": values}, schema={"n": pl.Int64})


def of_numbers(*rules: pa.Check, **options: Any) -> pa.DataFrameSchema:  # Any: of pa.Column
    return pa.DataFrameSchema({"n": pa.Column(pl.Int64, list(rules), **options)})


def test_ranges_nulls_and_types_are_proven_without_a_scan() -> None:
    ge, lt = pa.Check.ge(1), pa.Check.lt(10)

    assert left(of_numbers(ge, lt), numbers(1, 5), numbers(9)) is None


@pytest.mark.parametrize(
    ("value", "open_rules"),
    [
        (0, ["n >= 1"]),
        (10, ["n < 10"]),
        (None, ["n not null"]),
    ],
)
def test_a_value_at_which_a_rule_breaks_leaves_this_rule_open(
    value: int | None, open_rules: list[str]
) -> None:
    ge, lt = pa.Check.ge(1), pa.Check.lt(10)

    assert left(of_numbers(ge, lt), numbers(1, 5), numbers(9, value)) == open_rules


def test_a_null_leaves_a_check_open_that_does_not_ignore_it() -> None:
    schema = of_numbers(pa.Check.ge(1, ignore_na=False), pa.Check.ge(0), nullable=True)

    assert left(schema, numbers(1, None)) == ["n >= 1"]


def test_a_check_that_no_range_can_prove_is_scanned_for() -> None:
    rules = [pa.Check.ne(5), pa.Check.isin([1, 9]), pa.Check.ge(1)]

    assert left(of_numbers(*rules), numbers(1, 9)) == ["n != 5", "n isin([1, 9])"]


def test_a_custom_check_is_scanned_for_whatever_its_name_is() -> None:
    def in_range(data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col(data.key) != 5)

    assert left(of_numbers(pa.Check(in_range)), numbers(1, 9)) == ["n in_range"]


def test_keys_and_rules_over_several_columns_are_scanned_for() -> None:
    schema = of_numbers(unique=True)
    schema.checks = [pa.Check(lambda data: data.lazyframe.select(pl.all() > 0), name="all")]

    assert left(schema, numbers(1)) == ["all", "n unique"]


def test_equal_ends_prove_that_all_values_are_equal() -> None:
    assert left(of_numbers(pa.Check.eq(7)), numbers(7, 7), numbers(7)) is None


@pytest.mark.parametrize(
    ("rule", "open_rules"),
    [(pa.Check.ge(0), ["n not null"]), (pa.Check.le(9), ["n not null", "n <= 9"])],
)
def test_of_floats_nothing_is_proven_that_nan_could_break(
    rule: pa.Check, open_rules: list[str]
) -> None:
    """Footers pass over NaN, which is no value to pandera, and larger than all others."""
    schema = pa.DataFrameSchema({"n": pa.Column(pl.Float64, rule)})
    frames = [pl.DataFrame({"n": values}) for values in ([1.0, 2.0], [1.0, float("nan")])]

    assert [left(schema, frame) for frame in frames] == [open_rules] * 2


def test_a_text_is_known_by_its_nulls_only() -> None:
    column = pa.Column(pl.String, pa.Check.ge("a"))
    texts = [pl.DataFrame({"n": [text, "b"]}) for text in ("x" * 200, None)]

    assert left(pa.DataFrameSchema({"n": column}), texts[0]) == ["n >= a"]
    assert left(pa.DataFrameSchema({"n": column}), texts[1]) == ["n not null", "n >= a"]


def test_times_and_amounts_are_proven_as_numbers_are() -> None:
    first = datetime(2026, 1, 1, tzinfo=ZoneInfo("Europe/Berlin"))
    schema = pa.DataFrameSchema(
        {
            "day": pa.Column(pl.Date, pa.Check.ge(date(2026, 1, 1))),
            "at": pa.Column(pl.Datetime("ms", "Europe/Berlin"), pa.Check.ge(first)),
            "price": pa.Column(pl.Decimal(10, 2), pa.Check.gt(0)),
            "count": pa.Column(pl.UInt64, pa.Check.le(2**64 - 1)),
        }
    )
    row = {"day": date(2026, 1, 1), "at": first, "price": 1, "count": 2**64 - 1}
    types = contract_schema(Contract.of(schema))

    assert left(schema, pl.DataFrame([row], schema=types)) is None


def test_a_time_that_python_cannot_hold_proves_nothing() -> None:
    frame = pl.DataFrame({"n": pl.Series([2**62]).cast(pl.Datetime("us"))})
    rule = pa.Check.ge(datetime(2026, 1, 1))  # noqa: DTZ001 - the column has no zone

    assert left(pa.DataFrameSchema({"n": pa.Column(pl.Datetime("us"), rule)}), frame) == [
        f"n >= {datetime(2026, 1, 1)}"  # noqa: DTZ001 - likewise
    ]


def test_a_column_that_came_later_reads_as_nulls() -> None:
    new = {"n": pa.Column(pl.Int64), "m": pa.Column(pl.Int64, pa.Check.ge(1), nullable=True)}
    needed = {"n": pa.Column(pl.Int64), "m": pa.Column(pl.Int64, pa.Check.ge(1))}

    assert left(pa.DataFrameSchema(new), numbers(1, 2)) is None
    assert left(pa.DataFrameSchema(needed), numbers(1, 2)) == ["m not null"]


def test_a_column_of_another_type_is_scanned_whole() -> None:
    narrow = numbers(1, 2).cast(pl.Int32)

    assert left(of_numbers(pa.Check.ge(1)), narrow) == ["n not null", "n >= 1"]


def test_a_kind_of_text_that_was_another_kind_is_scanned() -> None:
    """What is stored alike may hold values that the new type has not."""
    schema = pa.DataFrameSchema({"n": pa.Column(pl.Enum(["a", "b"]))})
    texts = pl.DataFrame({"n": ["a", "c"]})

    assert left(schema, texts) == ["n not null"]
    assert left(schema, pl.DataFrame({"n": ["a"]}, schema={"n": pl.Enum(["a", "b"])})) is None


def test_nothing_in_no_rows_breaks_a_rule() -> None:
    schema = pa.DataFrameSchema(
        {
            "n": pa.Column(pl.Int64, pa.Check.ge(1)),
            "x": pa.Column(pl.Float64, pa.Check.ge(1), nullable=True),
        }
    )

    assert left(schema, pl.DataFrame(schema={"n": pl.Int64, "x": pl.Float64})) is None


def test_nested_columns_are_known_by_their_type_only() -> None:
    columns = {
        "n": pa.Column(pl.Struct({"a": pl.Int64}), nullable=True),
        "m": pa.Column(pl.List(pl.Int64)),
    }
    frame = pl.DataFrame({"n": [{"a": 1}], "m": [[1]]})

    assert left(pa.DataFrameSchema(columns), frame) == ["m not null"]


@st.composite
def ports(draw: st.DrawFn) -> tuple[pa.DataFrameSchema, list[pl.DataFrame]]:
    """A contract and up to three files that have its types."""
    kinds = draw(st.dictionaries(st.sampled_from(NAMES), st.sampled_from(STORABLE), min_size=1))
    columns = {}
    for name, kind in kinds.items():
        dtype, pool = POOLS[kind]
        columns[name] = pa.Column(
            dtype,
            draw(st.lists(checks(kind, pool), max_size=3)),
            nullable=draw(st.booleans()),
            unique=draw(st.integers(0, 6)) == 0,
        )
    files = [draw(_frames(kinds)) for _ in range(draw(st.integers(1, 3)))]
    return pa.DataFrameSchema(columns, strict=draw(st.booleans())), files


@st.composite
def _frames(draw: st.DrawFn, kinds: Mapping[str, str]) -> pl.DataFrame:
    height = draw(st.integers(0, 4))
    columns = []
    for name, kind in kinds.items():
        dtype, pool = POOLS[kind]
        some: Pool = draw(st.lists(st.sampled_from([*pool, None]), min_size=1, max_size=3))
        values = draw(st.lists(st.sampled_from(some), min_size=height, max_size=height))
        columns.append(pl.Series(name, values, dtype=dtype))
    return pl.DataFrame(columns)


def _is_open(rest: Contract | None, contract: Contract, kind: str, name: str, number: int) -> bool:
    column = rest.schema.columns.get(name) if rest else None
    if column is None:
        return False
    if kind == "check":
        return contract.schema.columns[name].checks[number] in column.checks
    if kind == "not_null":
        return not column.nullable
    return kind == "type" or bool(column.unique)


QUICK = settings(
    max_examples=60,
    phases=[Phase.generate],
    deadline=None,
    database=None,
    derandomize=False,
    suppress_health_check=list(HealthCheck),
)


def _compare(schema: pa.DataFrameSchema, files: list[pl.DataFrame]) -> None:
    contract, (content, store) = Contract.of(schema), published(*files)
    types = contract_schema(contract)
    verdict = audit_staged(content.plan(), contract, profile="rows")

    rest = unproven(content, types, contract, store)

    for finding in verdict.findings:
        rule = finding.rule
        if not finding.passed and rule.column:
            assert _is_open(rest, contract, rule.kind, rule.column, rule.number), rule
    accepted = rest is None or audit_staged(content.plan(), rest, profile="rows").accepted
    assert accepted == verdict.accepted


@seed(20260801)
@QUICK
@given(ports())
def test_footers_never_prove_what_pandera_refuses_on_cases_that_never_change(
    case: tuple[pa.DataFrameSchema, list[pl.DataFrame]],
) -> None:
    _compare(*case)


@QUICK
@given(ports())
def test_footers_never_prove_what_pandera_refuses_on_new_cases(
    case: tuple[pa.DataFrameSchema, list[pl.DataFrame]],
) -> None:
    _compare(*case)
