"""Run years of late products, dying sinks and killed daemons against the alerts, in seconds."""

import random
from bisect import bisect_right
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from itertools import pairwise

from mesh_dagster.observe.alerts import record
from mesh_dagster.observe.delivery import deliver
from mesh_dagster.observe.notice import Notice
from mesh_dagster.observe.outbox import LEASE
from mesh_dagster.observe.prune import Pruned, prune_daily
from mesh_dagster.observe.routing import Routing
from mesh_dagster.observe.settings import Settings
from mesh_dagster.observe.sink import SendError
from mesh_dagster.observe.status import SloStatus
from mesh_dagster.run.registry import Registry

EPOCH = datetime(2030, 1, 1, tzinfo=timezone.utc)
HOUR = 3600.0
DAY = 24 * HOUR
WITHIN = 26 * HOUR
RARELY = 0.002
"""The share of publications that are late by hours or days."""
CHAIN = 4
"""So many ports stand in one chain, each reading the one before."""


class Killed(BaseException):
    """What a killed process leaves undone."""


@dataclass
class Ear:
    """A sink that remembers what it heard, fails for a while and kills its deliverer at times."""

    chance: random.Random
    pager: bool
    down: tuple[float, float]
    kill_rate: float
    heard: list[tuple[float, Notice]] = field(default_factory=list)
    kills: int = 0
    clock: float = 0.0

    def send(self, notice: Notice, now: datetime) -> None:
        del now
        if self.down[0] <= self.clock < self.down[1]:
            raise SendError("is down")
        killed = self.chance.random() < self.kill_rate
        if killed and self.chance.random() < 0.3:
            raise Killed
        self.heard.append((self.clock, notice))
        if killed:
            self.kills += 1
            raise Killed


@dataclass
class Port:
    """One port: when it is published, and what it reads."""

    address: str
    product_key: str
    upstream: "Port | None"
    published: list[float]
    status: SloStatus

    def late_since(self, now: float, seen: float) -> float | None:
        """Return when it became late, as a clock that shows `seen` at `now` has it."""
        limit = self.published[bisect_right(self.published, now) - 1] + WITHIN
        return limit if seen > limit else None


@dataclass
class World:
    """All ports, both sinks, and what should have been told."""

    ports: list[Port]
    ears: dict[str, Ear]
    registry: Registry
    chance: random.Random
    settings: Settings
    expected: dict[str, tuple[str, float, float]] = field(default_factory=dict)
    """Breach key to address, and when it was seen first and last."""
    open: dict[str, tuple[float, str]] = field(default_factory=dict)
    """Address to when it became late, and the key."""
    times: Counter[str] = field(default_factory=Counter)
    before: float = 0.0
    ticks: int = 0
    restarts: int = 0
    pruned: Pruned = field(default_factory=Pruned)

    def tick(self, now: float, offset: float) -> None:
        """Judge, record, deliver, as a sensor does; a killed delivery is tried again later."""
        seen = now + offset
        self.ticks += 1
        statuses = self._judge(now, seen)
        for ear in self.ears.values():
            ear.clock = now
        clock = EPOCH + timedelta(seconds=seen)
        record(statuses, self.registry, clock, routing=self.settings.routing)
        self.pruned += prune_daily(self.registry, clock)
        self.send(clock)

    def send(self, clock: datetime) -> None:
        """Deliver, and once more after each kill, when the lease of the killed one is over."""
        for _ in range(20):
            with suppress(Killed):
                deliver(self.registry, self.settings, clock, side_by_side=1, chance=self.chance)
                return
            self.restarts += 1
            clock += LEASE + timedelta(seconds=1)

    def _judge(self, now: float, seen: float) -> list[SloStatus]:
        late = {port.address: port.late_since(now, seen) for port in self.ports}
        for port in self.ports:
            since = late[port.address]
            up = port.upstream
            cause = up.address if since and up and late[up.address] else None
            state = "breached" if since else "ok"
            began = EPOCH + timedelta(seconds=since or 0)
            old = port.status
            if (old.state, old.since, old.caused_by) != (state, began, cause):
                port.status = _status(port.address, port.product_key, since, cause)
            self._expect(port, since, now)
        self.before = seen
        return [port.status for port in self.ports]

    def _expect(self, port: Port, since: float | None, now: float) -> None:
        known = self.open.get(port.address)
        if known and (since is None or (since > self.before and since != known[0])):
            address, first, _ = self.expected[known[1]]
            self.expected[known[1]] = (address, first, now)
            del self.open[port.address]
            known = None
        if since is not None and known is None:
            breach_id = str(port.status.breach_id)
            self.times[breach_id] += 1
            times = self.times[breach_id]
            key = breach_id if times == 1 else f"{breach_id}-{times}"
            self.expected[key] = (port.address, now, float("inf"))
            self.open[port.address] = (since, key)


