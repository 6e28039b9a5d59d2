"""Gather what is needed to judge the promises of all ports, from the registry alone.

In:  the registry, a clock reading; whatever was published after it does not count.
Out: `PortFacts`, by a constant number of SQL statements, however many ports there are.
No module of a team is imported: promises are read as `run/declared.py` wrote them.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

from mesh_dagster.declare.slo import Freshness, Quality
from mesh_dagster.run import history
from mesh_dagster.run.history import Made
from mesh_dagster.run.registry import Registry

Json = Mapping[str, Any]  # Any: JSON


@dataclass(frozen=True)
class PortFacts:
    """What is known of one port. All times are aware UTC."""

    address: str
    product_key: str
    owner: str
    quality: Quality
    freshness: Freshness | None = None
    inputs: tuple[str, ...] = ()
    """The addresses that its product reads."""
    registered_at: datetime | None = None
    """`None` when it was registered after the clock reading."""
    partitioned: bool = False
    partitions: Json | None = None
    """As `compile/expected.py` describes them; `None` when they are not known beforehand."""
    made: Sequence[Made] = ()
    """The publications of the window and the last one before it, oldest first."""
    newest_before: datetime | None = None
    """The newest event that was published before the window."""
    complete: bool = True
    """Whether `made` begins with the first publication of all."""
    groups: Mapping[str, datetime] = field(default_factory=dict)
    """The newest event of each group that the promise watches."""
    hides_groups: bool = False
    """Whether the names of its groups are sensitive."""
    slices: Mapping[str, datetime] = field(default_factory=dict)
    """Partition to its first publication."""
    refused: Sequence[datetime] = ()
    """The refusals of the window, oldest first."""
    refused_since: datetime | None = None
    """The first refusal of a slice that has not been published since."""


def gather(
    registry: Registry, now: datetime, only: Collection[str] | None = None
) -> list[PortFacts]:
    """Return the facts of every registered port, or of `only` these addresses, by address."""
    declared = _declared(registry, now, only)
    declared = [port for port in declared if only is None or port.address in only]
    starts = {port.address: now - _window(port) for port in declared}
    earlier = history.before(registry, starts, only)
    recent = history.since(registry, starts, now, only)
    groups = history.groups(registry, now, only) if _watch_groups(declared) else {}
    slices = history.slices(registry, now, only) if _know_partitions(declared) else {}
    refused = history.refused(registry, min(starts.values(), default=now), now, only)
    standing = history.refused_since(registry, now, only)
    facts = []
    for port in declared:
        address, known = port.address, earlier.get(port.address)
        facts.append(
            replace(
                port,
                made=[*([known.last] if known else []), *recent.get(address, ())],
                newest_before=known.newest_event if known else None,
                complete=known is None or known.first_published_at == known.last.published_at,
                groups=groups.get(address, {}),
                slices=slices.get(address, {}),
                refused=[t for t in refused.get(address, ()) if t > starts[address]],
                refused_since=standing.get(address),
            )
        )
    return facts


def with_all_publications(
    registry: Registry, facts: Iterable[PortFacts], now: datetime
) -> list[PortFacts]:
    """Return the facts of some ports with every publication up to the clock reading."""
    ports = {port.address: port for port in facts}
    made = history.up_to(registry, ports, now)
    return [
        replace(port, made=made.get(address, []), newest_before=None, complete=True)
        for address, port in ports.items()
    ]


def by_data_time(registry: Registry, facts: Iterable[PortFacts], now: datetime) -> list[PortFacts]:
    """Judge ports as if each batch had been published when its newest event happened.

    So history that was loaded later can be judged as of its own time. Of groups only the newest
    event is known; those that had none yet at the time count as fresh.

    Args:
        registry: What holds the publications.
        facts: The ports, none of them published at the clock reading.
        now: The clock reading.
    """
    ports = {port.address: port for port in facts}
    groups = history.groups(registry, None) if _watch_groups(ports.values()) else {}
    slices = history.slices(registry, now, by_data=True)
    made = history.by_data_time(registry, ports, now)
    return [
        replace(
            port,
            made=[
                Made(time, min([time, *groups.get(address, {}).values()]))
                for time, _ in made.get(address, ())
            ],
            groups={name: time for name, time in groups.get(address, {}).items() if time <= now},
            slices=slices.get(address, {}),
        )
        for address, port in ports.items()
    ]


def freshness_of(row: Json) -> Freshness:
    """Read a freshness promise, as `run/declared.py` wrote it."""
    return Freshness(
        within=timedelta(seconds=row["within_seconds"]),
        by=row.get("by"),
        per=row.get("per"),
        warn=_span(row.get("warn_seconds")),
        deadline=row.get("deadline"),
        timezone=row.get("timezone", "UTC"),
        calendar=row.get("calendar"),
        holidays=tuple(date.fromisoformat(day) for day in row.get("holidays", ())),
        grace=timedelta(seconds=row.get("grace_seconds", 0)),
        target=row["target"],
        window=timedelta(seconds=row["window_seconds"]),
        alert=tuple(row.get("alert", ())),
    )


def quality_of(row: Json) -> Quality:
    """Read a quality promise, likewise."""
    rows, usual = row.get("rows"), Quality()
    window = row.get("window_seconds", usual.window.total_seconds())
    return Quality(
        valid_rows=row["valid_rows"],
        otherwise=row["otherwise"],
        target=row.get("target", usual.target),
        window=timedelta(seconds=window),
        rows=(rows[0], rows[1]) if rows else None,
        rows_vs_last=row.get("rows_vs_last"),
        volume=row.get("volume", usual.volume),
        row_keys=row.get("row_keys", usual.row_keys),
        quarantine_retention=_span(row.get("quarantine_retention_seconds")),
        alert=tuple(row.get("alert", ())),
    )


def _span(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)


def _declared(registry: Registry, now: datetime, only: Collection[str] | None) -> list[PortFacts]:
    rows = history.declarations(registry, now, only)
    # Many ports promise the same, and a promise is checked whenever it is made.
    promised = {repr(row.freshness): row.freshness for row in rows if row.freshness}
    fresh = {text: freshness_of(row) for text, row in promised.items()}
    demanded = {repr(row.quality): row.quality for row in rows}
    valid = {text: quality_of(row) for text, row in demanded.items()}
    return [
        PortFacts(
            address=row.address,
            product_key=row.product_key,
            owner=row.owner,
            quality=valid[repr(row.quality)],
            freshness=fresh.get(repr(row.freshness)),
            inputs=tuple(sorted(row.inputs.values())),
            hides_groups=bool(row.hides_groups),
            registered_at=row.registered_at if row.registered_at <= now else None,
            partitioned=bool(row.partitioned),
            partitions=row.partitions,
        )
        for row in rows
    ]


def _window(port: PortFacts) -> timedelta:
    return max([port.quality.window, *([port.freshness.window] if port.freshness else [])])


def _watch_groups(ports: Iterable[PortFacts]) -> bool:
    return any(port.freshness and port.freshness.per for port in ports)


def _know_partitions(ports: Iterable[PortFacts]) -> bool:
    return any(port.partitions for port in ports)
