"""Judge what is published already by a contract that has changed since.

In:  the published rows that stay, the promised types, the new contract.
Out: a `Verdict` if they break it. What the footers of their files prove is not scanned for.
A port without partitions needs no such check: its next publication replaces all of its rows.
"""

from collections.abc import Mapping
from dataclasses import replace

import polars as pl

from mesh_dagster.declare.contract import Contract
from mesh_dagster.run import delta
from mesh_dagster.run.audit import audit_staged
from mesh_dagster.run.footers import unproven
from mesh_dagster.run.store import Store
from mesh_dagster.run.verdict import Verdict


def broken_by_published(
    content: delta.Snapshot, types: Mapping[str, pl.DataType], contract: Contract, store: Store
) -> Verdict | None:
    """Return the verdict on published rows; `None` when they keep the contract.

    Args:
        content: The rows, with the types that they were published as.
        types: The types that the contract promises.
        contract: The new one.
        store: Where the files lie.
    """
    read_anew = replace(content, schema=dict(types)).plan()
    try:
        rest = unproven(content, types, contract, store)
        # With its bounds every column is read, also one about which no rule asks but its type.
        if rest is None or audit_staged(read_anew, rest, profile="bounds").accepted:
            return None
        verdict = audit_staged(read_anew, contract)
    except pl.exceptions.PolarsError:
        # They cannot be read as the new types; as what they are, the type rules name the columns.
        return replace(audit_staged(content.plan(), contract), accepted=False)
    return None if verdict.accepted else verdict
