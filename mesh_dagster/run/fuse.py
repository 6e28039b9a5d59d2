"""Let pandera plan an audit without running it.

In:  a plan and a labelled schema.
Out: a `Draft`: the parsed plan, an expression for every rule, the keys, the faults of the shape.
pandera's own `validate` does the planning: it meets a `LazyFrame` of a type that it does not know,
whose backends (registered below) write down what they would have run. So one query can hold what
pandera would scan a lazy frame for once per check, and nothing of pandera is written again here.
"""

# ruff: noqa: ANN401, SLF001 - pandera leaves its signatures open, polars its inner plan private

from contextvars import ContextVar
from typing import Any

import pandera.polars as pa
import polars as pl
from pandera.api.base.checks import CheckResult
from pandera.api.checks import Check
from pandera.api.polars.types import PolarsData
from pandera.backends.base import CoreCheckResult
from pandera.backends.polars.base import is_float_dtype
from pandera.backends.polars.checks import PolarsCheckBackend
from pandera.config import ValidationDepth, config_context
from pandera.engines.polars_engine import DataType
from pandera.errors import SchemaErrors

from mesh_dagster.declare.contract import composite_keys
from mesh_dagster.run.casts import resists
from mesh_dagster.run.draft import Draft, Fused, Mask, judges_by_row
from mesh_dagster.run.explain import Demand, Fault, shape_faults, type_text
from mesh_dagster.run.keys import Key
from mesh_dagster.run.native import (
    ANYTHING,
    QuietColumnBackend,
    QuietFrameBackend,
    full_depth,
)
from mesh_dagster.run.schemas import cast_targets, label_of


class NotFusableError(Exception):
    """A rule that only pandera itself can judge."""


_DRAFT: ContextVar[Draft] = ContextVar("draft")
_DEMAND: ContextVar[tuple[Demand, str | None]] = ContextVar("demand")


def draft_of(
    plan: pl.LazyFrame,
    schema: pa.DataFrameSchema,
    *,
    uncastable: dict[str, int | None] | None = None,
) -> Draft:
    """Plan the audit of a batch.

    Args:
        plan: The batch.
        schema: A labelled schema.
        uncastable: As in `Draft`.

    Raises:
        NotFusableError: Only pandera itself can judge this schema.
    """
    dtypes = [schema.dtype, *(column.dtype for column in schema.columns.values())]
    if any(hasattr(t, "try_coerce") and type(t).try_coerce != DataType.try_coerce for t in dtypes):
        raise NotFusableError("a type that validates itself")
    draft = Draft(uncastable or {})
    token = _DRAFT.set(draft)
    try:
        with full_depth():
            schema.validate(Fused.of(plan, rooted=False), lazy=True)
    except SchemaErrors as errors:
        draft.faults += shape_faults(errors.schema_errors, schema)
    except ANYTHING as error:  # the batch is then not accepted
        draft.error = error
    finally:
        _DRAFT.reset(token)
    if draft.unfusable:
        raise NotFusableError(draft.unfusable)
    return draft


class _CheckBackend(PolarsCheckBackend):
    """Write a check down instead of running it."""

    def __call__(self, check_obj: pl.LazyFrame, key: str | None = None) -> CheckResult:
        demand, column = _DEMAND.get()
        draft = _DRAFT.get()
        out = self._answer(check_obj, key or "*")
        if isinstance(out, pl.LazyFrame):
            draft.masks.append(self._mask(out, demand, column))
        elif not isinstance(out, bool):
            raise TypeError("a check returns a LazyFrame or a bool")
        elif not out:
            draft.faults.append(Fault(demand))
        return CheckResult(None, None, check_obj, None)

    def _answer(self, plan: pl.LazyFrame, key: str) -> Any:
        if self.check.element_wise:
            return plan.select(pl.col(key).map_elements(self.check_fn, return_dtype=pl.Boolean))
        if getattr(self.check._check_fn, "__name__", "") == "unique_values_eq":
            # It collects all that it is given, to look at the distinct values only.
            plan = plan.select(pl.col(key)).unique()
        return self.check_fn(PolarsData(plan, key))

    def _mask(self, out: pl.LazyFrame, demand: Demand, column: str | None) -> Mask:
        schema = out.collect_schema()
        if not len(schema):
            raise TypeError("a check returns a LazyFrame with columns")
        if any(dtype != pl.Boolean for dtype in schema.dtypes()):
            _DRAFT.get().unfusable = "a check that returns no Booleans"
        chosen: list[pl.Expr] = getattr(out, "_selected", None) or []
        single = self.check.element_wise and column is not None
        only = getattr(out, "_only", None)
        direct = len(chosen) == len(schema)
        if direct and (single or all(judges_by_row(e, only) for e in chosen)):
            holds = chosen[0] if len(chosen) == 1 else pl.all_horizontal(chosen)
            return Mask(demand, holds, None, self.check.ignore_na)
        plan = _folded(out, len(schema))
        return Mask(demand, None, plan, self.check.ignore_na, in_order=direct)


def _folded(out: pl.LazyFrame, width: int) -> pl.LazyFrame:
    if width == 1:
        return out.select(pl.all().alias("holds"))
    fold = pl.fold(acc=pl.lit(value=True), function=lambda acc, x: acc & x, exprs=pl.col("*"))
    return out.select(fold.alias("holds"))


