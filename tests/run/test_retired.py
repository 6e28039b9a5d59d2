"""What becomes of a port that is deprecated, and of one whose life has ended."""

import warnings
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import pytest

import mesh_dagster as md
from mesh_dagster.declare.address import Address
from mesh_dagster.declare.port import OutputPort
from mesh_dagster.errors import (
    DeprecatedPortWarning,
    NotPublishedError,
    RetiredError,
    RetiredPortError,
    StillPromisedError,
    StillReadError,
    SuccessorRefusedError,
)
from mesh_dagster.observe.ledger import METADATA, muted_addresses
from mesh_dagster.run import reads
from mesh_dagster.run.consumers import Consumer, consumers, deprecations_of, states_of
from mesh_dagster.run.declared import port_row, product_row, register
from mesh_dagster.run.overview import overview
from mesh_dagster.run.read import read, relation
from mesh_dagster.run.registry import Registry
from mesh_dagster.run.reindex import reindex
from mesh_dagster.run.retired import Retired, retirement
from mesh_dagster.run.retirements import retire, retirements_in
from mesh_dagster.run.retiring import named_successor, require_retirable
from mesh_dagster.run.sample import sample
from mesh_dagster.run.select import select
from mesh_dagster.run.store import WHOLE, Store
from mesh_dagster.run.vacuum import vacuum
from tests.run.scenario import (
    ADDRESS,
    NOW,
    lines,
    orders_at,
    port_of,
    product_of,
    publish_batch,
    publish_well,
    version_at,
)

SUCCESSOR = "mesh://sales/orders/v2/lines"
LEAVING = md.Deprecated(date(2026, 10, 1), date(2026, 12, 1), SUCCESSOR)
NEXT = port_of(version="2.0.0")
HOUR = timedelta(hours=1)


@pytest.fixture
def registry(mesh_root: Path) -> Iterator[Registry]:
    opened = Registry(f"sqlite:///{mesh_root}/registry.sqlite")
    yield opened
    opened.close()


def declare(registry: Registry, port: OutputPort, inputs: tuple[str, ...] = ()) -> None:
    product = product_of(port.version)
    product.inputs = {f"input_{n}": md.InputPort(one) for n, one in enumerate(inputs)}
    registry.register(product_row(product, NOW), [port_row(product, port, NOW)])


def end(registry: Registry, successor: str | None = SUCCESSOR) -> Retired:
    ended = Retired(ADDRESS, NOW, successor)
    retire(ended, Store.at(), registry)
    return ended


def test_two_majors_of_a_port_are_read_side_by_side(registry: Registry) -> None:
    publish_well(lines(1), port_of(state=LEAVING), registry=registry)
    publish_well(lines(1, 2), NEXT, registry=registry)

    with pytest.warns(DeprecatedPortWarning):
        old = orders_at()

    assert (old, orders_at(SUCCESSOR)) == ([1], [1, 2])
    assert [status.address for status in overview(registry)] == [ADDRESS, SUCCESSOR]


@pytest.mark.parametrize("reading", [read, relation])
def test_who_reads_a_deprecated_port_is_warned(reading: Callable[[str], object]) -> None:
    publish_well(lines(1), port_of(state=LEAVING))

    with pytest.warns(DeprecatedPortWarning) as told:
        reading(ADDRESS)

    [warning] = told
    assert str(warning.message) == (
        f"'{ADDRESS}' is deprecated since 2026-10-01 and promised until 2026-12-01; read "
        f"'{SUCCESSOR}' instead."
    )
    assert warning.filename == __file__


@pytest.mark.parametrize("asked", [ADDRESS, f"{ADDRESS}?version=0", f"{ADDRESS}?quarantine"])
def test_a_deprecation_counts_from_its_declaration_and_not_from_a_publication(
    registry: Registry, asked: str
) -> None:
    publish_well(lines(1), registry=registry)
    declare(registry, port_of(state=LEAVING))

    with pytest.warns(DeprecatedPortWarning, match="promised until 2026-12-01"):
        read(asked)


def test_a_deprecation_that_was_taken_back_is_told_no_more(registry: Registry) -> None:
    publish_well(lines(1), port_of(state=LEAVING), registry=registry)
    declare(registry, port_of())

    assert orders_at() == [1]  # a warning would be an error


