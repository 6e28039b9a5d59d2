"""What the audit says of single batches."""

from datetime import datetime, timezone
from pathlib import Path

import duckdb
import pandera.polars as pa
import polars as pl
import pytest
from pandera.api.parsers import Parser
from pandera.api.polars.types import PolarsData
from pandera.config import CONFIG, ValidationDepth, reset_config_context

import mesh_dagster.run.audit
from mesh_dagster.declare.contract import Contract
from mesh_dagster.errors import FrameRefusedError
from mesh_dagster.run.audit import audit, audit_staged
from mesh_dagster.run.verdict import ColumnProfile, Verdict

PLAY = pa.DataFrameSchema(
    {
        "play_id": pa.Column(pl.Int64, pa.Check.ge(0), unique=True),
        "song": pa.Column(pl.String, pa.Check.str_matches("[A-Z]"), nullable=True),
        "seconds": pa.Column(pl.Float64, pa.Check.le(3600, raise_warning=True)),
    }
)
GOOD = pl.DataFrame(
    {"play_id": [1, 2, 3], "song": ["Levon", None, "Jet"], "seconds": [60.0, 61.0, 59.0]}
)


def broken(verdict: Verdict) -> dict[str, int | None]:
    """The rules that refuse, with their failing rows."""
    return {finding.rule.text: finding.failing_rows for finding in verdict.broken}


def test_a_batch_that_keeps_its_contract_is_accepted_in_one_query() -> None:
    verdict = audit(GOOD, PLAY)

    assert verdict.accepted
    assert verdict.fused
    assert [finding.rule.text for finding in verdict.findings] == [
        "play_id is Int64",
        "song is String",
        "seconds is Float64",
        "play_id not null",
        "play_id >= 0",
        "song str_matches('[A-Z]')",
        "seconds not null",
        "seconds <= 3600",
        "play_id unique",
    ]
    assert all(f.passed and f.failing_rows == 0 and not f.note for f in verdict.findings)


def test_each_broken_rule_counts_its_rows() -> None:
    batch = pl.DataFrame(
        {
            "play_id": [1, 1, -1, None],
            "song": ["Levon", "jet", None, "jet"],
            "seconds": [float("nan"), 1.0, None, 1.0],
        }
    )

    verdict = audit(batch, PLAY)

    assert not verdict.accepted
    assert broken(verdict) == {
        "play_id not null": 1,
        "play_id >= 0": 1,
        "song str_matches('[A-Z]')": 2,
        "seconds not null": 2,
        "play_id unique": 2,
    }


def test_a_rule_that_only_warns_leaves_the_batch_accepted() -> None:
    verdict = audit(GOOD.with_columns(seconds=pl.lit(4000.0)), PLAY)

    finding = next(f for f in verdict.findings if not f.passed)
    assert verdict.accepted
    assert (finding.rule.text, finding.rule.level, finding.failing_rows) == (
        "seconds <= 3600",
        "warn",
        3,
    )


def test_a_warning_rule_that_cannot_be_run_refuses() -> None:
    def raises(data: PolarsData) -> bool:
        raise ValueError(data.key)

    schema = pa.DataFrameSchema({"a": pa.Column(pl.Int64, pa.Check(raises, raise_warning=True))})

    verdict = audit(pl.DataFrame({"a": [1]}), schema)

    assert not verdict.accepted
    assert [(f.rule.level, f.note) for f in verdict.broken] == [
        ("error", "could not be run: ValueError")
    ]


def test_faults_of_the_shape_name_types_and_never_values() -> None:
    batch = pl.DataFrame({"song": [1, 2], "secret": ["x", "y"], "play_id": [1.5, 2.5]})
    schema = pa.DataFrameSchema(PLAY.columns, strict=True)

    verdict = audit(batch, schema)

    assert {f.rule.text: f.note for f in verdict.broken} == {
        "no other column": "has more columns",
        "play_id is Int64": "is Float64",
        "song is String": "is Int64",
        "song str_matches('[A-Z]')": "could not be run: InvalidOperationError",
        "seconds is Float64": "is missing",
    }
    assert verdict.undeclared == ("secret",)


