"""Hold one change of a declaration: what changed, which way, and how much of a step it demands.

In:  the parts of a declaration before and after, as texts.
Out: `Change`s. What is compared with what stands in `compatibility.py` and beside it.

A change loosens when data or delays are allowed now that were not before: whoever relies on the
old promise may break. It tightens when less is allowed: the producer may fail to keep it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

Step = Literal["patch", "minor", "major"]
Direction = Literal["tightens", "loosens", "both", "undetermined", "none"]
Kind = Literal[
    "port",
    "column",
    "type",
    "nullability",
    "requirement",
    "order",
    "strictness",
    "parsing",
    "key",
    "rule",
    "unit",
    "entity",
    "sensitivity",
    "metadata",
    "title",
    "description",
    "name",
    "freshness",
    "quality",
    "retention",
    "cadence",
    "partitioning",
    "expectation",
    "input",
    "internal",
    "owner",
    "alignment",
    "purpose",
    "tags",
    "state",
    "other",
]

STEPS: tuple[Step, ...] = ("patch", "minor", "major")
_BY_DIRECTION: Mapping[Direction, Step] = {
    "none": "patch",
    "tightens": "minor",
    "loosens": "major",
    "both": "major",
    "undetermined": "major",
}
_BY_KIND: Mapping[Kind, Step] = {
    "strictness": "patch",  # what the contract does not name is never published
    "parsing": "minor",
    "sensitivity": "minor",
    "metadata": "patch",
    "title": "patch",
    "description": "patch",
    "name": "patch",
    "cadence": "minor",
    "expectation": "patch",
    "input": "minor",
    "internal": "patch",
    "owner": "patch",
    "alignment": "minor",
    "purpose": "patch",
    "tags": "patch",
    "other": "minor",
}
"""Kinds whose step does not follow from the direction."""


@dataclass(frozen=True)
class Change:
    """One difference between two declarations."""

    kind: Kind
    subject: str
    """The column, rule, promise or property, such as `amount` or `freshness within`."""
    before: str | None
    """`None` for what was not there."""
    after: str | None
    """`None` for what is no longer there."""
    direction: Direction = "none"
    """Which way the promise moved."""
    columns: tuple[str, ...] | None = ()
    """The columns that it speaks of; `None` when it may speak of every one."""
    demands: Step | None = None
    """The step, where it follows neither from the kind nor from the direction."""

    @property
    def step(self) -> Step:
        """The version step that consumers need to see."""
        return self.demands or _BY_KIND.get(self.kind, _BY_DIRECTION[self.direction])

    @property
    def producer_step(self) -> Step:
        """The same as the producer feels it: `major` where its data may now be refused."""
        if self.direction in ("tightens", "both", "undetermined"):
            return "major"
        return "minor" if self.direction == "loosens" else "patch"

    @property
    def breaking(self) -> bool:
        """Whether a consumer may break."""
        return self.step == "major"


def highest(changes: Iterable[Change]) -> Step | None:
    """Return the largest step that changes demand; `None` of none."""
    return max((change.step for change in changes), key=STEPS.index, default=None)


def smaller(one: Step, other: Step) -> Step:
    """Return the smaller of two steps."""
    return min(one, other, key=STEPS.index)
