import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from mesh_dagster.discover.kpi import Kpi, LeadTimes, kpi
from mesh_dagster.run.count import Read, count, settle
from mesh_dagster.run.registry import Publication, Registry
from mesh_dagster.run.visits import METADATA, prune, visit, visits
from tests.discover.scenario import HOUR, LINES, NOW, TOTALS, declare, invoices, totals

DAY = timedelta(days=1)


def published(registry: Registry, address: str, after: timedelta, version: int = 0) -> None:
    digest = "0" * 64
    made = Publication(
        address, version, f"{address}{version}", NOW + after, "1.0.0", digest, digest, "", 1, 1
    )
    registry.record(made)


def read(registry: Registry, reader: str, after: timedelta, address: str = LINES) -> None:
    made = Read(address, 0, "python", NOW + after, reader)
    count(registry.url.render_as_string(hide_password=False), made)
    settle()


def test_lead_times_are_those_of_first_times(registry: Registry) -> None:
    declare(registry, invoices(), totals())
    declare(registry, invoices("2.0.0"), at=NOW + DAY)
    published(registry, LINES, 2 * HOUR)
    published(registry, LINES, 3 * HOUR, version=1)
    visit(registry, "ann", "search", ["sales/invoices", "report/totals"], NOW + 3 * HOUR)
    visit(registry, "ann", "view", ["sales/invoices"], NOW + 4 * HOUR)
    visit(registry, "bob", "view", ["sales/invoices"], NOW + 4 * HOUR)
    read(registry, "ann", 5 * HOUR)
    read(registry, "ann", 6 * HOUR)
    read(registry, "bob", 4 * HOUR + DAY)

    found = kpi(registry)

    invoiced = LeadTimes("sales/invoices", NOW, NOW + 2 * HOUR, 2 * HOUR, 2, 13 * HOUR)
    assert found == Kpi(
        products=(LeadTimes("report/totals", NOW, None, None, 0, None), invoiced),
        published=1,
        to_publish=2 * HOUR,
        new_readers=2,
        to_use=13 * HOUR,
    )


def test_who_knew_a_product_before_is_no_new_reader(registry: Registry) -> None:
    declare(registry, invoices())
    read(registry, "ann", HOUR)
    visit(registry, "ann", "search", ["sales/invoices"], NOW + 2 * HOUR)
    read(registry, "ann", 3 * HOUR)
    read(registry, "no_visitor", 3 * HOUR)

    assert kpi(registry).new_readers == 0


def test_a_publication_from_before_the_registry_has_no_lead_time(registry: Registry) -> None:
    declare(registry, totals())
    published(registry, TOTALS, -HOUR)

    (found,) = kpi(registry).products

    assert (found.published_at, found.to_publish) == (NOW - HOUR, None)


def test_an_empty_mesh_has_no_lead_times(registry: Registry) -> None:
    assert kpi(registry) == Kpi((), 0, None, 0, None)


def test_visits_of_a_day_are_one_row_that_keeps_the_first_time(registry: Registry) -> None:
    for after in (HOUR, 2 * HOUR, DAY):
        visit(registry, "ann", "view", ["sales/invoices"], NOW + after)

    rows = registry.rows(sa.select(visits.c.first_at, visits.c.last_at).order_by(visits.c.day))

    assert [tuple(row.values()) for row in rows] == [
        (NOW + HOUR, NOW + 2 * HOUR),
        (NOW + DAY, NOW + DAY),
    ]
    assert prune(registry, NOW + DAY) == 1


def test_a_visit_never_waits_for_a_locked_registry(tmp_path: Path) -> None:
    with closing(Registry(f"sqlite:///{tmp_path}/registry.sqlite")) as opened:
        opened.make(METADATA)
        with closing(sqlite3.connect(tmp_path / "registry.sqlite")) as other:
            other.execute("BEGIN IMMEDIATE")
            visit(opened, "ann", "view", ["sales/invoices"], NOW)

        assert opened.rows(sa.select(visits)) == []
