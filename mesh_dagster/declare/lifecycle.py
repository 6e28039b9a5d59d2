"""Say where a port stands in its life, and what its readers have to expect.

In:  a state, as a team declares it.
Out: the same state, checked; and as JSON, which the registry and the store keep.
`retired` is declared by nobody: it ends the declaration, and `run/retired.py` keeps it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from mesh_dagster.declare.address import Address
from mesh_dagster.errors import DeclarationError

_WHO = "A deprecation"


@dataclass(frozen=True)
class Deprecated:
    """A port still keeps its promises, but its readers shall move away."""

    since: date
    """The first day on which readers were told."""
    until: date
    """The last day on which it is promised; later than `since`."""
    successor: str | None = None
    """The address of the port to read instead."""

    def __post_init__(self) -> None:
        """Refuse what is no day, no span and no address."""
        _require_day("since", self.since)
        _require_day("until", self.until)
        if self.until <= self.since:
            raise DeclarationError(
                _WHO,
                f"begins on {self.since} and ends on {self.until}",
                "Give readers at least a day: 'until' is later than 'since'.",
            )
        if self.successor is not None:
            Address.parse(self.successor)


State = Literal["draft", "active"] | Deprecated
"""`draft`: published, but nothing is promised yet. `active`: its promises are kept."""
StateName = Literal["draft", "active", "deprecated", "retired"]
Row = Mapping[str, str | None]
"""JSON: `name`, and of a deprecation `since`, `until` and `successor`."""


def require_state(who: str, state: object, address: Address | None = None) -> State:
    """Return a state that can be declared.

    Args:
        who: What is declared, as messages name it.
        state: What was given.
        address: The port, where one is declared; it is not its own successor.

    Raises:
        DeclarationError: It is none.
    """
    if isinstance(state, Deprecated):
        if address is not None and state.successor == str(address):
            raise DeclarationError(who, "names itself as its successor", "Name another port.")
        return state
    if state == "draft":
        return "draft"
    if state == "active":
        return "active"
    raise DeclarationError(
        who,
        f"has state {state!r}",
        "Use 'draft', 'active' or md.Deprecated(since=..., until=..., successor=...).",
    )


def state_row(state: State) -> dict[str, str | None]:
    """Write a state as JSON."""
    if isinstance(state, str):
        return {"name": state}
    since, until = state.since.isoformat(), state.until.isoformat()
    return {"name": "deprecated", "since": since, "until": until, "successor": state.successor}


def state_of(row: Row | None) -> State:
    """Read a state that `state_row` wrote; what says nothing is active."""
    if not row or row["name"] == "active":
        return "active"
    if row["name"] == "draft":
        return "draft"
    since, until = (date.fromisoformat(str(row[name])) for name in ("since", "until"))
    return Deprecated(since, until, row["successor"])


def name_of_state(state: State) -> StateName:
    """Return the word for a state."""
    return "deprecated" if isinstance(state, Deprecated) else state


def state_text(state: State) -> str:
    """Say in words what a state means for readers, as the end of a sentence."""
    if not isinstance(state, Deprecated):
        return "a draft: nothing is promised yet" if state == "draft" else "active"
    instead = f"; read '{state.successor}' instead" if state.successor else ""
    return f"deprecated since {state.since} and promised until {state.until}{instead}"


def ending_text(state: Deprecated) -> str:
    """Say in short that a port ends, when, and what to read: behind its address, or alone."""
    instead = f", use {state.successor}" if state.successor else ""
    return f"deprecated, ends {state.until}{instead}"


def endings_text(deprecated: Mapping[str, Deprecated], ports: Collection[str]) -> str:
    """Say in short which of some ports end: once if all of them do alike; empty where none does.

    Args:
        deprecated: Those that end, by address.
        ports: The addresses of all that are spoken of.
    """
    texts = {address: ending_text(state) for address, state in deprecated.items()}
    alike = set(texts.values())
    if len(alike) == 1 and texts.keys() >= set(ports):
        return alike.pop()
    # The major version too, for a product of several is spoken of as one.
    named = (("/".join(address.split("/")[-2:]), text) for address, text in texts.items())
    return "; ".join(f"{name} {text}" for name, text in named)


def _require_day(name: str, day: object) -> None:
    if not isinstance(day, date) or isinstance(day, datetime):
        raise DeclarationError(
            _WHO, f"has '{name}' of type '{type(day).__name__}'", "Give a datetime.date."
        )