def _run_check(
    check_obj: pl.LazyFrame, schema: Any, check: Check, number: int, key: str | None
) -> CoreCheckResult:
    label = label_of(schema)
    demand: Demand = ("check", label, number) if label else ("frame_check", None, number)
    token = _DEMAND.set((demand, key))
    try:
        check(check_obj, key)
    finally:
        _DEMAND.reset(token)
    return CoreCheckResult(passed=True, check=check)


class _ColumnBackend(QuietColumnBackend):
    """Write the rules of one column down."""

    def run_checks_and_handle_errors(
        self, error_handler: Any, schema: Any, check_obj: Any, **_: object
    ) -> Any:
        # pandera gives a regex column a frame of its own, with this column only.
        if not check_obj._rooted:
            check_obj = Fused.of(check_obj, rooted=True, only=schema.name)
        return super().run_checks_and_handle_errors(error_handler, schema, check_obj)

    def run_check(
        self, check_obj: Any, schema: Any, check: Check, check_index: int, *args: Any
    ) -> CoreCheckResult:
        return _run_check(check_obj, schema, check, check_index, args[0])

    def check_nullable(self, check_obj: Any, schema: Any) -> list[CoreCheckResult]:
        if not schema.nullable:
            holds = pl.col(schema.selector).is_not_null()
            if is_float_dtype(check_obj, schema.selector):
                holds = holds & pl.col(schema.selector).is_not_nan()
            _DRAFT.get().masks.append(Mask(("not_null", label_of(schema), 0), holds))
        return []

    def check_unique(self, _check_obj: Any, schema: Any) -> list[CoreCheckResult]:
        if schema.unique:
            key = Key([schema.selector], alone=True)
            _DRAFT.get().keys.append((("unique", label_of(schema), 0), key))
        return []

    def set_default(self, check_obj: Any, schema: Any = None) -> Any:
        if not check_obj._rooted:
            if schema.regex and len(set(_types(check_obj, schema.selector))) > 1:
                # pandera looks at the type of the first only, and sets it once more later.
                _DRAFT.get().unfusable = "a default of a pattern that meets several types"
            return super().set_default(check_obj, schema)
        # pandera has set it for the frame, and here it changes nothing. Only of a pattern that
        # also meets a named column, it is set here, for the rules of each of its columns alone.
        if schema.default is not None and label_of(schema) != schema.selector:
            _DRAFT.get().unfusable = "a default of a pattern that meets a named column"
        return check_obj


def _types(plan: pl.LazyFrame, selector: str) -> list[pl.DataType]:
    return plan.select(pl.col(selector)).collect_schema().dtypes()


class _FrameBackend(QuietFrameBackend):
    """Write the rules of the whole frame down."""

    def subsample(self, check_obj: Any, *_: object) -> Any:
        # This is where pandera has parsed and begins to check.
        _DRAFT.get().root = pl.LazyFrame._from_pyldf(check_obj._ldf)
        return Fused.of(check_obj, rooted=True)

    def coerce_dtype(self, check_obj: Any, schema: Any = None) -> Any:
        targets = cast_targets(check_obj, schema)
        draft = _DRAFT.get()
        if not targets:
            return check_obj
        types = check_obj.collect_schema()
        if any(
            "Struct" in str(types[n]) and types[n] != t.type
            for n, (_, t) in targets.items()
            if n in types
        ):
            # polars announces the new type, and casts the fields of the struct.
            draft.unfusable = "a cast from a struct"
        if draft.uncastable:
            for name, rows in draft.uncastable.items():
                label, dtype = targets[name]
                demand: Demand = ("type", label, 0)
                note = f"cannot be cast from {type_text(types[name])}"
                draft.faults.append(Fault(demand, rows, note))
                draft.resists.setdefault(demand, resists(name, dtype.type))
            return check_obj
        draft.uncast = pl.LazyFrame._from_pyldf(check_obj._ldf)
        draft.casts = list(targets)
        with config_context(validation_depth=ValidationDepth.SCHEMA_ONLY):
            return super().coerce_dtype(check_obj, schema)

    def run_check(
        self, check_obj: Any, schema: Any, check: Check, check_index: int, *_: Any
    ) -> CoreCheckResult:
        return _run_check(check_obj, schema, check, check_index, None)

    def check_column_values_are_unique(self, check_obj: Any, schema: Any) -> CoreCheckResult:
        present = check_obj.collect_schema().names()
        for number, names in enumerate(composite_keys(schema)):
            subset = [name for name in names if name in present]
            demand: Demand = ("keys", None, number)
            if subset:
                _DRAFT.get().keys.append((demand, Key(subset, alone=False)))
            else:
                # pandera stumbles over a key without columns, unless there is one row at most.
                few = check_obj.select((pl.len() <= 1).alias("holds"))
                _DRAFT.get().masks.append(Mask(demand, None, few))
        return CoreCheckResult(passed=True, check="multiple_fields_uniqueness")


pa.DataFrameSchema.register_backend(Fused, _FrameBackend)
pa.Column.register_backend(Fused, _ColumnBackend)
Check.register_backend(Fused, _CheckBackend)
