"""End the life of a port: its address answers with the successor, and is never used again.

In:  an address, the store.
Out: a marker in the store, which readers without a registry meet. It is the truth; the rows of
`run/retirements.py` follow it. Whether a port may be retired is decided by `run/retiring.py`.
"""

import json
from dataclasses import asdict, dataclass
from datetime import datetime

from mesh_dagster.declare.address import Address
from mesh_dagster.errors import RetiredError, RetiredPortError
from mesh_dagster.run.store import Store


@dataclass(frozen=True)
class Retired:
    """The end of one port."""

    address: str
    retired_at: datetime
    """Aware UTC."""
    successor: str | None = None
    """The address to read instead."""
    because: str | None = None
    """Why it was retired although it had readers."""


def mark(retired: Retired, store: Store) -> None:
    """Mark a port as retired in the store; doing it again names another successor."""
    marker = store.path(store.retired(Address.parse(retired.address)))
    marker.parent.mkdir(parents=True, exist_ok=True)
    aside = marker.with_name(f"{marker.name}.new") if store.local else marker
    text = {**asdict(retired), "retired_at": retired.retired_at.isoformat()}
    aside.write_text(json.dumps(text), encoding="utf-8")
    if store.local:
        aside.replace(marker)


def retirement(store: Store, address: Address) -> Retired | None:
    """Return how a port ended, from the store alone; `None` while it lives."""
    try:
        text = store.path(store.retired(address)).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    known = json.loads(text)
    return Retired(**{**known, "retired_at": datetime.fromisoformat(known["retired_at"])})


def require_readable(store: Store, address: Address) -> None:
    """Refuse to read a port that is retired.

    Raises:
        RetiredError: It is; the message names the successor.
    """
    ended = retirement(store, address)
    if ended is not None:
        raise RetiredError(ended.address, f"{ended.retired_at:%Y-%m-%d}", ended.successor)


def require_publishable(store: Store, address: Address) -> None:
    """Refuse to publish to a port that is retired.

    Raises:
        RetiredPortError: It is.
    """
    ended = retirement(store, address)
    if ended is not None:
        raise RetiredPortError(ended.address, f"{ended.retired_at:%Y-%m-%d}")
