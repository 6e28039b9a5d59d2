"""Hold a batch against its partition: every row belongs there.

In:  a verdict, the staged rows, per column the condition that a row is inside the partition.
Out: the verdict with one more finding for each column.
"""

from collections.abc import Mapping
from dataclasses import replace

import polars as pl

from mesh_dagster.declare.contract import Contract, Rule
from mesh_dagster.run.explain import Demand
from mesh_dagster.run.row_keys import Wanted, places, with_keys
from mesh_dagster.run.verdict import Finding, RowKey, Verdict


def with_placing(
    verdict: Verdict,
    plan: pl.LazyFrame,
    inside: Mapping[str, pl.Expr],
    contract: Contract,
    row_keys: int,
) -> Verdict:
    """Add what the conditions say of the rows; a row without a value is outside."""
    if not inside:
        return verdict
    outside: dict[Demand, pl.Expr] = {
        ("check", column, 0): inside[column].not_().fill_null(value=True) for column in inside
    }
    counted = plan.select(expr.sum().alias(f"{n}") for n, expr in enumerate(outside.values()))
    counts = dict(zip(outside, counted.collect(engine="streaming").row(0), strict=True))
    few = {one: Wanted(outside[one], min(rows, row_keys)) for one, rows in counts.items()}
    found = places(plan, {demand: one for demand, one in few.items() if one.count})
    findings = tuple(
        Finding(
            Rule(f"{column} within the partition", "values", column),
            passed=not counts[kind, column, number],
            failing_rows=counts[kind, column, number],
            row_keys=tuple(RowKey(row) for row in found.get((kind, column, number), ())),
        )
        for kind, column, number in outside
    )
    judged = replace(verdict, accepted=not any(counts.values()), findings=findings)
    judged = with_keys(judged, plan, contract)
    return replace(
        verdict,
        accepted=verdict.accepted and judged.accepted,
        findings=verdict.findings + judged.findings,
    )
