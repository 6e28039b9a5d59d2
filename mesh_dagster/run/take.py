"""Hand a consumer what it relies on, and nothing else, once it is known to be there.

In:  a version of a port, and what is expected of it.
Out: the same version with the expected columns only, or an error that says what is broken.
Here every rule is judged, also those that the producer's audit cannot know.
"""

from dataclasses import replace

import sqlalchemy as sa

from mesh_dagster.declare.contract import Contract
from mesh_dagster.errors import ExpectationBrokenError
from mesh_dagster.run.audit import audit_staged
from mesh_dagster.run.delta import Snapshot
from mesh_dagster.run.dialects import upsert
from mesh_dagster.run.registry import Registry
from mesh_dagster.run.verdict import finding_text

METADATA = sa.MetaData()
expectations_met = sa.Table(
    "expectations_met",
    METADATA,
    sa.Column("address", sa.String, primary_key=True),
    sa.Column("slice", sa.String, primary_key=True),
    sa.Column("digest", sa.String, primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
)
"""The version that was last found to keep an expectation."""


def take(content: Snapshot, expected: Contract, address: str, who: str, undone: str) -> Snapshot:
    """Return the columns that are expected, after an audit of them.

    Args:
        content: One version of a port, or a slice of it.
        expected: What is relied on.
        address: The port's, for the message.
        who: Who reads, likewise.
        undone: What then does not happen, likewise.

    Raises:
        ExpectationBrokenError: The version does not keep it.
    """
    narrow = _narrowed(content, expected)
    verdict = audit_staged(narrow.plan(), expected, profile="rows")
    if not verdict.accepted:
        broken = [finding_text(finding, verdict.profile.rows) for finding in verdict.broken]
        reference = f"{address}?version={content.version}"
        raise ExpectationBrokenError(who, reference, broken, len(verdict.findings), undone)
    return narrow


def take_once(
    content: Snapshot,
    expected: Contract,
    address: str,
    slice_: str,
    registry: Registry,
    who: str,
) -> Snapshot:
    """Take a version for a build, without an audit if it was the last that was found to keep it.

    Otherwise as `take`; `slice_` is the partition that `content` holds, `WHOLE` for all.
    """
    registry.make(METADATA)
    row = {"address": address, "slice": slice_, "digest": expected.digest}
    same = sa.and_(*(expectations_met.c[name] == value for name, value in row.items()))
    known = registry.rows(sa.select(expectations_met.c.version).where(same))
    if {"version": content.version} in known:
        return _narrowed(content, expected)
    narrow = take(content, expected, address, who, "Nothing was built")
    with registry.begin() as connection:
        upsert(connection, expectations_met, [{**row, "version": content.version}])
    return narrow


def _narrowed(content: Snapshot, expected: Contract) -> Snapshot:
    names = [name for name in expected.column_names if name in content.schema]
    return replace(content, schema={name: content.schema[name] for name in names})