def test_the_categories_of_an_enum_are_not_shown() -> None:
    batch = pl.DataFrame({"a": pl.Series(["x"], dtype=pl.Enum(["x", "secret"]))})

    verdict = audit(batch, pa.DataFrameSchema({"a": pa.Column(pl.Int64)}))

    assert [f.note for f in verdict.broken] == ["is Enum"]


def test_values_that_resist_a_cast_are_counted() -> None:
    schema = pa.DataFrameSchema({"a": pa.Column(pl.Int64, coerce=True, nullable=True)})
    batch = pl.DataFrame({"a": ["1", "x", None, "y"]})

    verdict = audit(batch, schema)

    assert broken(verdict) == {"a is Int64": 2}
    assert [f.note for f in verdict.broken] == ["cannot be cast from String"]


def test_a_cast_that_no_rule_looks_at_is_made_all_the_same() -> None:
    """Once, polars proved `null_count() >= 0` without casting, and a bad batch was accepted."""
    schema = pa.DataFrameSchema({"a": pa.Column(pl.List(pl.Int64), coerce=True, nullable=True)})

    verdict = audit(pl.DataFrame({"a": [["1"], ["x"]]}), schema)

    assert not verdict.accepted


def test_a_missing_column_is_named_where_pandera_stumbles_over_it() -> None:
    schema = pa.DataFrameSchema(
        {"a": pa.Column(pl.Int64), "b": pa.Column(pl.Int64, pa.Check.ge(5))}, coerce=True
    )

    verdict = audit(pl.DataFrame({"b": ["1", "7"]}), schema)

    assert {f.rule.text: (f.failing_rows, f.note) for f in verdict.broken} == {
        "a is Int64": (None, "is missing"),
        "b >= 5": (1, ""),
    }


@pytest.mark.parametrize("depth", ["SCHEMA_ONLY", "DATA_ONLY"])
def test_the_environment_cannot_silence_a_contract(
    depth: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CONFIG, "validation_depth", ValidationDepth[depth])
    monkeypatch.setattr(CONFIG, "validation_enabled", False)
    reset_config_context()
    try:
        verdict = audit(pl.DataFrame({"play_id": [-1], "song": ["A"]}), PLAY)
    finally:
        monkeypatch.undo()
        reset_config_context()

    assert broken(verdict) == {"play_id >= 0": 1, "seconds is Float64": None}


def test_a_window_is_judged_over_the_whole_batch() -> None:
    """To polars, all rows of `mean() > 3` and `shift() > 3` are judged by themselves."""

    def rising(data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col(data.key) >= pl.col(data.key).shift())

    schema = pa.DataFrameSchema({"a": pa.Column(pl.Int64, pa.Check(rising))})
    batch = pl.DataFrame({"a": range(300_000)}).with_columns(
        a=pl.when(pl.col("a") == 250_000).then(0).otherwise("a")
    )

    verdict = audit(batch, schema)

    assert broken(verdict) == {"a rising": 1}


def test_a_rule_over_the_whole_batch_counts_no_rows() -> None:
    schema = pa.DataFrameSchema(
        {"a": pa.Column(pl.Int64)},
        checks=pa.Check(lambda data: data.lazyframe.select(pl.col("a").mean() > 9), name="high"),
    )

    verdict = audit(pl.DataFrame({"a": [1, 2]}), schema)

    assert broken(verdict) == {"high": None}


def test_a_check_named_as_a_built_in_is_replaced_as_pandera_does() -> None:
    def in_range(data: PolarsData, min_value: int, max_value: int) -> pl.LazyFrame:
        return data.lazyframe.select(pl.lit(value=False))

    schema = pa.DataFrameSchema(
        {"a": pa.Column(pl.Int64, pa.Check(in_range, min_value=0, max_value=9))}
    )

    verdict = audit(pl.DataFrame({"a": [1, 2]}), schema)

    assert verdict.accepted


def test_two_nulls_two_nans_and_both_zeros_are_repeated_keys() -> None:
    schema = pa.DataFrameSchema({"a": pa.Column(pl.Float64, unique=True, nullable=True)})
    nan = float("nan")

    verdict = audit(pl.DataFrame({"a": [None, None, nan, nan, 0.0, -0.0, 1.0]}), schema)

    assert broken(verdict) == {"a unique": 6}


