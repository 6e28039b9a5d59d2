"""Compare two declarations: what changed, and which version step that demands.

In:  a product or a port, as it was and as it is.
Out: `Change`s. The step is what consumers need to see: `major` where data or delays are allowed
that were not before, or what it means has changed; `minor` where more is promised or something was
added; `patch` where only words changed.
"""

from collections.abc import Iterable, Iterator, Mapping

from mesh_dagster.declare.lifecycle import Deprecated, State, state_of
from mesh_dagster.govern.change import STEPS, Change, Direction, Kind, Step
from mesh_dagster.govern.contracts import contract_changes
from mesh_dagster.govern.declared import Declared, DeclaredPort, Json
from mesh_dagster.govern.promises import (
    freshness_changes,
    partition_changes,
    quality_changes,
    retention_changes,
)

_COMPARED_ELSEWHERE = {
    "version",
    "state",
    "contract",
    "quality",
    "freshness",
    "cadence",
    "partitioned",
    "partition_columns",
    "partitions",
}
_PLAIN: Mapping[str, Kind] = {"owner": "owner", "alignment": "alignment", "purpose": "purpose"}


def port_changes(before: DeclaredPort, after: DeclaredPort) -> list[Change]:
    """Return every difference between two declarations of a port."""
    old, new = before.declaration, after.declaration
    return [
        *_state_changes(old, new),
        *contract_changes(before.contract, after.contract),
        *freshness_changes(old["freshness"], new["freshness"]),
        *quality_changes(old["quality"], new["quality"]),
        *partition_changes(old, new),
        *_differing("cadence", "cadence", old["cadence"], new["cadence"]),
        *_differing("description", "port description", before.description, after.description),
        *_others(old, new, _COMPARED_ELSEWHERE),
    ]


def product_changes(before: Declared, after: Declared) -> list[Change]:
    """Return every difference between two declarations of a product; its ports are left out."""
    old, new = before.declaration, after.declaration
    return [
        *about_changes(vars(before), vars(after)),
        *_entries("input", old["inputs"].values(), new["inputs"].values()),
        *_entries("internal", old["internals"], new["internals"]),
        *_differing("tags", "tags", old["tags"], new["tags"]),
        *retention_changes(old["retention_seconds"], new["retention_seconds"]),
        *_expectations(old.get("expects") or {}, new.get("expects") or {}),
        *_others(
            old, new, {"inputs", "internals", "tags", "retention_seconds", "expects", "version"}
        ),
    ]


def about_changes(before: Mapping[str, object], after: Mapping[str, object]) -> list[Change]:
    """Return what differs in the owner, the alignment and the purpose of a product."""
    return [
        change
        for name, kind in _PLAIN.items()
        for change in _differing(kind, name, before[name], after[name])
    ]


def next_version(version: str, step: Step | None) -> str:
    """Return the lowest version that a step allows after this one.

    Before 1.0.0 a breaking change takes a minor step, and everything else a patch.

    Source:
        Semantic Versioning 2.0.0, items 4 and 6 to 8.
    """
    major, minor, patch = numbers(version)
    if step is None:
        return version
    if major == 0:
        step = STEPS[max(STEPS.index(step) - 1, 0)]
    following = {
        "major": (major + 1, 0, 0),
        "minor": (major, minor + 1, 0),
        "patch": (major, minor, patch + 1),
    }
    return ".".join(map(str, following[step]))


def announces(released: str, declared: str, step: Step | None) -> bool:
    """Say whether the declared version is at least the one that the step demands."""
    return numbers(declared) >= numbers(next_version(released, step))


def numbers(version: str) -> tuple[int, ...]:
    """Return the three numbers of a semantic version."""
    return tuple(map(int, version.split(".")))


def _state_changes(before: Json, after: Json) -> Iterator[Change]:
    old, new = state_of(before.get("state")), state_of(after.get("state"))
    if old == new:
        return
    withdrawn = new == "draft"
    if isinstance(old, Deprecated) and isinstance(new, Deprecated):
        withdrawn = new.until < old.until
    direction: Direction = "loosens" if withdrawn else "none"
    step: Step = "major" if withdrawn else "minor"
    yield Change("state", "state", _state(old), _state(new), direction, None, step)


def _state(state: State) -> str:
    if not isinstance(state, Deprecated):
        return state
    successor = f", then {state.successor}" if state.successor else ""
    return f"deprecated until {state.until}{successor}"


def _entries(kind: Kind, before: Iterable[str], after: Iterable[str]) -> Iterator[Change]:
    old, new = dict.fromkeys(before), dict.fromkeys(after)
    yield from (Change(kind, name, name, None) for name in old if name not in new)
    yield from (Change(kind, name, None, name) for name in new if name not in old)


def _expectations(before: Json, after: Json) -> Iterator[Change]:
    for name in sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        if old != new:
            yield Change("expectation", name, _columns_of(old), _columns_of(new))


def _columns_of(expectation: Json | None) -> str | None:
    if expectation is None:
        return None
    return ", ".join(column["name"] for column in expectation["columns"])


def _differing(kind: Kind, subject: str, before: object, after: object) -> Iterator[Change]:
    if before != after:
        yield Change(kind, subject, _said(before), _said(after))


def _others(before: Json, after: Json, known: set[str]) -> Iterator[Change]:
    for name in sorted({*before, *after} - known):
        yield from _differing("other", name, before.get(name), after.get(name))


def _said(value: object) -> str | None:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={given}" for name, given in sorted(value.items()))
    return None if value is None else str(value)
