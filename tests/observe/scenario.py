"""A mesh with few promises, and receivers that run in this process."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone

from mesh_dagster.observe.notice import Item, Kind, Notice
from mesh_dagster.observe.routing import Routing, Tier
from mesh_dagster.observe.settings import Settings
from mesh_dagster.observe.sink import SendError
from mesh_dagster.observe.status import SloStatus
from mesh_dagster.run.registry import Registry

NOON = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
PLAYS = "mesh://media_player/plays/v1/events"
PLAYERS = "mesh://media_player/plays/v1/players"
ROYALTIES = "mesh://payments/royalties/v1/monthly"


@dataclass
class Ear:
    """A sink that remembers what it heard, or fails as it is told to."""

    pager: bool = False
    fails: Callable[[Notice], SendError | None] = lambda _: None
    heard: list[Notice] = field(default_factory=list)
    tried: list[Notice] = field(default_factory=list)

    def send(self, notice: Notice, now: datetime) -> None:
        del now
        self.tried.append(notice)
        error = self.fails(notice)
        if error:
            raise error
        self.heard.append(notice)

    @property
    def told(self) -> list[tuple[str, list[str]]]:
        """What was heard: the kind and the addresses of each notice."""
        return [(one.kind, [item.address for item in one.items]) for one in self.heard]


def down(_: Notice) -> SendError:
    return SendError("cannot be reached")


def settings(tiers: tuple[Tier, ...] = (), **ears: Ear) -> Settings:
    """Return settings in which the first of the sinks is the default."""
    pagers = frozenset(name for name, ear in ears.items() if ear.pager)
    routing = Routing(
        default=(next(iter(ears)),), sinks=frozenset(ears), pagers=pagers, tiers=tiers
    )
    return Settings(ears, routing)


def late(address: str = PLAYS, since: datetime = NOON, caused_by: str | None = None) -> SloStatus:
    return SloStatus(
        address=address,
        product_key="/".join(address.removeprefix("mesh://").split("/")[:2]),
        owner="team:x",
        objective="freshness",
        state="breached",
        since=since,
        age=2 * HOUR,
        limit=HOUR,
        target=0.99,
        window=timedelta(days=28),
        budget_remaining=0.5,
        caused_by=caused_by,
    )


def fine(status: SloStatus, since: datetime) -> SloStatus:
    return replace(status, state="ok", since=since, caused_by=None)


def declare(registry: Registry, addresses: Iterable[str], **alert: object) -> None:
    """Register ports whose promises name sinks: `freshness="ops"`, `quality=["ops", "boss"]`."""
    promises = {objective: {"alert": names} for objective, names in alert.items()}
    empty = {"key": "a/b", "major": 1, "guid": "", "version": "1.0.0", "owner": "team:x"}
    registry.register(
        {**empty, "alignment": "source", "purpose": "", "declaration": {}, "registered_at": NOON},
        [
            {
                "address": address,
                "product_key": late(address).product_key,
                "description": None,
                "declaration": promises,
                "registered_at": NOON,
            }
            for address in addresses
        ],
    )


def notice(kind: Kind = "breach", key: str = "a" * 64) -> Notice:
    item = Item(key, PLAYS, "media_player/plays", "team:x", "freshness", NOON, "freshness: 2 h old")
    return Notice("n" * 32, "ops", kind, "media_player/plays", "media_player/plays", (item,), NOON)
