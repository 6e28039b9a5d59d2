from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import Literal

import polars as pl
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from mesh_dagster.run.plan_trail import IN_MEMORY, plan_trail

Step = Callable[[pl.LazyFrame, pl.LazyFrame], pl.LazyFrame]
Found = dict[str, list[tuple[str, str]]]

ONE = pl.DataFrame({"a": [1, 2, 3, 4, 5], "b": [5, 3, 3, 1, 2], "c": [0, 1, 0, 1, 1]})
OTHER = pl.DataFrame({"a": [1, 2, 2, 7, 5], "b": [9, 8, 7, 6, 5], "d": [2, 3, 4, 2, 1]})
A, B, C = pl.col("a"), pl.col("b"), pl.col("c")

KEEPING_ABC: dict[str, Step] = {
    "filter": lambda plan, _: plan.filter(B > 2),
    "filter by a window": lambda plan, _: plan.filter(A.max().over("c") == A),
    "compute": lambda plan, _: plan.with_columns(a=A * 2 + C),
    "decide": lambda plan, _: plan.with_columns(b=pl.when(C > 0).then(A).otherwise(B)),
    "window": lambda plan, _: plan.with_columns(c=A.sum().over("c", order_by="b")),
    "running": lambda plan, _: plan.with_columns(a=A.cum_sum(), b=B.shift(1, fill_value=0)),
    "swap": lambda plan, _: plan.select(a="b", b="a", c="c"),
    "sort and cut": lambda plan, _: plan.sort("b", "a", maintain_order=True).head(3),
    "unique": lambda plan, _: plan.unique(["c"], keep="first", maintain_order=True),
    "count": lambda plan, _: plan.with_columns(c=pl.len().over("b").cast(pl.Int64)),
    "group": lambda plan, _: plan.group_by("c", maintain_order=True).agg(
        A.sum(), B.filter(A > 2).max().fill_null(0)
    ),
    "join": lambda plan, other: (
        plan.join(other, on="a", how="left", maintain_order="left_right")
        .with_columns(b=B + pl.col("d").fill_null(0))
        .select("a", "b", "c")
    ),
    "keep matches": lambda plan, other: plan.join(
        other.filter(pl.col("d") > 2), left_on="a", right_on="b", how="anti", maintain_order="left"
    ),
    "stack": lambda plan, other: pl.concat([plan, other.select("a", "b", c="d")]),
    "turn": lambda plan, _: plan.unpivot(on=["a", "b"], index="c").select(
        a="value", b=pl.col("value") * C, c="c"
    ),
    "python": lambda plan, _: plan.with_columns(
        a=A.map_elements(lambda value: hash((value,)), return_dtype=pl.Int64)
    ),
    "opaque": lambda plan, _: plan.map_batches(lambda frame: frame.with_columns(b=B + A)),
    "collect rows": lambda plan, _: (
        plan.group_by("c", maintain_order=True).agg("a", "b").explode("a", "b")
    ),
}


def stored(folder: Path, name: str, frame: pl.DataFrame) -> pl.LazyFrame:
    (folder / name).mkdir(exist_ok=True)
    frame.write_parquet(folder / name / "0.parquet")
    return pl.scan_parquet(folder / name / "0.parquet")


def found_in(plan: pl.LazyFrame, kind: str | None = None) -> Found:
    """Return the origins of each column, each folder by its name."""
    trail = plan_trail(plan)
    assert trail is not None
    return {
        name: sorted((Path(o.place).name, o.column) for o in origins if kind in (None, o.kind))
        for name, origins in trail.items()
    }


@given(names=st.lists(st.sampled_from(sorted(KEEPING_ABC)), min_size=1, max_size=4))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_column_that_a_value_depends_on_is_missing(tmp_path: Path, names: list[str]) -> None:
    def built(one: pl.DataFrame, other: pl.DataFrame) -> pl.LazyFrame:
        plans = stored(tmp_path, "one", one), stored(tmp_path, "other", other)
        return reduce(lambda plan, name: KEEPING_ABC[name](plan, plans[1]), names, plans[0])

    try:
        before = built(ONE, OTHER).collect()
    except pl.exceptions.SchemaError:
        reject()  # polars mixes up the columns of some stacked plans
    missing = []
    origins = found_in(built(ONE, OTHER))

    for file, frame in (("one", ONE), ("other", OTHER)):
        for column in frame.columns:
            for changed in (pl.col(column).reverse(), 7 - pl.col(column), pl.lit(3, pl.Int64)):
                frames = {
                    "one": ONE,
                    "other": OTHER,
                    file: frame.with_columns(changed.alias(column)),
                }
                after = built(**frames).collect()
                missing += [
                    (name, file, column)
                    for name in before.columns
                    if not before[name].equals(after[name]) and (file, column) not in origins[name]
                ]

    assert missing == []


