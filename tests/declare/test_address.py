from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh_dagster.declare.address import Address, Reference, product_guid, require_name
from mesh_dagster.errors import (
    AddressRefusedError,
    InternalNotReadableError,
    MeshError,
    NameRefusedError,
)
from mesh_dagster.run.store import Store

EVENTS = Address("media_player", "plays", 1, "events")
ADDRESS_REMEDY = (
    "Write mesh://domain/product/v1/port, if wanted with ?version=12, "
    "?as_of=2026-11-01T00:00:00Z or ?quarantine. Nothing was read."
)
NAME_REMEDY = (
    "Choose one of lower-case letters, digits and single underscores, starting with a letter, at "
    "most 63 characters."
)

names = st.builds(
    lambda first, parts: first + "_".join(parts),
    st.sampled_from("abcdefghijklmnopqrstuwxyz"),  # without the v of v1
    st.lists(st.text("yz019", min_size=1, max_size=12), max_size=4),  # which spell no keyword
)
addresses = st.builds(Address, names, names, st.integers(0, 999_999), names)
instants = st.datetimes(timezones=st.just(timezone.utc))
references = st.one_of(
    st.builds(Reference, addresses),
    st.builds(Reference, addresses, version=st.integers(0, 10**18 - 1)),
    st.builds(Reference, addresses, as_of=instants),
    st.builds(Reference, addresses, quarantine=st.just(value=True)),
)


def refusal_of(text: str) -> str:
    with pytest.raises(AddressRefusedError) as refused:
        Reference.parse(text)
    return str(refused.value)


def refusal_of_name(name: str) -> str:
    with pytest.raises(NameRefusedError) as refused:
        require_name("port", name)
    return str(refused.value)


@given(addresses)
def test_an_address_reads_back_as_it_was_written(address: Address) -> None:
    assert Address.parse(str(address)) == address


@given(references)
def test_a_reference_reads_back_as_it_was_written(reference: Reference) -> None:
    assert Reference.parse(str(reference)) == reference


@given(st.one_of(st.text(), st.text().map(lambda text: f"mesh://{text}")))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    try:
        reference = Reference.parse(text)
    except AddressRefusedError:
        return

    assert Reference.parse(str(reference)) == reference


@given(st.text())
def test_any_text_is_a_name_or_refused(text: str) -> None:
    try:
        name = require_name("port", text)
    except NameRefusedError:
        return

    assert name == text
    assert name.isidentifier()
    assert name.isascii()


def test_no_name_out_of_ten_thousand_leaves_the_root(tmp_path: Path) -> None:
    store = Store.at(tmp_path)
    hostile = ["".join(letters) for letters in product("a_v1/.\\\0A ", repeat=4)]

    accepted = made_of(lambda name: Address(name, name, 1, name), hostile)

    assert len(hostile) == 10_000
    assert {address.domain[0] for address in accepted} == {"a", "v"}
    assert all(lies_at_its_own_place(store, address, tmp_path) for address in accepted)


def test_no_address_out_of_ten_thousand_leaves_the_root(tmp_path: Path) -> None:
    store = Store.at(tmp_path)
    parts = ["plays", "", ".", "..", "a/../..", "%2e%2e", "a\\..\\b", "a\0", "~root", "@evil.com"]
    majors = ["v1", "v0", "v01", "v-1", "v1/../..", "..", "internal", "", "v1000000", "v\u0661"]
    hostile = [
        f"mesh://{domain}/{name}/{major}/{port}"
        for domain, name, major, port in product(parts, parts, majors, parts)
    ]

    accepted = made_of(lambda text: Reference.parse(text).address, hostile)

    assert len(hostile) == 10_000
    assert accepted == [Address("plays", "plays", major, "plays") for major in (1, 0)]
    assert all(lies_at_its_own_place(store, address, tmp_path) for address in accepted)


def made_of(make: Callable[[str], Address], texts: list[str]) -> list[Address]:
    def made(text: str) -> list[Address]:
        try:
            return [make(text)]
        except MeshError:
            return []

    return [address for text in texts for address in made(text)]


def lies_at_its_own_place(store: Store, address: Address, root: Path) -> bool:
    table = Path(store.table(address)).resolve().relative_to(root.resolve())
    rejected = Path(store.quarantine(address)).resolve().relative_to(root.resolve())
    return table.parts == address.parts and rejected.parts[-2:] == ("quarantine", address.port)