def build(registry: Registry, *, ports: int, days: float, seed: int, kill_rate: float) -> World:
    """Make a world: chains of ports, one chat that dies for a day, one pager that does too."""
    chance = random.Random(seed)  # noqa: S311 - makes the same world each time
    made: list[Port] = []
    for number in range(ports):
        upstream = made[-1] if number % CHAIN else None
        product = f"domain_{number // CHAIN}/product_{number % CHAIN // 2}"
        address = f"mesh://{product}/v1/port_{number % 2}"
        published = _publications(chance, days, upstream)
        status = _status(address, product, None, None)
        made.append(Port(address, product, upstream, published, status))
    third = days * DAY / 3
    ears = {
        "chat": Ear(chance, pager=False, down=(third, third + DAY), kill_rate=kill_rate),
        "pager": Ear(chance, pager=True, down=(2 * third, 2 * third + DAY), kill_rate=kill_rate),
    }
    routing = Routing(default=("chat", "pager"), sinks=frozenset(ears), pagers=frozenset({"pager"}))
    return World(made, ears, registry, chance, Settings(ears, routing))


def run(world: World, *, days: float, idle: float = 8 * HOUR) -> None:
    """Let time pass: ticks where something may change, outages of the daemon, clock steps."""
    moments = _moments(world, days, idle)
    outages = _spans(world.chance, days, per_year=12, longest=12 * HOUR)
    steps = _spans(world.chance, days, per_year=12, longest=6 * HOUR)
    offsets = {span: world.chance.choice([-2 * HOUR, -600.0, 600.0, 3 * HOUR]) for span in steps}
    for now in moments:
        if any(start <= now < end for start, end in outages):
            continue
        offset = next((offsets[s] for s in steps if s[0] <= now < s[1]), 0.0)
        world.tick(now, offset)
    for ear in world.ears.values():
        ear.kill_rate = 0.0
    end = days * DAY
    for port in world.ports:
        port.published.append(end)
    for turn in range(4):
        world.tick(end + 1 + turn * HOUR, 0.0)


def _moments(world: World, days: float, idle: float) -> list[float]:
    end = days * DAY
    marks = {float(moment) for moment in range(0, int(end), int(idle))}
    for port in world.ports:
        for before, after in pairwise(port.published):
            if after - before > WITHIN:
                marks |= {_tick_after(before + WITHIN), _tick_after(after)}
    for ear in world.ears.values():
        marks |= {_tick_after(ear.down[0] + 600 * n) for n in range(150)}
    return sorted(mark for mark in marks if mark < end)


def _tick_after(moment: float) -> float:
    return (moment // 60 + 1) * 60


def _publications(chance: random.Random, days: float, upstream: Port | None) -> list[float]:
    """Publish about daily; sometimes late by hours or days, and never before upstream has."""
    published = [-1.0]
    due = DAY * chance.random()
    while due < days * DAY:
        late = chance.expovariate(1 / DAY) if chance.random() < RARELY else chance.random() * HOUR
        at = max(due + late, published[-1] + 60)
        if upstream:
            later = bisect_right(upstream.published, due - DAY / 2)
            at = max(at, upstream.published[min(later, len(upstream.published) - 1)] + 600)
        published.append(at)
        due += DAY
    return [at for at in published if at < days * DAY]


def _spans(
    chance: random.Random, days: float, *, per_year: int, longest: float
) -> list[tuple[float, float]]:
    count = max(1, round(per_year * days / 365))
    starts = [chance.random() * days * DAY for _ in range(count)]
    return [(start, start + chance.random() * longest) for start in starts]


def _status(address: str, product: str, since: float | None, cause: str | None) -> SloStatus:
    return SloStatus(
        address=address,
        product_key=product,
        owner="team:x",
        objective="freshness",
        state="breached" if since else "ok",
        since=EPOCH + timedelta(seconds=since or 0),
        age=timedelta(seconds=WITHIN),
        limit=timedelta(seconds=WITHIN),
        target=0.99,
        window=timedelta(days=28),
        budget_remaining=1.0,
        caused_by=cause,
    )
