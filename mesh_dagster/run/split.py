"""Part a batch into the rows that keep the contract and the rows that do not.

In:  a plan and a contract.
Out: two plans; each rejected row names the rules that caught it. Whether the valid rows may be
published is decided by `run/publish.py`.
"""

from dataclasses import dataclass

import polars as pl

from mesh_dagster.declare.contract import Contract
from mesh_dagster.errors import NotSplittableError
from mesh_dagster.run.explain import row_masks
from mesh_dagster.run.schemas import labelled

RULES_COLUMN = "mesh_rules"


@dataclass(frozen=True)
class Split:
    """A batch in two parts; together they hold every row once."""

    valid: pl.LazyFrame
    rejected: pl.LazyFrame
    """With `mesh_rules`, the texts of the rules that caught the row, in the contract's order."""


def split(plan: pl.LazyFrame, contract: Contract) -> Split:
    """Part a conformed batch by the rules that speak of rows.

    Every row of a repeated key is rejected. Rules that only warn reject nothing.

    Raises:
        NotSplittableError: A broken rule is not about rows, so the batch can only be refused.
    """
    frame = plan.collect(engine="streaming")
    masks, whole = row_masks(frame, labelled(contract.schema), contract)
    if whole:
        raise NotSplittableError(contract.name, whole)
    texts = [
        pl.when(mask).then(pl.lit(text)).otherwise(pl.lit(None, dtype=pl.String))
        for text, mask in masks
    ]
    rules = pl.concat_list(texts).list.drop_nulls() if texts else pl.lit([], pl.List(pl.String))
    marked = frame.lazy().with_columns(rules.alias(RULES_COLUMN))
    caught = pl.col(RULES_COLUMN).list.len() > 0
    return Split(marked.filter(~caught).drop(RULES_COLUMN), marked.filter(caught))
