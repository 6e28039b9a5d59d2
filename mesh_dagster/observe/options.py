"""Take the options of one sink, each checked, none left over.

In:  a mapping of texts as the operator wrote it, the environment.
Out: values of the right types. A secret comes from the environment only, and stands in no message.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mesh_dagster.errors import SecretMissingError, SinkRefusedError, nearest
from mesh_dagster.observe.plain_yaml import Node

_REFERENCE = "env:"


@dataclass(frozen=True)
class Options:
    """What is configured for one sink."""

    sink: str
    given: Mapping[str, Node]
    environment: Mapping[str, str] = field(repr=False)
    taken: set[str] = field(default_factory=set)

    def text(self, name: str, default: str | None = None) -> str:
        """Take one text; `env:NAME` is replaced."""
        return self._replaced(name, self._text(name, default))

    def secret(self, name: str) -> str:
        """Take one text that may stand in the environment only."""
        given = self._text(name, None)
        if not given.startswith(_REFERENCE):
            raise self.refused(
                f"has '{name}' in plain sight", f"Write '{name}: env:NAME' and set NAME."
            )
        return self._replaced(name, given)

    def texts(self, name: str) -> tuple[str, ...]:
        """Take a list of texts, or one."""
        node = self._node(name)
        nodes = node if isinstance(node, list) else [node]
        texts = [one for one in nodes if isinstance(one, str) and one]
        if not texts or len(texts) != len(nodes):
            raise self.refused(f"has no list of texts under '{name}'", "Correct the option.")
        return tuple(self._replaced(name, one) for one in texts)

    def choice(self, name: str, default: str, known: tuple[str, ...]) -> str:
        """Take one of a few words."""
        given = self._text(name, default)
        if given not in known:
            raise self.refused(
                f"has no known '{name}'", f"Write one of {', '.join(known)}.{nearest(given, known)}"
            )
        return given

    def port(self, name: str, default: int) -> int:
        """Take the number of a port."""
        given = self._text(name, str(default))
        number = int(given) if given.isascii() and given.isdigit() and len(given) <= 5 else 0  # noqa: PLR2004 - digits of 65535
        if not 0 < number <= 65535:  # noqa: PLR2004 - the highest port
            raise self.refused(f"has no port number under '{name}'", "Write 1 to 65535.")
        return number

    def has(self, name: str) -> bool:
        """Say whether an option is there."""
        return name in self.given

    def finish(self) -> None:
        """Refuse options that nobody took."""
        unknown = sorted(set(self.given) - self.taken)
        if unknown:
            raise self.refused(
                f"has an unknown option '{unknown[0]}'",
                f"Correct or remove it.{nearest(unknown[0], self.taken)}",
            )

    def refused(self, problem: str, remedy: str) -> SinkRefusedError:
        """Return the error that names this sink."""
        return SinkRefusedError(self.sink, problem, remedy)

    def _node(self, name: str) -> Node | None:
        self.taken.add(name)
        return self.given.get(name)

    def _text(self, name: str, default: str | None) -> str:
        node = self._node(name)
        found = default if node is None else node
        if not isinstance(found, str) or not found:
            raise self.refused(f"needs one text under '{name}'", "Add the option.")
        return found

    def _replaced(self, name: str, text: str) -> str:
        if not text.startswith(_REFERENCE):
            return text
        variable = text.removeprefix(_REFERENCE)
        value = self.environment.get(variable)
        if not value:
            raise SecretMissingError(self.sink, name, variable)
        return value
