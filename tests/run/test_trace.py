"""What a publication was made from: of whole ports, of partitions, from registry and from logs."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from mesh_dagster.declare.address import Reference
from mesh_dagster.declare.port import OutputPort
from mesh_dagster.errors import NotPublishedError, NotTraceableError, UnknownVersionError
from mesh_dagster.run.registry import Registry
from mesh_dagster.run.store import WHOLE, Store
from mesh_dagster.run.trace import Trace, trace
from tests.run.scenario import ADDRESS, PORT, lines, port_of, publish_well

LIST = "mesh://sales/orders/v1/list"
TOTAL = "mesh://sales/orders/v1/total"


@pytest.fixture
def registry(mesh_root: Path) -> Iterator[Registry]:
    opened = Registry(f"sqlite:///{mesh_root}/registry.sqlite")
    yield opened
    opened.close()


def made(
    registry: Registry, port: OutputPort, inputs: Mapping[str, int], slice_: str = WHOLE
) -> None:
    first = 2 * ord(slice_ or "-")  # an order stands in one partition only
    publish_well(lines(first, first + 1), port, slice_, inputs=inputs, registry=registry)


def shape(found: Trace) -> dict[tuple[str, int], list[tuple[tuple[str, ...], dict[str, int]]]]:
    """Return of each version the slices and inputs of its parts."""
    return {
        version: [(part.slices, dict(part.inputs)) for part in traced.parts]
        for version, traced in found.versions.items()
    }


def followed(text: str, registry: Registry) -> Trace:
    return trace(Reference.parse(text), registry, Store.at())


def test_a_publication_is_followed_to_its_sources(registry: Registry) -> None:
    made(registry, PORT, {})
    made(registry, PORT, {})
    made(registry, port_of(name="list"), {ADDRESS: 0})
    made(registry, port_of(name="total"), {LIST: 0, ADDRESS: 1})

    found = followed(TOTAL, registry)

    assert found.root == (TOTAL, 0)
    assert shape(found) == {
        (TOTAL, 0): [(("",), {LIST: 0, ADDRESS: 1})],
        (ADDRESS, 1): [(("",), {})],
        (LIST, 0): [(("",), {ADDRESS: 0})],
        (ADDRESS, 0): [(("",), {})],
    }
    [part] = found.versions[ADDRESS, 1].parts
    assert (part.rows, part.publications[0].run_id) == (2, "run-1")


def test_partitions_that_were_made_alike_are_one_part(registry: Registry) -> None:
    made(registry, PORT, {})
    port = port_of(name="list", partition_column="artist")
    for slice_, version in (("a", 0), ("b", 0), ("c", 0), ("a", 1)):
        made(registry, port, {ADDRESS: version}, slice_)
    made(registry, PORT, {})

    whole, earlier = followed(LIST, registry), followed(f"{LIST}?version=2", registry)

    assert shape(whole)[LIST, 3] == [(("b", "c"), {ADDRESS: 0}), (("a",), {ADDRESS: 1})]
    assert shape(earlier)[LIST, 2] == [(("a", "b", "c"), {ADDRESS: 0})]


def test_what_the_registry_lacks_is_read_from_the_logs(registry: Registry, tmp_path: Path) -> None:
    made(registry, PORT, {})
    made(registry, port_of(name="list"), {ADDRESS: 0})
    fresh = Registry(f"sqlite:///{tmp_path}/fresh.sqlite")

    assert shape(followed(LIST, fresh)) == shape(followed(LIST, registry))


def test_an_input_that_nobody_knows_any_more_has_no_parts(registry: Registry) -> None:
    made(registry, port_of(name="list"), {ADDRESS: 7})

    assert shape(followed(LIST, registry)) == {
        (LIST, 0): [(("",), {ADDRESS: 7})],
        (ADDRESS, 7): [],
    }


def test_a_time_finds_the_publication_that_was_current_then(registry: Registry) -> None:
    made(registry, PORT, {})
    made(registry, PORT, {})
    later, first = registry.publications(ADDRESS)
    assert first.published_at < later.published_at
    at = first.published_at.isoformat().replace("+00:00", "Z")

    assert followed(f"{ADDRESS}?as_of={at}", registry).root == (ADDRESS, 0)


@pytest.mark.parametrize("query", ["version=5", "as_of=2020-01-01T00:00:00Z"])
def test_a_publication_that_never_was_is_not_traced(query: str, registry: Registry) -> None:
    made(registry, PORT, {})

    with pytest.raises(UnknownVersionError, match="has no publication"):
        followed(f"{ADDRESS}?{query}", registry)


def test_a_port_that_was_never_published_is_not_traced(registry: Registry) -> None:
    with pytest.raises(NotPublishedError):
        followed(ADDRESS, registry)


def test_rejected_rows_are_not_traced(registry: Registry) -> None:
    with pytest.raises(NotTraceableError) as refused:
        followed(f"{ADDRESS}?quarantine", registry)

    assert str(refused.value) == (
        f"'{ADDRESS}?quarantine' holds rejected rows, which no publication is made from. Trace "
        f"'{ADDRESS}' instead. Nothing was traced."
    )


def test_records_that_name_each_other_end(registry: Registry) -> None:
    made(registry, PORT, {LIST: 0})
    made(registry, port_of(name="list"), {ADDRESS: 0})

    assert len(followed(LIST, registry).versions) == 2