def test_a_null_key_is_not_taken_for_the_smallest_number() -> None:
    schema = pa.DataFrameSchema({"a": pa.Column(pl.Int64, unique=True, nullable=True)})

    verdict = audit(pl.DataFrame({"a": [None, -(2**63), 2**63 - 1]}), schema)

    assert verdict.accepted


def test_repeated_nulls_do_not_catch_the_smallest_number() -> None:
    schema = pa.DataFrameSchema(
        {"^x.$": pa.Column(pl.Int64, unique=True, nullable=True, regex=True)}
    )
    batch = pl.DataFrame({"x1": [1, None, None], "x2": [-(2**63), None, None]})

    assert broken(audit(batch, schema)) == {"^x.$ unique": 2}


def test_a_struct_of_nulls_repeats_a_null_where_polars_says_so() -> None:
    schema = pa.DataFrameSchema(
        {"a": pa.Column(pl.Struct({"p": pl.Int64}), unique=True, nullable=True)}
    )

    verdict = audit(
        pl.DataFrame(
            {"a": [{"p": None}, None]}, schema_overrides={"a": pl.Struct({"p": pl.Int64})}
        ),
        schema,
    )

    assert broken(verdict) == {"a unique": 2}


def test_keys_are_unique_over_the_other_partitions_too() -> None:
    schema = pa.DataFrameSchema(
        {"a": pa.Column(pl.Int64, unique=True), "b": pa.Column(pl.String)}, unique=["a", "b"]
    )
    others = pl.LazyFrame({"a": [2, 3, 9, 9], "b": ["x", "y", "z", "z"], "c": [0, 0, 0, 0]})

    verdict = audit(pl.DataFrame({"a": [1, 2, 3], "b": ["x", "x", "x"]}), schema, others=others)

    assert broken(verdict) == {"a unique": 2, "(a, b) unique": 1}


def test_keys_repeated_among_the_others_alone_break_nothing() -> None:
    schema = pa.DataFrameSchema({"a": pa.Column(pl.String, unique=True)})

    verdict = audit(
        pl.DataFrame({"a": ["x"]}), schema, others=pl.LazyFrame({"a": ["y", "y", None]})
    )

    assert verdict.accepted


def test_what_was_staged_is_not_parsed_again() -> None:
    contract = Contract.of(
        pa.DataFrameSchema(
            {"a": pa.Column(pl.Int64, coerce=True), "b": pa.Column(pl.String, default="x")}
        )
    )

    verdict = audit_staged(pl.LazyFrame({"a": ["1"], "b": [None]}), contract)

    assert {f.rule.text: f.note for f in verdict.broken} == {
        "a is Int64": "is String",
        "b is String": "is Null",
        "b not null": "",
    }


def test_an_optional_column_that_was_absent_need_not_hold_values() -> None:
    contract = Contract.of(
        pa.DataFrameSchema({"a": pa.Column(pl.Int64), "b": pa.Column(pl.Int64, required=False)})
    )
    staged = pl.LazyFrame({"a": [1], "b": [None]}, schema_overrides={"b": pl.Int64})

    assert not audit_staged(staged, contract).accepted
    assert audit_staged(staged, contract, absent=["b"]).accepted


def test_a_rule_over_an_optional_column_that_was_absent_cannot_be_run() -> None:
    """As pandera says of the batch that was built."""

    def sure(data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col("b").is_null())

    columns = {"a": pa.Column(pl.Int64), "b": pa.Column(pl.Int64, required=False)}
    contract = Contract.of(pa.DataFrameSchema(columns, checks=pa.Check(sure)))
    staged = pl.LazyFrame({"a": [1], "b": [None]}, schema_overrides={"b": pl.Int64})

    verdict = audit_staged(staged, contract, absent=["b"])

    assert [f.note for f in verdict.broken] == ["could not be run: ColumnNotFoundError"]


