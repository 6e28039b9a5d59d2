"""The real plays, judged as of their own time and as of now."""

from datetime import datetime, timedelta, timezone
from pathlib import Path

import polars as pl
import pytest

import mesh_dagster as md
from example_domains.media_player import build, contracts, source
from example_domains.source_folder import GIVEN
from mesh_dagster.declare.product import DataProduct
from mesh_dagster.observe.judgement import statuses
from mesh_dagster.observe.status import SloStatus
from mesh_dagster.run.declared import register
from mesh_dagster.run.judge import Batch
from mesh_dagster.run.publish import Published, publish
from mesh_dagster.run.registry import Registry
from mesh_dagster.run.store import Store

END = datetime(2014, 6, 22, 23, 59, 19, tzinfo=timezone.utc)
NOW = datetime(2026, 11, 1, tzinfo=timezone.utc)
DAYS = [f"2014-06-{day}" for day in range(16, 23)]
HOUR = timedelta(hours=1)
EVENTS = "mesh://media_player/plays/v1/events"


@pytest.fixture(autouse=True)
def real(real_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the domain read the real files."""
    monkeypatch.setenv(GIVEN, str(real_data))


def published_plays(per: str | None) -> Registry:
    """Publish the real plays of each day, oldest first."""
    product = DataProduct(
        domain="media_player",
        name="plays",
        version="1.0.0",
        owner="team:media-player",
        alignment="source",
        purpose="Every song a radio station played.",
    )

    @product.port(
        contract=contracts.Play,
        freshness=md.Freshness(within=24 * HOUR, by="played_at", per=per),
        quality=md.Quality(valid_rows=0.99, otherwise="quarantine"),
    )
    def events() -> pl.LazyFrame:
        raise NotImplementedError

    store = Store.at()
    registry = Registry(store.registry_url)
    register(product, registry, lambda: NOW - HOUR)
    for day in DAYS:
        plan = build.events(build.plays_of_day(source.read_plays(), day))
        batch = Batch(product.ports["events"], plan, day)
        assert isinstance(publish(batch, store, registry, lambda: NOW), Published)
    return registry


def freshness_of(registry: Registry, now: datetime) -> SloStatus:
    return statuses(registry, now, historic=True)[0]


def test_as_of_their_own_time_the_plays_are_fresh() -> None:
    known = freshness_of(published_plays(None), END)

    assert (known.state, known.age) == ("ok", timedelta(0))


def test_as_of_their_own_time_one_station_is_silent_for_seventy_hours() -> None:
    known = freshness_of(published_plays("station"), END)

    assert (known.state, known.late_groups[0]) == ("breached", "KSLX")
    assert known.age == timedelta(hours=69, minutes=59, seconds=44)
    assert known.since == datetime(2014, 6, 21, 1, 59, 35, tzinfo=timezone.utc)


def test_as_of_now_every_station_is_late() -> None:
    registry = published_plays("station")
    after = max(one.published_at for one in registry.publications(EVENTS))

    known = freshness_of(registry, after)

    assert (known.state, known.late_group_count) == ("breached", 25)
    assert known.age is not None
    assert known.age > timedelta(days=4000)
