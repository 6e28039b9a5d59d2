"""Hold what is told to people, as values and as sentences.

In:  the status of a promise, or an event such as a refused publication.
Out: an `Item` for each thing to tell, a `Notice` for each message; JSON and back.
Who is told, and when, is decided in `alerts.py`; how it travels, in the sinks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from typing import Any, Literal

from mesh_dagster.observe.spans import span_text
from mesh_dagster.observe.status import SloStatus

Kind = Literal[
    "breach",
    "reminder",
    "escalation",
    "recovery",
    "acknowledged",
    "refused",
    "failed",
    "deprecated",
    "budget",
    "unmet",
    "dead_letter",
    "test",
]
Event = Literal["refused", "failed", "deprecated", "budget", "unmet", "test"]
"""What is told once and never recovers."""
_TITLES: Mapping[Kind, str] = {
    "breach": "Promise broken",
    "reminder": "Still broken",
    "escalation": "Nobody acknowledged",
    "recovery": "No longer broken",
    "acknowledged": "Acknowledged",
    "refused": "Publication refused",
    "failed": "Build crashed",
    "deprecated": "Input deprecated",
    "budget": "Error budget low",
    "unmet": "Expectation not promised",
    "dead_letter": "Alerts could not be delivered",
    "test": "Test",
}
_MOST_ITEMS = 100
"""So many items travel in one notice; the others are counted."""
_MOST_GROUPS = 20


@dataclass(frozen=True)
class Item:
    """One thing that a notice tells."""

    key: str
    """The breach id, with `-2` behind it when the very same breach came back; or an event's id."""
    address: str
    product_key: str
    owner: str
    subject: str
    """The objective of the promise, or the kind of the event."""
    since: datetime
    """Aware UTC; when it began."""
    text: str
    """What happened, as one line without a full stop."""
    caused_by: str | None = None
    """The address of the port upstream that explains it."""

    @classmethod
    def of_breach(
        cls,
        row: Mapping[str, Any],  # Any: one row of a table
        text: str,
        caused_by: str | None = None,
    ) -> "Item":
        """Return what a notice tells of a breach, given its row in the ledger."""
        return cls(
            key=row["key"],
            address=row["address"],
            product_key=row["product_key"],
            owner=row["owner"],
            subject=row["objective"],
            since=row["since"],
            text=text,
            caused_by=caused_by,
        )

    @property
    def line(self) -> str:
        """The whole item as one line, whatever the names of partitions and rules hold."""
        cause = f"; caused by {self.caused_by}" if self.caused_by else ""
        whole = f"{self.address} {self.text}{cause} (owner {self.owner}, id {self.key[:12]})"
        return "".join(character if character.isprintable() else " " for character in whole)


@dataclass(frozen=True)
class Notice:
    """One message for one sink."""

    notice_id: str
    """The same however often it is sent, so that a receiver can drop a duplicate."""
    sink: str
    kind: Kind
    product_key: str
    """The product that the notice is about; of several, the one upstream."""
    thread: str
    """What belongs together at this sink, in order: a product, or at a pager one incident."""
    items: tuple[Item, ...]
    created_at: datetime
    """Aware UTC."""
    remark: str = ""
    """A sentence for whoever runs the alerts, such as that a sink is not configured."""

    @property
    def title(self) -> str:
        """The notice in a few words."""
        more = f" and {len(self.items) - 1} more" if len(self.items) > 1 else ""
        what = self.items[0].address if self.items else self.product_key
        return f"{_TITLES[self.kind]}: {what}{more}"

    @property
    def lines(self) -> tuple[str, ...]:
        """The notice line by line, without its title."""
        told = [item.line for item in self.items[:_MOST_ITEMS]]
        rest = len(self.items) - len(told)
        more = [f"{rest} more; see mesh alerts ls"] if rest else []
        return (*told, *more, *([self.remark] if self.remark else []))

    @property
    def text(self) -> str:
        """The notice as plain text."""
        return "\n".join((self.title, *self.lines))

    def without(self, keys: set[str]) -> "Notice":
        """Return the notice without some of its items."""
        return replace(self, items=tuple(item for item in self.items if item.key not in keys))


def item_of(status: SloStatus, key: str) -> Item:
    """Describe a broken promise."""
    return Item(
        key=key,
        address=status.address,
        product_key=status.product_key,
        owner=status.owner,
        subject=status.objective,
        since=status.since,
        text=_sentence(status),
        caused_by=status.caused_by,
    )


def as_json(notice: Notice) -> dict[str, Any]:  # Any: JSON
    """Write a notice as JSON, times as ISO 8601."""
    items = [{**asdict(item), "since": item.since.isoformat()} for item in notice.items]
    return {**asdict(notice), "created_at": notice.created_at.isoformat(), "items": items}


def from_json(body: Mapping[str, Any]) -> Notice:  # Any: JSON
    """Read what `as_json` wrote."""
    items = tuple(
        Item(**{**item, "since": datetime.fromisoformat(item["since"])}) for item in body["items"]
    )
    created_at = datetime.fromisoformat(body["created_at"])
    return Notice(**{**body, "created_at": created_at, "items": items})


def moment(time: datetime) -> str:
    """Write a time in UTC, to the minute."""
    return f"{time.astimezone(timezone.utc):%Y-%m-%d %H:%M} UTC"


def _sentence(status: SloStatus) -> str:
    parts = [f"{status.objective}: {_judgement(status)} since {moment(status.since)}"]
    parts += _named("late group", status.late_groups, status.late_group_count)
    missing = status.missing_partitions
    parts += _named("missing partition", missing, status.missing_partition_count)
    return "; ".join(parts)


def _judgement(status: SloStatus) -> str:
    if status.state == "no_data":
        return "never published"
    if status.age is not None and status.limit is not None:
        return f"{span_text(status.age)} old, promised {span_text(status.limit)},"
    return "below its promise"


def _named(what: str, names: Sequence[str], count: int) -> list[str]:
    if not count:
        return []
    plural = "s" if count > 1 else ""
    shown = ", ".join(names[:_MOST_GROUPS])
    more = f" and {count - len(names[:_MOST_GROUPS])} more" if count > _MOST_GROUPS else ""
    return [f"{count} {what}{plural}" + (f": {shown}{more}" if shown else "")]
