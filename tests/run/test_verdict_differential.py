"""Compare our verdict with pandera's, over random schemas and random frames."""

import os

import pandera.polars as pa
import polars as pl
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.run.differential import compare, compare_row_keys
from tests.run.schemas_and_frames import cases

CASES = int(os.environ.get("MESH_FUZZ_CASES", "1000"))
# A failing case is printed as it was drawn: to shrink one takes minutes.
QUICK = settings(
    max_examples=CASES,
    phases=[Phase.generate],
    deadline=None,
    database=None,
    derandomize=False,  # or no case would ever be new
    suppress_health_check=list(HealthCheck),
)


@seed(20260801)
@QUICK
@given(cases())
def test_the_verdict_is_panderas_on_cases_that_never_change(
    case: tuple[pa.DataFrameSchema, pl.DataFrame],
) -> None:
    compare(*case)


@QUICK
@given(cases())
def test_the_verdict_is_panderas_on_new_cases(
    case: tuple[pa.DataFrameSchema, pl.DataFrame],
) -> None:
    compare(*case)


@settings(QUICK, max_examples=CASES // 4)
@given(cases())
def test_row_keys_are_of_rows_that_pandera_found_too(
    case: tuple[pa.DataFrameSchema, pl.DataFrame],
) -> None:
    compare_row_keys(*case)
