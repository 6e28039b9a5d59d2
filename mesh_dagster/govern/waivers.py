"""Read how strict a mesh is: other levels for policies, and waivers with a reason and an end.

In:  the YAML file `mesh_check.yaml` beside the workspace, which may be missing.
Out: `Strictness`. A waiver without a reason is refused, and one that has ended waives nothing.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import cast, get_args

from mesh_dagster.errors import CheckSettingsError, nearest
from mesh_dagster.govern.policy import PolicyLevel
from mesh_dagster.observe.plain_yaml import Node, PlainYamlError, load_plain

FILE_NAME = "mesh_check.yaml"
_KEYS = ("levels", "waivers")
_NEEDED = {"policy", "on", "because"}
_ALLOWED = _NEEDED | {"until"}


@dataclass(frozen=True)
class Waiver:
    """Faults of one policy that are accepted for a reason."""

    policy: str
    on: str
    """A subject, or a pattern with `*` that subjects match."""
    because: str
    until: date | None = None
    """The last day on which it holds; for ever without it."""

    def covers(self, policy: str, subject: str) -> bool:
        """Say whether it speaks of a fault."""
        return policy == self.policy and fnmatchcase(subject, self.on)

    def holds(self, today: date) -> bool:
        """Say whether it has not ended."""
        return self.until is None or today <= self.until


@dataclass(frozen=True)
class Strictness:
    """How strict a mesh is."""

    levels: Mapping[str, PolicyLevel]
    waivers: tuple[Waiver, ...] = ()


def load_strictness(path: Path, policies: Collection[str]) -> Strictness:
    """Read the file; where there is none, every policy has its own level.

    Raises:
        CheckSettingsError: It cannot be read, or names a policy that does not exist.
    """
    if not path.is_file():
        return Strictness({})
    try:
        root = load_plain(path.read_bytes())
    except PlainYamlError as error:
        raise CheckSettingsError(str(path), str(error)) from error
    if not isinstance(root, dict):
        raise CheckSettingsError(str(path), "holds no mapping")
    for key in root:
        if key not in _KEYS:
            raise CheckSettingsError(str(path), f"has the unknown key '{key}'", nearest(key, _KEYS))
    reader = _Reader(str(path), policies)
    return Strictness(
        reader.levels(root.get("levels", {})), reader.waivers(root.get("waivers", []))
    )


@dataclass(frozen=True)
class _Reader:
    path: str
    policies: Collection[str]

    def levels(self, node: Node) -> dict[str, PolicyLevel]:
        if not isinstance(node, dict):
            raise self._refused("has no mapping under 'levels'")
        known = get_args(PolicyLevel)
        for name, level in node.items():
            self._known(name)
            if level not in known:
                raise self._refused(f"gives '{name}' no level of {', '.join(known)}")
        return {name: cast("PolicyLevel", level) for name, level in node.items()}

    def waivers(self, node: Node) -> tuple[Waiver, ...]:
        if not isinstance(node, list):
            raise self._refused("has no list under 'waivers'")
        return tuple(self._waiver(number, one) for number, one in enumerate(node, 1))

    def _waiver(self, number: int, node: Node) -> Waiver:
        if not isinstance(node, dict) or not node.keys() <= _ALLOWED or not node.keys() >= _NEEDED:
            raise self._refused(
                f"has as waiver {number} something else than 'policy', 'on', 'because' and, if "
                "wanted, 'until'"
            )
        texts = {key: str(value).strip() for key, value in node.items()}
        self._known(texts["policy"])
        if not texts["because"]:
            raise self._refused(f"gives no reason in waiver {number}")
        try:
            until = date.fromisoformat(texts["until"]) if "until" in texts else None
        except ValueError:
            raise self._refused(f"has in waiver {number} an 'until' that is no date") from None
        return Waiver(texts["policy"], texts["on"], texts["because"], until)

    def _known(self, name: str) -> None:
        if name not in self.policies:
            problem = f"names the unknown policy '{name}'"
            raise self._refused(problem, nearest(name, self.policies))

    def _refused(self, problem: str, hint: str = "") -> CheckSettingsError:
        return CheckSettingsError(self.path, problem, hint)
