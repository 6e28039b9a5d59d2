"""Pin what pandera and polars do without a word in their documentation, and what breaks if not.

A test that fails here says that an upgrade changed something that this package relies on.
"""

from pathlib import Path

import dagster as dg
import duckdb
import pandera.polars as pa
import polars as pl
import pytest
from pandera.api.checks import Check
from pandera.api.polars.types import PolarsData
from pandera.errors import SchemaErrors

import mesh_dagster.run.fuse  # noqa: F401 - registers the backends
from mesh_dagster.run.draft import Fused, judges_by_row
from mesh_dagster.run.keys import Key, key_of


def test_pandera_skips_the_rules_on_data_of_a_lazy_frame() -> None:
    """Why the audit fixes the depth itself."""
    schema = pa.DataFrameSchema({"a": pa.Column(pl.Int64, pa.Check.ge(0))})

    assert schema.validate(pl.LazyFrame({"a": [-1]})).collect()["a"].to_list() == [-1]


def test_pandera_accepts_a_missing_column_if_it_may_drop_rows() -> None:
    """Why the audit refuses what pandera lets pass here."""
    schema = pa.DataFrameSchema({"a": pa.Column(pl.Int64)}, drop_invalid_rows=True)

    assert schema.validate(pl.DataFrame({"b": [1]}), lazy=True).columns == ["b"]


def test_pandera_stumbles_over_a_cast_to_no_type() -> None:
    """Why whatever pandera raises refuses a batch."""
    schema = pa.DataFrameSchema({"a": pa.Column(coerce=True)})

    with pytest.raises(AttributeError):
        schema.validate(pl.DataFrame({"a": [1]}))


def test_pandera_stumbles_over_a_missing_column_that_is_to_be_cast() -> None:
    """Why the audit judges the other columns by itself."""
    schema = pa.DataFrameSchema({"a": pa.Column(pl.Int64)}, coerce=True)

    with pytest.raises(pl.exceptions.ColumnNotFoundError):
        schema.validate(pl.DataFrame({"b": [1]}), lazy=True)


def test_pandera_stumbles_over_a_key_without_columns() -> None:
    schema = pa.DataFrameSchema({"a": pa.Column(pl.Int64)}, unique=["b"])

    with pytest.raises(pl.exceptions.ShapeError):
        schema.validate(pl.DataFrame({"a": [1, 2]}), lazy=True)


def test_pandera_reports_rejected_keys_whatever_it_is_told() -> None:
    """Why `split` rejects every row of a repeated key."""
    with pytest.warns(UserWarning, match="no effect on validation"):
        schema = pa.DataFrameSchema(
            {"a": pa.Column(pl.Int64)}, unique=["a"], report_duplicates="exclude_first"
        )

    with pytest.raises(SchemaErrors) as caught:
        schema.validate(pl.DataFrame({"a": [1, 1]}), lazy=True)
    assert caught.value.schema_errors[0].check_output["check_output"].to_list() == [False, False]


def test_pandera_finds_backends_by_the_type_of_the_frame() -> None:
    """Why a `LazyFrame` of our own type makes pandera plan instead of run."""
    assert Check.get_backend(Fused.of(pl.LazyFrame(), rooted=True)).__module__.startswith("mesh_")
    assert Check.get_backend(pl.LazyFrame()).__module__.startswith("pandera.")


def test_polars_keeps_the_type_of_a_plan_in_what_it_derives() -> None:
    plan = Fused.of(pl.LazyFrame({"a": [1]}), rooted=True)

    assert isinstance(plan.filter(pl.col("a") > 0).with_columns(b=1).select("b"), Fused)
    assert getattr(plan.select(pl.col("a") > 0), "_selected", None) is not None


@pytest.mark.parametrize(
    ("expr", "by_row"),
    [
        (pl.col("a") > 0, True),
        (pl.col("a").is_in([1, 2]).not_(), True),
        (pl.when(pl.col("a") > 0).then(pl.col("b") > 0).otherwise(None), True),
        (pl.col("a").mean() > 3, False),
        (pl.col("a").shift() > 3, False),
        (pl.col("a").is_duplicated() | (pl.col("a") > 0), False),
        (pl.col("a").max().over("b") > 0, False),
        (pl.col("a").filter(pl.col("b") > 0) > 0, False),
        (pl.col("a") < pl.len(), False),
        (pl.lit(value=True), False),
        (pl.all() > 0, False),
    ],
)
def test_polars_says_which_expressions_judge_rows_by_themselves(
    expr: pl.Expr,
    by_row: bool,  # noqa: FBT001 - a parameter
) -> None:
    """The answer of polars is about the outermost operation only, so the whole tree is walked."""
    assert judges_by_row(expr, None) == by_row


