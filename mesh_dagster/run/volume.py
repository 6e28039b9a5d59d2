"""Hold a batch against the promise on its number of rows.

In:  a verdict, the promise, the rows of the last batch that was published.
Out: the verdict with one more finding for each bound.
"""

from collections.abc import Iterator
from dataclasses import replace

from mesh_dagster.declare.contract import Rule
from mesh_dagster.declare.slo import Quality
from mesh_dagster.declare.written import Level
from mesh_dagster.run.verdict import Finding, Verdict


def with_volume(verdict: Verdict, promise: Quality, rows: int, last_rows: int | None) -> Verdict:
    """Add what the promise on the number of rows says of a batch.

    Args:
        verdict: On the batch's rows.
        promise: Its bounds, and whether a broken one refuses or warns.
        rows: How many the batch has.
        last_rows: How many the last batch had that was published; `None` before the first.
    """
    level: Level = "error" if promise.volume == "refuse" else "warn"
    findings = tuple(
        Finding(Rule(text, "values", level=level), kept, None, "" if kept else f"has {rows:,}")
        for text, kept in _bounds(promise, rows, last_rows)
    )
    refused = level == "error" and not all(finding.passed for finding in findings)
    return replace(
        verdict,
        accepted=verdict.accepted and not refused,
        findings=verdict.findings + findings,
    )


def _bounds(promise: Quality, rows: int, last_rows: int | None) -> Iterator[tuple[str, bool]]:
    least, most = promise.rows or (0, None)
    if least:
        yield f"at least {least:,} rows", rows >= least
    if most is not None:
        yield f"at most {most:,} rows", rows <= most
    if promise.rows_vs_last is not None and last_rows:  # no share of nothing can be kept
        within = abs(rows - last_rows) <= promise.rows_vs_last * last_rows
        yield f"rows within {promise.rows_vs_last:.0%} of the last {last_rows:,}", within