def test_sql_tells_of_the_deprecated_ports_that_it_names(registry: Registry) -> None:
    publish_well(lines(1), registry=registry)
    publish_well(lines(1), NEXT, registry=registry)
    declare(registry, port_of(state=LEAVING))
    told: list[str] = []

    for name in ("orders_v1_lines", "orders_v2_lines"):
        with select(f"SELECT * FROM sales.{name}", Store.at(), told.append):  # noqa: S608 - ours
            pass

    assert [text.partition(" since")[0] for text in told] == [f"'{ADDRESS}' is deprecated"]


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:///nowhere.sqlite", "postgresql+psycopg://nobody@127.0.0.1:9/none"]
)
def test_where_the_registry_cannot_tell_the_publication_does(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    publish_well(lines(1), port_of(state=LEAVING))
    monkeypatch.setenv("MESH_REGISTRY", url)

    with pytest.warns(DeprecatedPortWarning):
        assert orders_at() == [1]


def test_a_draft_is_read_without_a_warning() -> None:
    publish_well(lines(1), port_of(state="draft"))

    with warnings.catch_warnings():
        warnings.simplefilter("error")

        assert orders_at() == [1]


def test_a_draft_alerts_nobody(registry: Registry) -> None:
    registry.make(METADATA)
    declare(registry, port_of(state="draft"))
    declare(registry, NEXT)

    with registry.begin() as connection:
        assert muted_addresses(connection, NOW) == {ADDRESS}


def test_a_retired_port_answers_with_its_successor(registry: Registry) -> None:
    publish_well(lines(1), registry=registry)

    end(registry)

    message = (
        f"'{ADDRESS}' was retired on 2026-11-01. Read '{SUCCESSOR}' instead. Nothing was read."
    )
    for asked in (ADDRESS, f"{ADDRESS}?quarantine", f"{ADDRESS}?as_of=2100-01-01T00:00:00Z"):
        with pytest.raises(RetiredError) as refused:
            read(asked)

        assert str(refused.value) == message


def test_a_retired_port_shows_no_sample(registry: Registry) -> None:
    publish_well(lines(1), registry=registry)
    before = sample(Store.at(), Address.parse(ADDRESS), WHOLE)

    end(registry)

    assert before is not None
    assert sample(Store.at(), Address.parse(ADDRESS), WHOLE) is None


def test_a_port_may_be_retired_without_a_successor(registry: Registry) -> None:
    end(registry, successor=None)

    with pytest.raises(RetiredError) as refused:
        read(ADDRESS)

    assert str(refused.value) == (
        f"'{ADDRESS}' was retired on 2026-11-01. It has no successor. Nothing was read."
    )


def test_sql_answers_with_the_successor_only_where_the_retired_port_is_named(
    registry: Registry,
) -> None:
    publish_well(lines(1), port_of(name="line"), registry=registry)
    publish_well(lines(1, 2), registry=registry)
    retire(Retired("mesh://sales/orders/v1/line", NOW), Store.at(), registry)

    with select("SELECT * FROM sales.orders_v1_lines", Store.at()) as plan:
        assert plan.collect().height == 2
    with (
        pytest.raises(RetiredError),
        select("SELECT * FROM sales.orders_v1_line", Store.at()),
    ):
        pass


def test_a_version_of_a_retired_port_is_read_by_its_number_until_vacuum_frees_it(
    registry: Registry,
) -> None:
    publish_well(lines(1), registry=registry)
    publish_well(lines(1, 2), registry=registry)
    ended = end(registry)

    kept = vacuum(Store.at(), lambda _: 10_000 * HOUR, ended.retired_at + HOUR)
    known = orders_at(f"{ADDRESS}?version=1")
    far = datetime.now(timezone.utc) + 10 * HOUR
    [freed] = vacuum(Store.at(), lambda _: HOUR, far)

    assert (kept, known, freed.expired) == ([], [1, 2], 2)
    with pytest.raises(RetiredError):
        read(f"{ADDRESS}?version=1")


def test_nothing_is_published_to_a_retired_address(registry: Registry) -> None:
    publish_well(lines(1), registry=registry)
    end(registry)

    with pytest.raises(RetiredPortError) as refused:
        publish_batch(lines(2), registry=registry)

    assert str(refused.value) == (
        f"'{ADDRESS}' was retired on 2026-11-01, and a retired address is never used again. Remove "
        "the port from its product, or give the product a new major version. Nothing was published."
    )
    assert version_at() == 0


def test_a_retired_port_is_registered_no_more(registry: Registry) -> None:
    declare(registry, port_of())
    end(registry)
    product = product_of()
    product.ports["lines"] = port_of()

    register(product, registry, lambda: NOW + HOUR)

    [port] = registry.ports()
    assert port["withdrawn_at"] == NOW
    assert [(s.address, s.state) for s in overview(registry)] == [(ADDRESS, "retired")]


def test_a_retirement_is_found_again_in_the_store(registry: Registry, tmp_path: Path) -> None:
    publish_well(lines(1), registry=registry)
    ended = end(registry)
    fresh = Registry(f"sqlite:///{tmp_path}/fresh.sqlite")

    reindex(Store.at(), fresh, NOW)

    assert retirement(Store.at(), Address.parse(ADDRESS)) == ended
    assert retirements_in(fresh) == {ADDRESS: ended}


def test_retiring_again_names_another_successor(registry: Registry) -> None:
    end(registry, successor=None)
    ended = end(registry)

    assert retirement(Store.at(), Address.parse(ADDRESS)) == ended
    assert retirements_in(registry) == {ADDRESS: ended}


def test_a_port_that_others_read_is_not_retired(registry: Registry) -> None:
    declare(registry, port_of())
    declare(registry, NEXT, inputs=(ADDRESS,))

    with pytest.raises(StillReadError) as refused:
        require_retirable(registry, Address.parse(ADDRESS), NOW)

    assert str(refused.value) == (
        f"'{ADDRESS}' is read by 'sales/orders v2 (team:sales)'. Have them read another port "
        "first, or retire it with --force --because '...'. Nothing was retired."
    )
    assert consumers(registry, NOW) == {
        ADDRESS: [Consumer("sales/orders v2", "team:sales", (SUCCESSOR,))]
    }


def test_a_port_that_somebody_read_in_the_last_month_is_not_retired(registry: Registry) -> None:
    declare(registry, port_of())
    registry.make(reads.METADATA)
    at = {"product_key": "sales/orders", "reads": 1, "first_read_at": NOW, "last_read_at": NOW}
    row = {"address": ADDRESS, "version": 0, "reader": "ann", "way": "sql", "purpose": ""}
    reads.record(str(registry.url), [{**row, **at, "day": "2026-11-01", "columns": None}])

    with pytest.raises(StillReadError, match=r"is read by 'ann \(sql, 29 d ago\)'\."):
        require_retirable(registry, Address.parse(ADDRESS), NOW + timedelta(days=29))
    require_retirable(registry, Address.parse(ADDRESS), NOW + timedelta(days=30))


def test_a_consumer_that_is_withdrawn_reads_nothing(registry: Registry) -> None:
    declare(registry, port_of())
    declare(registry, NEXT, inputs=(ADDRESS,))

    retire(Retired(SUCCESSOR, NOW), Store.at(), registry)

    assert consumers(registry, NOW) == {}
    require_retirable(registry, Address.parse(ADDRESS), NOW)


def test_a_deprecated_port_is_retired_only_after_the_last_day_of_its_promise(
    registry: Registry,
) -> None:
    declare(registry, port_of(state=LEAVING))
    last = datetime(2026, 12, 1, 23, 59, tzinfo=timezone.utc)

    with pytest.raises(StillPromisedError) as refused:
        require_retirable(registry, Address.parse(ADDRESS), last)

    assert str(refused.value) == (
        f"'{ADDRESS}' is promised until 2026-12-01. Wait until then, or retire it with "
        "--force --because '...'. Nothing was retired."
    )
    require_retirable(registry, Address.parse(ADDRESS), last + timedelta(minutes=1))


def test_the_successor_is_that_of_the_deprecation_unless_another_is_named(
    registry: Registry,
) -> None:
    declare(registry, port_of(state=LEAVING))
    declare(registry, NEXT)
    other = port_of(name="other", version="3.0.0")
    declare(registry, other)
    old = Address.parse(ADDRESS)

    assert states_of(registry, [ADDRESS, SUCCESSOR]) == {ADDRESS: LEAVING}
    assert named_successor(registry, old, None) == NEXT.address
    assert named_successor(registry, old, str(other.address)) == other.address
    assert named_successor(registry, NEXT.address, None) is None


def test_the_ports_that_are_deprecated_now_are_known_however_many_are_asked_for(
    registry: Registry,
) -> None:
    declare(registry, port_of(state=LEAVING))
    declare(registry, NEXT)
    other = port_of(name="other", version="3.0.0", state=LEAVING)
    declare(registry, other)
    many = [ADDRESS, *(f"mesh://sales/orders/v1/port_{number}" for number in range(600))]

    assert deprecations_of(registry) == {ADDRESS: LEAVING, str(other.address): LEAVING}
    assert deprecations_of(registry, [ADDRESS, SUCCESSOR]) == {ADDRESS: LEAVING}
    assert deprecations_of(registry, many) == {ADDRESS: LEAVING}

    declare(registry, port_of())
    retire(Retired(str(other.address), NOW), Store.at(), registry)

    assert deprecations_of(registry) == {}


def test_a_successor_is_another_living_port(registry: Registry) -> None:
    declare(registry, port_of())
    declare(registry, NEXT)
    retire(Retired(SUCCESSOR, NOW), Store.at(), registry)
    old = Address.parse(ADDRESS)

    with pytest.raises(SuccessorRefusedError) as itself:
        named_successor(registry, old, ADDRESS)
    with pytest.raises(SuccessorRefusedError) as retired:
        named_successor(registry, old, SUCCESSOR)
    with pytest.raises(NotPublishedError):
        named_successor(registry, old, "mesh://sales/orders/v3/lines")

    remedy = "Name a living port as --successor. Nothing was retired."
    assert str(itself.value) == f"'{ADDRESS}' names itself as its successor. {remedy}"
    assert str(retired.value) == (
        f"'{ADDRESS}' names '{SUCCESSOR}', which is retired itself. {remedy}"
    )
