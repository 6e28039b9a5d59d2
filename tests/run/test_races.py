"""Eight processes publish while four read: no publication is lost, none is read torn."""

import json
from collections.abc import Callable
from multiprocessing.synchronize import Event

import pytest

from mesh_dagster.declare.port import OutputPort
from mesh_dagster.run import delta
from mesh_dagster.run.publish import Published
from mesh_dagster.run.registry import Registry
from mesh_dagster.run.store import WHOLE, Store
from tests.run.processes import CONTEXT, readers, start
from tests.run.scenario import (
    ADDRESS,
    PORT,
    SET_ASIDE,
    line_schema,
    lines,
    orders_at,
    port_of,
    publish_batch,
    publish_well,
    size_of,
    strays,
    version_at,
    whole_batch,
)

WRITERS = 8
EACH = 25
ALL = WRITERS * EACH


def parted_port() -> OutputPort:
    """Return a port whose partitions do not depend on each other."""
    return port_of(line_schema().update_column("order", unique=False))


def own_port(writer: int) -> OutputPort:
    return port_of(name=f"lines_{writer}")


def batch_of(writer: int, turn: int) -> int:
    return writer * 100 + turn


def to_own_ports(writer: int, go: Event) -> None:
    go.wait()
    for turn in range(EACH):
        publish_good(batch_of(writer, turn), own_port(writer))


def to_one_port(writer: int, go: Event) -> None:
    go.wait()
    for turn in range(EACH):
        publish_good(batch_of(writer, turn), PORT)


def to_own_partitions(writer: int, go: Event) -> None:
    go.wait()
    for turn in range(EACH):
        publish_good(batch_of(writer, turn), parted_port(), f"part/{writer}")


def publish_good(number: int, port: OutputPort, slice_: str = WHOLE) -> None:
    publish_well(whole_batch(number).head(size_of(number)), port, slice_)


def race(function: Callable[[int, Event], None], addresses: list[str]) -> None:
    """Let eight processes write and four read, and see that all writers came through."""
    go = CONTEXT.Event()
    with readers(4, addresses) as reports:
        writers = [start(function, writer, go) for writer in range(WRITERS)]
        go.set()
        for writer in writers:
            writer.join()
    assert [writer.exitcode for writer in writers] == [0] * WRITERS
    assert all(reads > 0 and not faults for reads, faults in reports)


def history_of(port: OutputPort) -> list[int]:
    store = Store.at()
    return [entry["version"] for entry in delta.history(store, store.table(port.address))]


def recorded(port: OutputPort) -> list[int]:
    registry = Registry(Store.at().registry_url)
    return [made.version for made in registry.publications(str(port.address))]


def publications_of_slice(port: OutputPort, slice_: str) -> int:
    """Return how many commits the table's own log counts for a slice."""
    store = Store.at()
    count = 0
    for log in store.path(f"{store.table(port.address)}/_delta_log").glob("*.json"):
        for line in log.read_text(encoding="utf-8").splitlines():
            transaction = json.loads(line).get("txn") or {}
            if transaction.get("appId") == slice_:
                count = max(count, transaction["version"])
    return count


@pytest.mark.timeout(120)
def test_writers_of_different_ports_do_not_meet() -> None:
    ports = [own_port(writer) for writer in range(WRITERS)]
    for writer, port in enumerate(ports):
        publish_good(batch_of(writer, 99), port)

    race(to_own_ports, [str(port.address) for port in ports])

    expected = list(range(EACH, -1, -1))
    assert [history_of(port) for port in ports] == [expected] * WRITERS
    assert [recorded(port) for port in ports] == [expected] * WRITERS
    assert strays() == []


@pytest.mark.timeout(120)
def test_writers_of_one_port_lose_no_publication() -> None:
    publish_good(batch_of(0, 99), PORT)

    race(to_one_port, [ADDRESS])

    expected = list(range(ALL, -1, -1))
    assert (history_of(PORT), recorded(PORT)) == (expected, expected)
    assert publications_of_slice(PORT, WHOLE) == ALL + 1
    assert strays() == []


@pytest.mark.timeout(120)
def test_writers_of_different_partitions_lose_no_partition() -> None:
    publish_good(batch_of(0, 99), parted_port(), "part/0")

    race(to_own_partitions, [ADDRESS])

    expected = list(range(ALL, -1, -1))
    last = [batch_of(writer, EACH - 1) for writer in range(WRITERS)]
    assert (history_of(PORT), recorded(PORT)) == (expected, expected)
    assert publications_of_slice(PORT, "part/3") == EACH
    assert orders_at() == sorted(n * 10 + row for n in last for row in range(size_of(n)))
    assert strays() == []


def claim_key(writer: int, go: Event) -> None:
    go.wait()
    publish_batch(lines(7, writer + 100), PORT, f"part-{writer}")


def test_of_writers_that_claim_one_key_in_different_partitions_one_wins() -> None:
    go = CONTEXT.Event()
    writers = [start(claim_key, writer, go) for writer in range(4)]

    go.set()
    for writer in writers:
        writer.join()

    assert version_at() == 0
    assert orders_at().count(7) == 1
    assert len(Registry(Store.at().registry_url).refusals(ADDRESS)) == 3


def first_ever(writer: int, go: Event) -> None:
    go.wait()
    outcome = publish_batch(whole_batch(writer), port_of(quality=SET_ASIDE), f"part-{writer}")
    assert isinstance(outcome, Published)


def test_writers_may_race_for_the_first_version_of_a_port() -> None:
    go = CONTEXT.Event()
    writers = [start(first_ever, writer, go) for writer in range(4)]

    go.set()
    for writer in writers:
        writer.join()

    assert [writer.exitcode for writer in writers] == [0] * 4
    assert version_at() == 3
    assert orders_at(f"{ADDRESS}?quarantine") == [9, 19, 29, 39]
    assert strays() == []
