"""Run pandera on polars the way this package needs it: whole, quiet, with its own backends.

In:  a frame and a schema.
Out: what pandera returns or raises, at full depth, whatever the environment asks for.

Why: pandera's report of failures makes a Python dict of every failing row and puts data values in
texts; with some types it fails on its own report. The backends here leave the report out; the
errors themselves are all there.
"""

# ruff: noqa: ANN401, SLF001 - pandera leaves its signatures open, polars its inner plan private

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pandera.polars as pa
import polars as pl
from pandera.api.checks import Check
from pandera.backends.polars.checks import PolarsCheckBackend
from pandera.backends.polars.components import ColumnBackend
from pandera.backends.polars.container import DataFrameSchemaBackend
from pandera.config import ValidationDepth, config_context
from pandera.errors import FailureCaseMetadata, SchemaError

ANYTHING = (Exception, pl.exceptions.PanicException)
"""What pandera and polars may raise; a panic of polars is no `Exception`."""


class QuietFrameBackend(DataFrameSchemaBackend):
    """pandera's judge of frames, without its report."""

    def failure_cases_metadata(
        self, schema_name: str, schema_errors: list[SchemaError]
    ) -> FailureCaseMetadata:
        """Leave the report out."""
        return _no_report(schema_name, schema_errors)


class QuietColumnBackend(ColumnBackend):
    """pandera's judge of columns, without its report."""

    def failure_cases_metadata(
        self, schema_name: str, schema_errors: list[SchemaError]
    ) -> FailureCaseMetadata:
        """Leave the report out."""
        return _no_report(schema_name, schema_errors)


def _no_report(_name: str, _errors: list[SchemaError]) -> FailureCaseMetadata:
    return FailureCaseMetadata(failure_cases=None, message={}, error_counts={})


class _Whole(pl.LazyFrame):
    """A frame for which the quiet backends are registered."""

    @classmethod
    def of(cls, frame: pl.DataFrame) -> "_Whole":
        return cls._from_pyldf(frame.lazy()._ldf)

    @classmethod
    def _from_pyldf(cls, ldf: Any) -> "_Whole":
        plan = cls.__new__(cls)
        plan._ldf = ldf
        return plan


class _WholeFrameBackend(QuietFrameBackend):
    """pandera's judge of collected frames."""

    def subsample(self, check_obj: Any, *_: object) -> Any:
        # As for a DataFrame, what was parsed is collected once, and then checked.
        return _Whole.of(check_obj.collect())


@contextmanager
def full_depth() -> Iterator[None]:
    """Let pandera check shapes and data, without warnings, which would print data."""
    depth = ValidationDepth.SCHEMA_AND_DATA
    with (
        config_context(validation_enabled=True, validation_depth=depth),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        yield


def validated(frame: pl.DataFrame, schema: pa.DataFrameSchema) -> pl.DataFrame:
    """Let pandera validate a frame.

    Returns:
        The parsed frame.

    Raises:
        SchemaErrors: With every fault.
        Exception: Whatever else pandera raises.
    """
    with full_depth():
        return schema.validate(_Whole.of(frame), lazy=True).collect()


def without_invalid_rows(frame: pl.DataFrame, schema: pa.DataFrameSchema) -> pl.DataFrame:
    """Let pandera drop the rows that a schema with `drop_invalid_rows` drops."""
    with full_depth():
        return schema.validate(frame, lazy=True)


pa.DataFrameSchema.register_backend(_Whole, _WholeFrameBackend)
pa.Column.register_backend(_Whole, QuietColumnBackend)
Check.register_backend(_Whole, PolarsCheckBackend)