def test_an_address_knows_its_product_and_its_place() -> None:
    assert str(EVENTS) == "mesh://media_player/plays/v1/events"
    assert EVENTS.key == "media_player/plays"
    assert EVENTS.parts == ("media_player", "plays", "v1", "events")


def test_addresses_are_ordered_by_domain_product_major_and_port() -> None:
    second, tenth = Address("a", "b", 2, "c"), Address("a", "b", 10, "c")

    assert sorted([EVENTS, tenth, second]) == [second, tenth, EVENTS]


def test_the_guid_of_a_product_is_the_same_on_every_machine() -> None:
    assert str(product_guid("media_player/plays")) == "afc59c6a-5b17-5808-a4a2-7502e16a389a"


@pytest.mark.parametrize("name", ["a", "plays", "v1_plays", "v", "vv1", "match", "a" * 63, "x_1_"])
def test_a_plain_name_is_allowed(name: str) -> None:
    assert require_name("port", name) == name


@pytest.mark.parametrize(
    "name", ["", "Plays", "1plays", "_plays", "my-plays", "my plays", "plays\n", "plâys", "a" * 64]
)
def test_a_name_keeps_to_small_letters_digits_and_underscores(name: str) -> None:
    assert refusal_of_name(name) == f"The port name {name!r} is not allowed. {NAME_REMEDY}"


@pytest.mark.parametrize("name", ["internal", "quarantine", "v0", "v1", "v01", "v99999999"])
def test_a_name_that_the_mesh_uses_itself_is_reserved(name: str) -> None:
    assert refusal_of_name(name) == f"The port name '{name}' is reserved. {NAME_REMEDY}"


@pytest.mark.parametrize("name", ["class", "import", "lambda", "async"])
def test_a_keyword_could_name_no_parameter_and_so_no_port(name: str) -> None:
    assert refusal_of_name(name) == f"The port name '{name}' is a Python keyword. {NAME_REMEDY}"


def test_a_double_underscore_is_kept_for_dagsters_op_names() -> None:
    assert (
        refusal_of_name("my__plays")
        == f"The port name 'my__plays' holds a double underscore. {NAME_REMEDY}"
    )


def test_a_name_is_a_text() -> None:
    assert refusal_of_name(7) == f"The port name '7' is no text. {NAME_REMEDY}"  # type: ignore[arg-type]


def test_a_name_of_any_length_fits_into_a_message() -> None:
    assert (
        refusal_of_name("a" * 5_000)
        == f"The port name '{'a' * 80}...' is not allowed. {NAME_REMEDY}"
    )


@pytest.mark.parametrize("major", [-1, 1_000_000, True, "1/../.."])
def test_a_major_version_is_a_small_number(major: int) -> None:
    with pytest.raises(AddressRefusedError) as refused:
        Address("media_player", "plays", major, "events")

    assert str(refused.value) == (
        f"The address 'mesh://media_player/plays/v{major}/events' has no major version from v0 to "
        f"v999999. {ADDRESS_REMEDY}"
    )


@pytest.mark.parametrize("part", ["domain", "product", "port"])
def test_an_address_cannot_be_made_of_a_bad_name(part: str) -> None:
    parts = {"domain": "a", "product": "b", "port": "c", part: ".."}

    with pytest.raises(NameRefusedError) as refused:
        Address(parts["domain"], parts["product"], 1, parts["port"])

    assert str(refused.value) == f"The {part} name '..' is not allowed. {NAME_REMEDY}"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", Reference(EVENTS)),
        ("?", Reference(EVENTS)),
        ("?version=12", Reference(EVENTS, version=12)),
        ("?version=0", Reference(EVENTS, version=0)),
        ("?quarantine", Reference(EVENTS, quarantine=True)),
        (
            "?as_of=2026-11-01T00:00:00Z",
            Reference(EVENTS, as_of=datetime(2026, 11, 1, tzinfo=timezone.utc)),
        ),
        (
            "?as_of=2026-11-01T02:00:00+02:00",
            Reference(EVENTS, as_of=datetime(2026, 11, 1, tzinfo=timezone.utc)),
        ),
        (
            "?as_of=2026-10-31T18:30:00.250-05:30",
            Reference(EVENTS, as_of=datetime(2026, 11, 1, 0, 0, 0, 250_000, tzinfo=timezone.utc)),
        ),
    ],
)
def test_a_query_picks_one_publication(query: str, expected: Reference) -> None:
    assert Reference.parse(f"mesh://media_player/plays/v1/events{query}") == expected