def joined(how: Literal["left", "right", "full"]) -> Step:
    return lambda one, other: one.select("a", "c").join(
        other.select("a", "d"), on="a", how=how, coalesce=True
    )


CASES: dict[str, tuple[Step, Found, Found]] = {
    "a filter chooses rows": (
        lambda one, _: one.filter(B > 2).select("a"),
        {"a": [("one", "a")]},
        {"a": [("one", "b")]},
    ),
    "a condition makes a value": (
        lambda one, _: one.select(x=pl.when(C > 0).then(A)),
        {"x": [("one", "a"), ("one", "c")]},
        {"x": []},
    ),
    "a window chooses rows": (
        lambda one, _: one.select(x=A.sum().over("c", order_by="b")),
        {"x": [("one", "a")]},
        {"x": [("one", "b"), ("one", "c")]},
    ),
    "a filter within a sum chooses rows": (
        lambda one, _: one.select(x=A.filter(B > 1).sum()),
        {"x": [("one", "a")]},
        {"x": [("one", "b")]},
    ),
    "a group's key is its own value": (
        lambda one, _: one.group_by("c").agg(A.sum(), n=pl.len()),
        {"c": [("one", "c")], "a": [("one", "a")], "n": []},
        {"c": [], "a": [("one", "c")], "n": [("one", "c")]},
    ),
    "a left join keeps its key": (
        joined("left"),
        {"a": [("one", "a")], "c": [("one", "c")], "d": [("other", "d")]},
        {
            "a": [("other", "a")],
            "c": [("one", "a"), ("other", "a")],
            "d": [("one", "a"), ("other", "a")],
        },
    ),
    "a right join takes the other key": (
        joined("right"),
        {"a": [("other", "a")], "c": [("one", "c")], "d": [("other", "d")]},
        {
            "a": [("one", "a")],
            "c": [("one", "a"), ("other", "a")],
            "d": [("one", "a"), ("other", "a")],
        },
    ),
    "a full join takes both keys": (
        joined("full"),
        {"a": [("one", "a"), ("other", "a")], "c": [("one", "c")], "d": [("other", "d")]},
        {"a": [], "c": [("one", "a"), ("other", "a")], "d": [("one", "a"), ("other", "a")]},
    ),
    "a column that polars cannot show is made from all that it reads": (
        lambda one, _: one.filter(C > 0).select(
            x=A.map_elements(lambda value: value, return_dtype=pl.Int64)
        ),
        {"x": [("one", "a"), ("one", "c")]},
        {"x": []},
    ),
    "exploding lists chooses rows": (
        lambda one, _: one.group_by("c").agg("a", B.sum()).explode("a").select("b", "a"),
        {"b": [("one", "b")], "a": [("one", "a")]},
        {"b": [("one", "a"), ("one", "c")], "a": [("one", "c")]},
    ),
    "stacked plans make one value": (
        lambda one, other: pl.concat([one.select("a"), other.select(a="b")]),
        {"a": [("one", "a"), ("other", "b")]},
        {"a": []},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_values_are_told_from_what_chooses_their_rows(case: str, tmp_path: Path) -> None:
    step, values, rows = CASES[case]

    plan = step(stored(tmp_path, "one", ONE), stored(tmp_path, "other", OTHER))

    assert (found_in(plan, "value"), found_in(plan, "row")) == (values, rows)


def test_many_files_of_a_folder_are_one_place(tmp_path: Path) -> None:
    files = [tmp_path / "one" / f"{number}.parquet" for number in range(3)]
    stored(tmp_path, "one", ONE)
    for file in files:
        ONE.write_parquet(file)

    assert found_in(pl.scan_parquet(files).select("a")) == {"a": [("one", "a")]}


def test_a_frame_in_memory_is_a_place_without_a_name(tmp_path: Path) -> None:
    one = stored(tmp_path, "one", ONE).select("a", "c")

    plan = one.join(OTHER.lazy().select("a", "d"), on="a", how="left").select("c", "d")

    assert found_in(plan, "value") == {"c": [("one", "c")], "d": [(IN_MEMORY, "d")]}
    assert found_in(plan, "row")["c"] == [(IN_MEMORY, "a"), ("one", "a")]


def test_a_plan_that_cannot_be_resolved_has_no_trail(tmp_path: Path) -> None:
    plan = stored(tmp_path, "one", ONE).select("unknown")

    assert plan_trail(plan) is None
