"""Let pandera plan an audit without running it.

In:  a plan and a labelled schema.
Out: a `Draft`: the parsed plan, an expression for every rule, the keys, the faults of the shape.
pandera's own `validate` does the planning: it meets a `LazyFrame` of a type that it does not know,
whose backends (registered below) write down what they would have run. So one query can hold what
pandera would scan a lazy frame for once per check, and nothing of pandera is written again here.
"""

import warnings
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import pandera.polars as pa
import polars as pl
from pandera.api.base.checks import CheckResult
from pandera.api.checks import Check
from pandera.api.polars.types import PolarsData
from pandera.backends.base import CoreCheckResult
from pandera.backends.polars.base import is_float_dtype
from pandera.backends.polars.checks import PolarsCheckBackend
from pandera.backends.polars.components import ColumnBackend
from pandera.backends.polars.container import DataFrameSchemaBackend
from pandera.config import ValidationDepth, config_context
from pandera.errors import SchemaErrors

from mesh_dagster.declare.contract import composite_keys
from mesh_dagster.run.explain import Demand, Fault, shape_faults, type_text
from mesh_dagster.run.schemas import cast_targets, label_of


class NotFusableError(Exception):
    """A rule that only pandera itself can judge."""


@dataclass(frozen=True)
class Mask:
    """One rule on one column: true where it holds."""

    demand: Demand
    holds: pl.Expr | None
    """Over the parsed plan, each row by itself; `None` when only `plan` knows."""
    plan: pl.LazyFrame | None = None
    """One Boolean column, where `holds` is not known."""
    null_holds: bool = True


