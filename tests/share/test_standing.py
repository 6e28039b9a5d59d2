from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest

from mesh_dagster.observe.alerts import record
from mesh_dagster.observe.attention import open_list
from mesh_dagster.observe.judgement import statuses
from mesh_dagster.observe.watch import Watcher, take_over
from mesh_dagster.run.registry import Registry
from mesh_dagster.run.store import Store
from mesh_dagster.share.standing import of_domain, standing
from tests.discover.scenario import (
    HOUR,
    LINES,
    NOW,
    declare,
    invoices,
    publish_lines,
    rows,
    totals,
    wide_invoices,
)
from tests.share.reading import read
from tests.share.scenario import now, served

WATCHER = Watcher("here", frozenset({"sales"}))


@pytest.fixture
def registry(mesh_root: Path) -> Iterator[Registry]:
    with closing(Registry(Store.at(mesh_root).registry_url)) as opened:
        yield opened


def judge(registry: Registry, at: datetime) -> None:
    """Let the sensor judge, as long ago as a test needs."""
    take_over([LINES], registry, at, watcher=WATCHER)
    record(statuses(registry, at), registry, at, judge=WATCHER.judge)


def declare_many(registry: Registry, at: datetime = NOW) -> None:
    """Declare more ports than a page judges, two of them to be fresh within six hours."""
    declare(registry, invoices(), wide_invoices(400), totals(), at=at)


def test_what_has_recovered_is_not_broken_though_no_sensor_has_seen_it(registry: Registry) -> None:
    product, seen = invoices(), now() - HOUR
    declare(registry, product, at=seen - 8 * HOUR)
    judge(registry, seen)
    before = standing(registry, seen)
    publish_lines(registry, rows(1), product)
    later = now()

    found = standing(registry, later)

    assert [one.address for one in before.broken] == [LINES]
    assert [one.address for one in open_list(registry, later)] == [LINES]
    assert (found.broken, found.states) == ((), {"ok": 1})
    assert (found.judged_at, found.silent) == (later, {WATCHER.judge: later - seen})


def test_a_large_mesh_is_counted_as_it_was_judged_and_listed_as_it_is(registry: Registry) -> None:
    declare_many(registry)
    unwatched = standing(registry, NOW)
    judge(registry, NOW)

    found = standing(registry, NOW + 7 * HOUR)
    listed, count = of_domain(registry, "sales", NOW + 7 * HOUR, offset=0, limit=1)

    assert (unwatched.judged_at, unwatched.states, unwatched.silent) == (None, {None: 3}, {})
    assert (found.judged_at, found.silent) == (NOW, {WATCHER.judge: 7 * HOUR})
    assert "no_data" not in found.states
    assert [one.state for one in found.domains[1].shown] == ["no_data", "no_data"]
    assert ([one.key for one in listed], listed[0].state, count) == (
        ["sales/invoices"],
        "no_data",
        2,
    )


def test_a_page_says_how_old_a_judgement_is_and_that_nobody_judges_any_more(
    registry: Registry,
) -> None:
    declare_many(registry, now() - 3 * HOUR)
    with served() as client:
        before = " ".join(read(client.get("/").text).texts("main")[0].split())
    judge(registry, now() - 3 * HOUR)

    with served() as client:
        page = read(client.get("/").text)

    judged = "as the sensors judged them, at most 3 h ago"
    assert "Products by their worst promise, never judged: ? 3 not judged" in before
    assert "Broken promises No promise was judged yet; start dagster-daemon." in before
    assert (
        "The sensor of here:sales has not judged for 3 h, so nobody is told meanwhile; "
        "start dagster-daemon." in page.texts("p")
    )
    assert f"Broken promises {judged}" in page.texts("h2")
    assert f"Products by their worst promise, {judged}:" in page.texts("span")
