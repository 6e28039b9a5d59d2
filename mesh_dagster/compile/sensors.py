"""Watch the promises of a code location: the one sensor that judges, records and alerts.

In:  the products of the location, the registry, the settings of alerts.
Out: state changes and notices in the registry, notices delivered, `freshness` checks in Dagster.
How a promise stands is judged by `observe/`, from publications alone; the sensor only asks, so a
tick that is repeated, or a day without any, changes nothing that is true.
"""

import hashlib
import json
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import cache, cached_property

import dagster as dg

from mesh_dagster.compile import names
from mesh_dagster.compile.declared import products_in
from mesh_dagster.compile.expected import expected_partitions
from mesh_dagster.compile.promises import CHECK, freshness_evaluation
from mesh_dagster.compile.resources import MeshResource
from mesh_dagster.declare.port import OutputPort
from mesh_dagster.declare.product import DataProduct
from mesh_dagster.observe.alerts import changed_after
from mesh_dagster.observe.judgement import statuses
from mesh_dagster.observe.settings import Settings, load_settings
from mesh_dagster.observe.status import SloStatus
from mesh_dagster.observe.tick import Tick, tick
from mesh_dagster.observe.unmet import tell_unmet
from mesh_dagster.observe.watch import Watcher, take_over, withdraw
from mesh_dagster.run.declared import port_row, product_row, register
from mesh_dagster.run.registry import Registry
from mesh_dagster.run.retirements import retirements_in

_SECONDS_BETWEEN = 30


@dataclass(frozen=True)
class Watched:
    """The products of one code location."""

    products: Sequence[DataProduct]
    location: str = ""
    """Its name in the workspace."""
    before: str = ""
    """The judge that it was at its last tick."""
    shown: datetime | None = None
    """Up to when Dagster was shown what changed; a tick that is killed has shown nothing."""
    ended: frozenset[str] = frozenset()
    """Retired addresses, which are watched no more, though somebody declared them again."""

    @property
    def watcher(self) -> Watcher:
        """The name under which this location judges, and what it may withdraw."""
        domains = frozenset(product.domain for product in self.products)
        return Watcher(self.location, domains, self.before)

    @property
    def ports(self) -> dict[str, OutputPort]:
        """Address to port."""
        declared = {str(port.address): port for p in self.products for port in p.ports.values()}
        return {address: port for address, port in declared.items() if address not in self.ended}

    @property
    def promises(self) -> set[tuple[str, str]]:
        """Every promise: an address and an objective."""
        fresh = {(address, CHECK) for address, port in self.ports.items() if port.freshness}
        return fresh | {(address, "quality") for address in self.ports}

    def cursor(self, shown: datetime | None) -> str:
        """JSON: as which judge, with which declarations it watched, and what it has shown."""
        moment = shown.isoformat() if shown else None
        known = {"judge": self.watcher.judge, "declared": self.fingerprint, "shown": moment}
        return json.dumps(known)

    @cached_property
    def fingerprint(self) -> str:
        """Hex; equal while the declarations are."""
        epoch = datetime.fromtimestamp(0, timezone.utc)
        rows = [
            [product_row(p, epoch), port_row(p, port, epoch, expected_partitions(port))]
            for p in self.products
            for port in p.ports.values()
            if str(port.address) not in self.ended
        ]
        return hashlib.sha256(json.dumps(rows, default=str).encode()).hexdigest()


@cache
def slo_sensor() -> dg.SensorDefinition:
    """Return the sensor of a code location; it runs without being switched on.

    It is always the same one and finds the products in the location that it runs in, so that
    definitions which carry it can be merged.
    """

    @dg.sensor(
        name=names.SLO_SENSOR,
        minimum_interval_seconds=_SECONDS_BETWEEN,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Judges every promise of the domain, records what changed, sends alerts.",
    )
    def evaluate(context: dg.SensorEvaluationContext, mesh: MeshResource) -> dg.SensorResult:
        now = datetime.now(timezone.utc)
        with closing(mesh.open_registry()) as registry:
            ended = frozenset(retirements_in(registry))
            watched = replace(watching(context), ended=ended)
            settings = load_settings(mesh.store())
            if context.cursor != watched.cursor(watched.shown):
                enrol(watched, registry, settings, now)
            found = judged(watched, registry, now)
            done = tick(found, registry, settings, now, judge=watched.watcher.judge)
            result = _shown(watched, registry, found, done)
            if not result.asset_events:
                settings.require_sinks()  # the tick did its work, and fails so that people look
            return result

    return evaluate


def _shown(
    watched: Watched, registry: Registry, found: Sequence[SloStatus], done: Tick
) -> dg.SensorResult:
    """Show Dagster what changed now, and what changed in earlier ticks that did not come so far."""
    ports, changed = watched.ports, {one.address for one in done.changes.changed}
    later = changed_after(registry, watched.shown, "freshness")
    after = {address: time for address, time in later.items() if address in ports}
    known = [watched.shown] if watched.shown else []
    return dg.SensorResult(
        asset_events=[
            freshness_evaluation(ports[one.address], one)
            for one in found
            if one.objective == CHECK and one.address in changed | after.keys()
        ],
        cursor=watched.cursor(max([*known, *after.values()], default=None)),
    )


def watching(context: dg.SensorEvaluationContext) -> Watched:
    """Return what a sensor watches, and what it remembers of its last tick."""
    origin, location = context.code_location_origin, context.repository_def
    products = products_in(location.metadata or {}) if location else ()
    before, shown = "", None
    with suppress(ValueError, TypeError, LookupError):  # its first tick, or a cursor by people
        known = json.loads(context.cursor or "{}")
        before = str(known["judge"])
        shown = datetime.fromisoformat(known["shown"]).astimezone(timezone.utc)
    return Watched(products, origin.location_name if origin else "", before, shown)


def enrol(watched: Watched, registry: Registry, settings: Settings, now: datetime) -> None:
    """Register what a location declares, tell what of it cannot work, withdraw what is gone."""
    _register(watched, registry, now)
    tell_unmet(watched.products, registry, now, routing=settings.routing)
    withdraw(watched.promises, registry, now, watcher=watched.watcher, routing=settings.routing)


def judged(watched: Watched, registry: Registry, now: datetime) -> list[SloStatus]:
    """Judge every promise of a location once."""
    found = _statuses(watched, registry, now)
    if {one.address for one in found} != watched.ports.keys():
        # Another location that once declared some of these ports has withdrawn them since.
        _register(watched, registry, now)
        found = _statuses(watched, registry, now)
    return found


def _register(watched: Watched, registry: Registry, now: datetime) -> None:
    for product in watched.products:
        register(product, registry, lambda: now, expected_partitions)
    take_over(watched.ports, registry, now, watcher=watched.watcher)


def _statuses(watched: Watched, registry: Registry, now: datetime) -> list[SloStatus]:
    # All ports are judged, because a breach may be explained by a port of another location.
    mine = watched.ports.keys()
    return [one for one in statuses(registry, now) if one.address in mine]