def test_a_reference_in_another_zone_is_written_in_utc() -> None:
    berlin = timezone(timedelta(hours=1))

    reference = Reference(EVENTS, as_of=datetime(2026, 11, 1, 1, tzinfo=berlin))

    assert str(reference) == f"{EVENTS}?as_of=2026-11-01T00:00:00Z"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "does not begin with mesh://"),
        ("media_player/plays/v1/events", "does not begin with mesh://"),
        ("https://media_player/plays/v1/events", "does not begin with mesh://"),
        ("mesh://[media_player/plays/v1/events", "is not well formed"),
        ("mesh://media_player/plays", "does not name domain, product, version and port"),
        (
            "mesh://media_player/plays/v1/events/",
            "does not name domain, product, version and port",
        ),
        (
            "mesh:///media_player/plays/v1/events",
            "does not name domain, product, version and port",
        ),
        ("mesh://media_player/plays/1/events", "has '1' where a major version is needed"),
        ("mesh://media_player/plays/v1.2/events", "has 'v1.2' where a major version is needed"),
        ("mesh://media_player/plays/v1/events#top", "has a '#', which means nothing here"),
        (
            "mesh://Media/plays/v1/events",
            "cannot stand, for the domain name 'Media' is not allowed",
        ),
        (
            "mesh://media_player/class/v1/events",
            "cannot stand, for the product name 'class' is a Python keyword",
        ),
        (
            "mesh://media_player/plays/v1/quarantine",
            "cannot stand, for the port name 'quarantine' is reserved",
        ),
        ("mesh://media_player/pl%61ys/v1/events", "holds characters that no address may hold"),
        (" mesh://media_player/plays/v1/events", "holds characters that no address may hold"),
        ("mesh://media_player/pläys/v1/events", "holds characters that no address may hold"),
        ("mesh://media_player/plays/v1/events?version", "has a query that cannot be read"),
        ("mesh://media_player/plays/v1/events?version=", "has a version that is no number"),
        ("mesh://media_player/plays/v1/events?version=-1", "has a version that is no number"),
        ("mesh://media_player/plays/v1/events?version=latest", "has a version that is no number"),
        (
            "mesh://media_player/plays/v1/events?version=1&quarantine=",
            "asks for more than one thing",
        ),
        (
            "mesh://media_player/plays/v1/events?versoin=1",
            "has a query 'versoin' that is not understood",
        ),
        (
            "mesh://media_player/plays/v1/events?quarantine=1",
            "has a query 'quarantine' that is not understood",
        ),
        (
            "mesh://media_player/plays/v1/events?as_of=yesterday",
            "has an as_of that is no ISO 8601 time",
        ),
        (
            "mesh://media_player/plays/v1/events?as_of=2026-11-01T00:00:00",
            "has an as_of without a time zone",
        ),
        (
            "mesh://media_player/plays/v1/events?as_of=0001-01-01T00:00:00+23:59",
            "has an as_of that is no time in UTC",
        ),
    ],
)
def test_a_text_that_is_no_address_is_told_why(text: str, reason: str) -> None:
    assert refusal_of(text) == f"The address {text!r} {reason}. {ADDRESS_REMEDY}"


def test_an_address_is_a_text() -> None:
    assert (
        refusal_of(EVENTS)  # type: ignore[arg-type]
        == f"The address '{EVENTS}' is of type 'Address', not a text. {ADDRESS_REMEDY}"
    )


def test_an_address_of_any_length_fits_into_a_message() -> None:
    text = "x" * 5_000

    assert (
        refusal_of(text)
        == f"The address '{'x' * 120}...' does not begin with mesh://. {ADDRESS_REMEDY}"
    )


@pytest.mark.parametrize("tail", ["", "/raw_plays", "/raw_plays/whole"])
def test_the_inside_of_a_product_has_no_address(tail: str) -> None:
    text = f"mesh://media_player/plays/internal{tail}"

    with pytest.raises(InternalNotReadableError) as refused:
        Reference.parse(text)

    assert str(refused.value) == (
        f"The address '{text}' names an internal, which nobody outside its product may read. "
        f"{ADDRESS_REMEDY}"
    )


@pytest.mark.parametrize("query", ["version=1", "quarantine", "as_of=2026-11-01T00:00:00Z"])
def test_a_bare_address_carries_no_query(query: str) -> None:
    text = f"mesh://media_player/plays/v1/events?{query}"

    with pytest.raises(AddressRefusedError) as refused:
        Address.parse(text)

    assert str(refused.value) == (
        f"The address '{text}' carries a query where a bare address is needed. {ADDRESS_REMEDY}"
    )
