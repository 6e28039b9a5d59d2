"""Measure one tick over many ports, and count its SQL statements."""

import tempfile
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from mesh_dagster.declare.slo import Freshness, Quality
from mesh_dagster.observe.judgement import statuses
from mesh_dagster.observe.notice import Notice
from mesh_dagster.observe.routing import LOG
from mesh_dagster.observe.settings import Settings
from mesh_dagster.observe.tick import tick
from mesh_dagster.run.declared import freshness_row, quality_row
from mesh_dagster.run.registry import Publication, Refusal, Registry

NOW = datetime(2026, 11, 1, 6, 30, tzinfo=timezone.utc)
_CHUNK = 20_000
_PORTS_OF_A_PRODUCT = 2
_DAY = timedelta(days=1)
_EVERY_FIFTH = 5
_EVERY_HUNDREDTH = 100
_DAILY = {
    "cron": "0 0 * * *",
    "timezone": "UTC",
    "format": "%Y-%m-%d",
    "hourly": False,
    "end": None,
    "held_back": 0,
    "excluded_crons": [],
    "excluded": [],
}
_COLUMNS = [
    {"name": f"column_{n}", "type": "String", "rules": ["length <= 200"], "description": "Text."}
    for n in range(8)
]


class Quiet:
    """A sink that says nothing of what it hears, only when deliveries began and how many came."""

    pager = False

    def __init__(self) -> None:
        self.heard: list[float] = []

    def send(self, _notice: Notice, _now: datetime) -> None:
        """Take a notice."""
        self.heard.append(time.process_time())


def main(ports: str = "5000", days: str = "56", rounds: str = "4") -> None:
    """Fill a registry, then tick: the first time all is new, in the end nothing is."""
    with tempfile.TemporaryDirectory() as folder:
        registry = Registry(f"sqlite:///{Path(folder) / 'registry.db'}")
        _fill(registry, int(ports), int(days))
        statements: list[str] = []

        @sa.event.listens_for(sa.Engine, "before_cursor_execute")
        def count(*given: Any) -> None:  # Any: what SQLAlchemy hands over
            statements.append(str(given[2]))

        print(f"{int(ports):,} ports with {days} daily publications each; bar 2 s a tick")
        for number in range(int(rounds)):
            _tick(registry, NOW + number * timedelta(seconds=30), statements)
        sa.event.remove(sa.Engine, "before_cursor_execute", count)
        registry.close()


def _tick(registry: Registry, now: datetime, statements: list[str]) -> None:
    sink = Quiet()
    statements.clear()
    begin, wall = time.process_time(), time.perf_counter()
    found = statuses(registry, now)
    judged, judging = time.process_time(), len(statements)
    tick(found, registry, Settings({LOG: sink}), now)
    end = time.process_time()
    recorded = min([*sink.heard, end])
    told = len(sink.heard)
    print(
        f"{len(found):,} promises, {sum(status.broken for status in found):,} broken: judged in "
        f"{judged - begin:.2f} s CPU by {judging} SQL statements, recorded in "
        f"{recorded - judged:.2f} s, {told:,} notices delivered in {end - recorded:.2f} s; "
        f"{len(statements) - judging:,} more statements, {time.perf_counter() - wall:.2f} s in all",
        flush=True,
    )


def _fill(registry: Registry, ports: int, days: int) -> None:
    begin = NOW - days * _DAY
    for first in range(0, ports, _PORTS_OF_A_PRODUCT):
        key = f"domain_{first % 50}/product_{first}"
        numbers = range(first, min(first + _PORTS_OF_A_PRODUCT, ports))
        upstream = {"plays": _address(first - 2 * _PORTS_OF_A_PRODUCT)} if first > _CHUNK else {}
        registry.register(
            {
                "key": key,
                "major": 1,
                "guid": key,
                "version": "1.0.0",
                "owner": "team:benchmark",
                "alignment": "source",
                "purpose": "To be judged.",
                "declaration": {"inputs": upstream},
                "registered_at": begin,
            },
            [_port(number, key, begin) for number in numbers],
        )
    made: list[Publication] = []
    for one in _publications(ports, days):
        made.append(one)
        if len(made) == _CHUNK:
            registry.record(*made)
            made.clear()
    registry.record(*made)
    for number in range(0, ports, _EVERY_HUNDREDTH):
        registry.refuse(Refusal(_address(number), f"r{number}", NOW - _DAY / 8, "", 10, {"a": 1}))


def _address(number: int) -> str:
    first = number - number % _PORTS_OF_A_PRODUCT
    return f"mesh://domain_{first % 50}/product_{first}/v1/port_{number}"


def _port(number: int, key: str, begin: datetime) -> dict[str, Any]:  # Any: JSON
    partitioned = number % _EVERY_FIFTH == 0
    promise = Freshness(
        within=timedelta(hours=12 + number % 24),
        by="at" if number % 2 else None,
        warn=timedelta(hours=6),
        deadline="0 6 * * *" if number % _EVERY_FIFTH == 1 else None,
        timezone="Europe/Berlin",
    )
    declaration = {
        "columns": _COLUMNS,
        "quality": quality_row(Quality()),
        "freshness": freshness_row(promise),
        "partitioned": partitioned,
        "partitions": {"keys": [{**_DAILY, "start": begin.isoformat()}]} if partitioned else None,
    }
    return {
        "address": _address(number),
        "product_key": key,
        "description": None,
        "declaration": declaration,
        "registered_at": begin,
    }


def _publications(ports: int, days: int) -> Iterator[Publication]:
    for number in range(ports):
        partitioned = number % _EVERY_FIFTH == 0
        for day in range(days):
            time = NOW - (days - day) * _DAY + timedelta(minutes=number % 1440)
            yield Publication(
                address=_address(number),
                version=day,
                publication_id=f"{number}-{day}",
                published_at=time,
                contract_version="1.0.0",
                contract_digest="",
                verdict_digest="",
                slice=f"{time - _DAY:%Y-%m-%d}" if partitioned else "",
                rows=1000,
                port_rows=1000,
                data_time=time - timedelta(hours=1),
            )