def test_rows_that_pandera_drops_break_no_rule() -> None:
    schema = pa.DataFrameSchema({"a": pa.Column(pl.Int64, pa.Check.ge(0))}, drop_invalid_rows=True)

    verdict = audit(pl.DataFrame({"a": [1, -1, 2]}), schema)

    assert verdict.accepted
    assert not verdict.fused
    assert verdict.profile.rows == 2
    assert [(f.rule.text, f.failing_rows, f.note) for f in verdict.findings if f.note] == [
        ("a >= 0", 1, "rows dropped")
    ]


def test_dropping_rows_hides_no_fault_of_the_shape() -> None:
    schema = pa.DataFrameSchema({"a": pa.Column(pl.Int64)}, drop_invalid_rows=True)

    assert not audit(pl.DataFrame({"b": [1]}), schema).accepted
    assert not audit(pl.DataFrame({"a": ["x"]}), schema).accepted


def test_a_batch_that_pandera_cannot_judge_is_not_accepted() -> None:
    parser = Parser(lambda data: data)
    schema = pa.DataFrameSchema({"a": pa.Column(pl.Int64)}, parsers=[parser])

    verdict = audit(pl.DataFrame({"a": [1]}), schema)

    assert not verdict.accepted
    assert {f.note for f in verdict.broken} == {"not judged: NotImplementedError"}


def test_a_frame_type_without_columns_holds_for_every_column() -> None:
    schema = pa.DataFrameSchema(dtype=pl.Int64)

    verdict = audit(pl.DataFrame({"a": [1, None], "b": ["x", "y"]}), schema)

    assert {f.rule.text: (f.failing_rows, f.note) for f in verdict.broken} == {
        "every column is Int64": (None, "is String"),
        "every column not null": (1, ""),
    }


def test_rows_of_a_pattern_count_once() -> None:
    schema = pa.DataFrameSchema({"^x.$": pa.Column(pl.Int64, pa.Check.ge(0), unique=True)})
    batch = pl.DataFrame({"x1": [1, -1, -1], "x2": [-1, -1, 5]})

    verdict = audit(batch, schema)

    assert broken(verdict) == {"^x.$ >= 0": 3, "^x.$ unique": 3}


def test_a_default_of_a_pattern_is_judged_as_pandera_sets_it() -> None:
    """Of a pattern that meets a named column too, pandera sets it once more while it checks."""
    columns = {
        "x2": pa.Column(pl.Float64),
        "^x.$": pa.Column(pl.Float64, pa.Check.gt(-2), nullable=True, default=-5.0, regex=True),
    }
    batch = pl.DataFrame({"x1": [1.0, float("nan")], "x2": [1.0, 2.0]})

    assert broken(audit(batch, pa.DataFrameSchema(columns))) == {"^x.$ > -2": 1}


def test_a_default_of_a_pattern_is_set_twice_where_it_meets_several_types() -> None:
    """Only the second time does pandera see that the first column is of floats by then."""
    schema = pa.DataFrameSchema(
        {"^x.$": pa.Column(pl.Float64, pa.Check.le(7), default=2.5, regex=True)}
    )
    money = pl.Series("x1", ["1.50"]).cast(pl.Decimal(10, 2))
    batch = pl.DataFrame([money, pl.Series("x2", [float("nan")])])

    assert audit(batch, schema).accepted


def test_the_profile_is_taken_in_the_same_pass() -> None:
    schema = pa.DataFrameSchema(
        {
            "n": pa.Column(pl.Float64, nullable=True),
            "t": pa.Column(pl.String),
            "at": pa.Column(pl.Datetime("us", "UTC")),
            "l": pa.Column(pl.List(pl.Int64)),
        }
    )
    at = pl.Series([datetime(2024, 1, day, tzinfo=timezone.utc) for day in (1, 2)])
    batch = pl.DataFrame({"n": [1.0, None], "t": ["b", "a" * 99], "at": at, "l": [[1], [2]]})

    profile = audit(batch, schema).profile

    assert profile.rows == 2
    assert profile.columns == (
        ColumnProfile("n", 1, 0, 1.0, 1.0, 1.0),
        ColumnProfile("t", 0, 0, "a" * 64, "b", None, 2),
        ColumnProfile("at", 0, 0, at[0], at[1], None),
        ColumnProfile("l", 0),
    )