@dataclass
class Draft:
    """What pandera would have run."""

    uncastable: dict[str, int | None] | None = None
    """Columns known to resist their cast, with the rows that do. pandera then casts nothing."""
    root: pl.LazyFrame | None = None
    """The parsed plan."""
    uncast: pl.LazyFrame | None = None
    """The plan before casting, if anything is cast."""
    casts: list[str] = field(default_factory=list)
    masks: list[Mask] = field(default_factory=list)
    keys: list[tuple[Demand, list[str]]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    unfusable: str = ""
    error: Exception | None = None
    """What pandera raised, other than its own list of faults."""


_DRAFT: ContextVar[Draft] = ContextVar("draft")
_DEMAND: ContextVar[tuple[Demand, str | None]] = ContextVar("demand")


class Fused(pl.LazyFrame):
    """A plan that remembers what was selected from it."""

    _rooted: bool
    _only: str | None
    _selected: list[pl.Expr] | None

    @classmethod
    def _from_pyldf(cls, ldf: Any) -> "Fused":  # Any: polars gives its inner plan no public type
        plan = cls.__new__(cls)
        plan._ldf = ldf
        plan._rooted = False
        plan._only = None
        plan._selected = None
        return plan

    @classmethod
    def of(cls, plan: pl.LazyFrame, *, rooted: bool, only: str | None = None) -> "Fused":
        """Wrap a plan; of a rooted one, selections are remembered."""
        fused = cls._from_pyldf(plan._ldf)
        fused._rooted = rooted
        fused._only = only
        return fused

    def clone(self) -> "Fused":
        """Return the plan itself, which nothing can change."""
        return self

    def select(self, *exprs: Any, **named_exprs: Any) -> pl.LazyFrame:
        """Select as polars does, and remember the expressions."""
        selected = super().select(*exprs, **named_exprs)
        if self._rooted and isinstance(selected, Fused):
            selected._selected = _expressions(exprs, named_exprs)
            selected._only = self._only
        return selected


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
    if any(getattr(dtype, "auto_coerce", False) for dtype in dtypes):
        raise NotFusableError("a type that validates itself")
    draft = Draft(uncastable)
    token = _DRAFT.set(draft)
    depth = ValidationDepth.SCHEMA_AND_DATA
    try:
        with config_context(validation_enabled=True, validation_depth=depth):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                schema.validate(Fused.of(plan, rooted=False), lazy=True)
    except SchemaErrors as errors:
        draft.faults += shape_faults(errors.schema_errors, schema)
    except Exception as error:  # noqa: BLE001 - pandera raises anything; the batch is not accepted
        draft.error = error
    finally:
        _DRAFT.reset(token)
    if draft.unfusable:
        raise NotFusableError(draft.unfusable)
    return draft


def _expressions(exprs: tuple[Any, ...], named_exprs: dict[str, Any]) -> list[pl.Expr] | None:
    """Return the selected expressions, or nothing where one of them has another form."""
    flat: list[Any] = []
    for expr in exprs:
        flat += expr if isinstance(expr, list | tuple) else [expr]
    flat += named_exprs.values()
    return flat if all(isinstance(expr, pl.Expr) for expr in flat) else None


def _by_row(expr: pl.Expr, only: str | None) -> bool:
    """Say whether an expression judges each row by itself, and, if wanted, by one column."""
    try:
        if not expr.meta.is_length_preserving() or not _separable(expr):
            return False
        return only is None or set(expr.meta.root_names()) == {only}
    except pl.exceptions.PolarsError:
        return False  # it names several columns at once, or calls Python


def _separable(expr: pl.Expr) -> bool:
    # polars answers for the outermost operation only.
    return expr.meta.is_row_separable() and all(_separable(part) for part in expr.meta.pop())


class _CheckBackend(PolarsCheckBackend):
    """Write a check down instead of running it."""

    def __call__(self, check_obj: pl.LazyFrame, key: str | None = None) -> CheckResult:
        demand, column = _DEMAND.get()
        draft = _DRAFT.get()
        out = self._answer(check_obj, key or "*")
        if not isinstance(out, bool):
            draft.masks.append(self._mask(out, demand, column))
        elif not out:
            draft.faults.append(Fault(demand))
        return CheckResult(None, None, check_obj, None)

    def _answer(self, plan: pl.LazyFrame, key: str) -> Any:  # Any: users' checks return anything
        if self.check.element_wise:
            return plan.select(pl.col(key).map_elements(self.check_fn, return_dtype=pl.Boolean))
        if getattr(self.check._check_fn, "__name__", "") == "unique_values_eq":
            # It collects all that it is given, to look at the distinct values only.
            plan = plan.select(pl.col(key)).unique()
        return self.check_fn(PolarsData(plan, key))

    def _mask(self, out: pl.LazyFrame, demand: Demand, column: str | None) -> Mask:
        schema = out.collect_schema()
        if not isinstance(out, pl.LazyFrame) or not len(schema):
            raise TypeError("a check returns a LazyFrame with columns, or a bool")
        if any(dtype != pl.Boolean for dtype in schema.dtypes()):
            _DRAFT.get().unfusable = "a check that returns no Booleans"
        chosen = getattr(out, "_selected", None) or []
        single = self.check.element_wise and column is not None
        only = getattr(out, "_only", None)
        if len(chosen) == len(schema) and (single or all(_by_row(e, only) for e in chosen)):
            holds = chosen[0] if len(chosen) == 1 else pl.all_horizontal(chosen)
            return Mask(demand, holds, None, self.check.ignore_na)
        return Mask(demand, None, _folded(out, len(schema)), self.check.ignore_na)


def _folded(out: pl.LazyFrame, width: int) -> pl.LazyFrame:
    if width == 1:
        return out.select(pl.all().alias("holds"))
    fold = pl.fold(acc=pl.lit(value=True), function=lambda acc, x: acc & x, exprs=pl.col("*"))
    return out.select(fold.alias("holds"))


def _run_check(
    check_obj: pl.LazyFrame, schema: Any, check: Check, number: int, key: str | None
) -> CoreCheckResult:  # Any: a column or a frame schema
    label = label_of(schema)
    demand: Demand = ("check", label, number) if label else ("frame_check", None, number)
    token = _DEMAND.set((demand, key))
    try:
        check(check_obj, key)
    finally:
        _DEMAND.reset(token)
    return CoreCheckResult(passed=True, check=check)


class _ColumnBackend(ColumnBackend):
    """Write the rules of one column down."""

    def run_checks_and_handle_errors(
        self, error_handler: Any, schema: Any, check_obj: Any, **_: object
    ) -> Any:  # Any: pandera's own signature
        # pandera gives a regex column a frame of its own, with this column only.
        if not check_obj._rooted:
            check_obj = Fused.of(check_obj, rooted=True, only=schema.name)
        return super().run_checks_and_handle_errors(error_handler, schema, check_obj)

    def run_check(
        self, check_obj: Any, schema: Any, check: Check, check_index: int, *args: Any
    ) -> CoreCheckResult:  # Any: pandera's own signature
        return _run_check(check_obj, schema, check, check_index, args[0])

    def check_nullable(self, check_obj: Any, schema: Any) -> list[CoreCheckResult]:
        if not schema.nullable:
            holds = pl.col(schema.selector).is_not_null()
            if is_float_dtype(check_obj, schema.selector):
                holds = holds & pl.col(schema.selector).is_not_nan()
            _DRAFT.get().masks.append(Mask(("not_null", label_of(schema), 0), holds))
        return []

    def check_unique(self, check_obj: Any, schema: Any) -> list[CoreCheckResult]:
        if schema.unique:
            _DRAFT.get().keys.append((("unique", label_of(schema), 0), [schema.selector]))
        return []

    def set_default(self, check_obj: Any, schema: Any = None) -> Any:
        # pandera sets it for the frame, and again for the column, where it changes nothing.
        return check_obj if check_obj._rooted else super().set_default(check_obj, schema)


class _FrameBackend(DataFrameSchemaBackend):
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
        if draft.uncastable is not None:
            types = check_obj.collect_schema()
            for name, rows in draft.uncastable.items():
                note = f"cannot be cast from {type_text(types[name])}"
                draft.faults.append(Fault(("type", targets[name][0], 0), rows, note))
            return check_obj
        draft.uncast = pl.LazyFrame._from_pyldf(check_obj._ldf)
        draft.casts = list(targets)
        with config_context(validation_depth=ValidationDepth.SCHEMA_ONLY):
            return super().coerce_dtype(check_obj, schema)

    def run_check(
        self, check_obj: Any, schema: Any, check: Check, check_index: int, *args: Any
    ) -> CoreCheckResult:
        return _run_check(check_obj, schema, check, check_index, None)

    def check_column_values_are_unique(self, check_obj: Any, schema: Any) -> CoreCheckResult:
        present = check_obj.collect_schema().names()
        for number, names in enumerate(composite_keys(schema)):
            subset = [name for name in names if name in present]
            demand: Demand = ("keys", None, number)
            if subset:
                _DRAFT.get().keys.append((demand, subset))
            else:
                # pandera stumbles over a key without columns, unless there is one row at most.
                few = check_obj.select((pl.len() < 2).alias("holds"))
                _DRAFT.get().masks.append(Mask(demand, None, few))
        return CoreCheckResult(passed=True, check="multiple_fields_uniqueness")


pa.DataFrameSchema.register_backend(Fused, _FrameBackend)
pa.Column.register_backend(Fused, _ColumnBackend)
Check.register_backend(Fused, _CheckBackend)
