"""Hold a working tree against all policies.

In:  a `Landscape`, policies, how strict the mesh is.
Out: a `Checkup`: what was found, what was waived, which waivers are of no use any more.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from mesh_dagster.govern.policy import Fault, Landscape, Policy, PolicyLevel
from mesh_dagster.govern.waivers import Strictness, Waiver


@dataclass(frozen=True)
class Breach:
    """One fault with the policy that it breaks."""

    policy: str
    level: PolicyLevel
    fault: Fault
    waiver: Waiver | None = None
    """What accepts it."""


@dataclass(frozen=True)
class Checkup:
    """What was found, errors first, each level by policy and subject."""

    breaches: tuple[Breach, ...]
    """Waived ones included."""
    unused: tuple[Waiver, ...]
    """Waivers that have ended or meet no fault."""

    @property
    def open(self) -> tuple[Breach, ...]:
        """What no waiver accepts."""
        return tuple(one for one in self.breaches if one.waiver is None)

    @property
    def failed(self) -> bool:
        """Whether an error stands open."""
        return any(one.level == "error" for one in self.open)


_ORDER: dict[PolicyLevel, int] = {"error": 0, "warning": 1, "note": 2, "off": 3}


def check_up(landscape: Landscape, policies: Sequence[Policy], strictness: Strictness) -> Checkup:
    """Look for every fault of every policy that is not switched off."""
    valid = [waiver for waiver in strictness.waivers if waiver.holds(landscape.today)]
    found = []
    for policy in policies:
        level = strictness.levels.get(policy.name, policy.level)
        if level != "off":
            found += [
                Breach(policy.name, level, fault, _waiver(policy.name, fault, valid))
                for fault in policy.faults(landscape)
            ]
    used = [breach.waiver for breach in found]
    ordered = sorted(found, key=lambda one: (_ORDER[one.level], one.policy, one.fault.subject))
    return Checkup(tuple(ordered), tuple(w for w in strictness.waivers if w not in used))


def _waiver(policy: str, fault: Fault, valid: Sequence[Waiver]) -> Waiver | None:
    return next((waiver for waiver in valid if waiver.covers(policy, fault.subject)), None)