@pytest.mark.parametrize(
    ("keys", "distinct"),
    [([1, 2, 3], 3), ([1, 1, 1, 2, 3, 3], 3), ([None, None, 1], 2), ([], 0)],
)
def test_the_distinct_values_of_a_key_are_counted_exactly(
    keys: list[int | None], distinct: int
) -> None:
    schema = pa.DataFrameSchema({"k": pa.Column(pl.Int64, unique=True, nullable=True)})
    batch = pl.DataFrame({"k": keys}, schema={"k": pl.Int64})

    [column] = audit(batch, schema).profile.columns

    assert column.approximate_distinct == distinct


def test_a_profile_says_no_more_than_was_asked() -> None:
    schema = pa.DataFrameSchema({"n": pa.Column(pl.Int64, nullable=True, coerce=True)})
    batch = pl.DataFrame({"n": ["1", None]})

    rows = audit(batch, schema, profile="rows")
    bounds = audit(batch, schema, profile="bounds")

    assert (rows.profile.rows, rows.profile.columns) == (2, ())
    assert bounds.profile.columns == (ColumnProfile("n", 1, 0, 1, 1, 1.0, None),)


def test_without_a_profile_a_cast_is_made_all_the_same() -> None:
    schema = pa.DataFrameSchema({"a": pa.Column(pl.Int64, coerce=True, nullable=True)})

    assert not audit(pl.DataFrame({"a": ["x"]}), schema, profile="rows").accepted


@pytest.mark.parametrize("microseconds", [2**62, -(2**63), 2**63 - 1])
def test_a_time_that_python_cannot_hold_is_no_bound(microseconds: int) -> None:
    """At the ends of the type, polars panics; a little nearer, it raises a `ValueError`."""
    batch = pl.DataFrame({"at": [microseconds]}, schema={"at": pl.Int64}).cast(pl.Datetime("us"))

    profile = audit(batch, pa.DataFrameSchema({"at": pa.Column(pl.Datetime("us"))})).profile

    assert profile.columns == (ColumnProfile("at", 0),)


def test_an_empty_batch_has_a_profile() -> None:
    profile = audit(GOOD.clear(), PLAY).profile

    assert profile.rows == 0
    assert profile.column("play_id") == ColumnProfile("play_id", 0, approximate_distinct=0)


def test_files_are_audited_where_they_lie(tmp_path: Path) -> None:
    GOOD.write_parquet(tmp_path / "plays.parquet")

    assert audit(tmp_path / "plays.parquet", PLAY).accepted
    assert audit(str(tmp_path / "plays.parquet"), PLAY).accepted
    assert audit(GOOD.lazy(), PLAY).accepted


def test_a_batch_that_is_no_frame_is_refused() -> None:
    with pytest.raises(FrameRefusedError, match=r"^'audit' was given a list; "):
        audit([1, 2], PLAY)  # type: ignore[arg-type]


def test_any_of_the_four_frames_is_judged() -> None:
    with duckdb.connect() as connection:
        relation = connection.from_arrow(GOOD.to_arrow())
        frames = (GOOD, GOOD.lazy(), GOOD.to_arrow(), relation)

        assert [audit(frame, PLAY).accepted for frame in frames] == [True] * 4
        worse = relation.project("* REPLACE (-1 AS play_id)")
        assert not audit(worse, PLAY).accepted


def test_a_batch_that_cannot_be_read_raises(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        audit(tmp_path / "none.parquet", PLAY)


def test_a_plan_that_fails_by_itself_raises() -> None:
    plan = GOOD.lazy().with_columns(song=pl.col("song").cast(pl.Int64).cast(pl.String))

    with pytest.raises(pl.exceptions.InvalidOperationError):
        audit(plan, PLAY)


def test_the_audit_collects_nothing_for_a_contract_without_odd_rules(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("collected")

    monkeypatch.setattr(mesh_dagster.run.audit, "judged_whole", never)

    verdict = audit(GOOD.with_columns(play_id=pl.lit(-1)), PLAY)

    assert broken(verdict) == {"play_id >= 0": 3, "play_id unique": 3, "play_id is Int64": None}