def test_a_shifted_comparison_beside_a_null_is_null() -> None:
    """Why a null holds for `ignore_na`, and nothing is concluded from an ordered column."""
    frame = pl.DataFrame({"a": [1, None, 0]})

    assert frame.select(pl.col("a") > pl.col("a").shift())["a"].to_list() == [None, None, None]


def test_polars_hashes_what_it_takes_for_duplicates_alike() -> None:
    """Why keys without equal hashes prove that no two keys are equal."""
    nan = float("nan")
    for values, dtype in (
        ([0.0, -0.0], pl.Float64),
        ([nan, -nan], pl.Float32),
        ([None, None], pl.String),
        ([[0.0], [-0.0]], pl.List(pl.Float64)),
        ([{"p": -0.0}, {"p": 0.0}], pl.Struct({"p": pl.Float64})),
        (["a", "a"], pl.Categorical),
        ([2**100, 2**100], pl.Int128),
    ):
        frame = pl.DataFrame({"a": pl.Series(values, dtype=dtype)})
        key = key_of(Key(["a"], alone=True), frame.schema)

        assert frame["a"].is_duplicated().all()
        assert frame.select(key)["a" if "a" in frame.select(key).columns else "0"].n_unique() == 1


def test_polars_takes_a_null_struct_for_a_struct_of_nulls_in_one_column_only() -> None:
    """Why a key of one column compares the fields of a struct."""
    frame = pl.DataFrame({"a": [{"p": 1}, None]}).with_columns(
        a=pl.when(pl.int_range(2) == 0).then(pl.struct(p=pl.lit(None, pl.Int64))).otherwise("a")
    )

    assert frame.select(pl.col("a").is_duplicated())["a"].to_list() == [True, True]
    assert frame.is_duplicated().to_list() == [False, False]


def test_polars_announces_a_type_that_a_cast_of_a_struct_does_not_give() -> None:
    """Why such casts are left to pandera, which looks at the collected batch."""
    plan = pl.LazyFrame({"a": [{"p": 1}]}).cast({"a": pl.Int64})

    assert plan.collect_schema()["a"] == pl.Int64
    assert plan.collect().schema["a"] != pl.Int64


def test_a_check_named_as_a_built_in_is_replaced_by_it() -> None:
    """Why checks are called through pandera, which looks them up by name."""

    def in_range(data: PolarsData, min_value: int, max_value: int) -> pl.LazyFrame:
        return data.lazyframe.select(pl.lit(value=False))

    schema = pa.DataFrameSchema(
        {"a": pa.Column(pl.Int64, pa.Check(in_range, min_value=0, max_value=9))}
    )

    assert schema.validate(pl.DataFrame({"a": [5]})).height == 1


def test_definitions_carry_an_object_in_their_metadata_within_the_process() -> None:
    """Why commands can look at the products that a code location was made from."""
    from dagster._core.definitions.metadata.metadata_value import ObjectMetadataValue  # noqa: PLC0415

    carried = object()

    kept = dg.Definitions(metadata={"a": ObjectMetadataValue(carried)}).metadata["a"]

    assert isinstance(kept, ObjectMetadataValue)
    assert kept.instance is carried


def test_polars_shows_its_optimized_plan_to_other_engines(tmp_path: Path) -> None:
    """What lineage follows: nodes, their inputs and expressions, by names that no page lists."""
    pl.DataFrame({"a": [1], "b": [2], "c": [3]}).write_parquet(tmp_path / "0.parquet")
    plan = pl.scan_parquet(tmp_path / "0.parquet").filter(pl.col("b") > 1).select(x=pl.col("a") + 1)

    traverser = plan._ldf.visit()  # noqa: SLF001 - this very name is pinned
    top, names = traverser.view_current_node(), traverser.get_schema()
    sum_ = traverser.view_expression(top.expr[0].node)
    [below] = traverser.get_inputs()
    traverser.set_node(below)

    nodes = [type(top).__name__, type(sum_).__name__]
    while traverser.get_inputs():
        traverser.set_node(traverser.get_inputs()[0])
    scan = traverser.view_current_node()
    assert (nodes, list(names), top.expr[0].output_name) == (["Select", "BinaryExpr"], ["x"], "x")
    assert type(traverser.view_expression(sum_.left)).__name__ == "Column"
    assert (type(scan).__name__, set(traverser.get_schema())) == ("Scan", {"a", "b"})
    assert [str(path) for path in scan.paths] == [str(tmp_path / "0.parquet")]


def test_duckdb_tells_the_sql_of_a_relation_over_a_view() -> None:
    """What lineage follows where a build is written in SQL."""
    with duckdb.connect() as connection:
        connection.sql("SELECT 1 AS a").create_view("plays")
        made = connection.view("plays").query("plays", "SELECT a + 1 AS b FROM plays")
        assert made is not None  # a query that selects always gives a relation

        text = made.sql_query()

    assert 'FROM "plays"' in text
    assert text.endswith("SELECT a + 1 AS b FROM plays")
