import subprocess
import sys
from collections.abc import Callable

import dagster as dg
import pandera.polars as pa
import polars as pl
import pytest

import mesh_dagster as md
from mesh_dagster.declare.mesh import Mesh
from mesh_dagster.errors import (
    CircularInputError,
    CollidingKeyError,
    DeclarationError,
    DraftReadError,
    DuplicateProductError,
    InternalReadError,
    NoProductError,
    UnknownInputError,
)
from tests.conftest import REPOSITORY

CONTRACT = pa.DataFrameSchema({"amount": pa.Column(int)})


def declared(
    key: str, *, version: str = "1.0.0", owner: str = "team:media", reads: tuple[str, ...] = ()
) -> md.DataProduct:
    domain, name = key.split("/")
    return md.DataProduct(
        domain=domain,
        name=name,
        version=version,
        owner=owner,
        alignment="source",
        purpose="Something to read.",
        inputs={f"input_{n}": md.InputPort(f"mesh://{one}") for n, one in enumerate(reads)},
    )


def published(
    key: str,
    *reads: str,
    port: str = "events",
    version: str = "1.0.0",
    owner: str = "team:media",
) -> md.DataProduct:
    product = declared(key, version=version, owner=owner, reads=reads)
    product.port(contract=CONTRACT)(named(port))
    return product


def named(name: str) -> Callable[[], pl.LazyFrame]:
    def build() -> pl.LazyFrame:
        return pl.LazyFrame({"amount": [1]})

    build.__name__ = name
    return build


def order_of(*products: md.DataProduct) -> list[str]:
    return [product.key for product in Mesh.of(products).products]


def test_producers_stand_before_their_consumers() -> None:
    last = published("c/last", "b/middle/v1/events")
    middle = published("b/middle", "a/first/v1/events")
    first = published("a/first")

    assert order_of(last, middle, first) == ["a/first", "b/middle", "c/last"]


def test_products_that_do_not_read_each_other_stay_as_given() -> None:
    products = [published(key) for key in ("b/two", "a/one", "c/three")]

    assert order_of(*products) == ["b/two", "a/one", "c/three"]


def test_every_port_is_found_by_its_address() -> None:
    plays = published("media_player/plays")
    plays.port(contract=CONTRACT)(named("daily"))

    mesh = Mesh.of([plays])

    assert {str(address): port.build.name for address, port in mesh.ports.items()} == {
        "mesh://media_player/plays/v1/events": "events",
        "mesh://media_player/plays/v1/daily": "daily",
    }


def test_a_product_given_twice_is_one_product() -> None:
    plays = published("media_player/plays")

    assert Mesh.of([plays, plays]).products == (plays,)


def test_no_products_are_a_mesh() -> None:
    assert Mesh.of([]) == Mesh((), {})


def test_two_majors_of_one_product_live_side_by_side() -> None:
    old = published("media_player/plays")
    new = published("media_player/plays", "media_player/plays/v1/events", version="2.0.0")

    assert Mesh.of([new, old]).products == (old, new)


def test_a_domain_that_is_not_loaded_is_left_alone() -> None:
    royalties = published("payments/royalties", "media_player/plays/v7/nobody_knows")

    assert Mesh.of([royalties]).products == (royalties,)


def test_the_order_does_not_depend_on_how_python_hashes() -> None:
    code = """
from tests.declare.test_mesh import order_of, published

keys = [f"domain_{n % 3}/product_{n}" for n in range(12)]
reads = [[f"{other}/v1/events" for other in keys[n + 6 :]] for n in range(12)]
print(order_of(*map(lambda key, read: published(key, *read), keys, reads)))
"""

    orders = {
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code],
            cwd=REPOSITORY,
            env={"PYTHONPATH": str(REPOSITORY), "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "2")
    }

    assert len(orders) == 1
    assert orders.pop().count("product_") == 12


def test_a_port_that_its_domain_does_not_publish_is_refused_with_the_nearest() -> None:
    plays = published("media_player/plays")
    royalties = published("payments/royalties", "media_player/plays/v1/event")

    with pytest.raises(UnknownInputError) as refused:
        Mesh.of([plays, royalties])

    assert str(refused.value) == (
        "Product 'payments/royalties' reads 'mesh://media_player/plays/v1/event', which domain "
        "'media_player' does not publish. Did you mean 'mesh://media_player/plays/v1/events'? "
        "Correct the input port; no definitions were built."
    )


def test_a_major_that_nobody_publishes_is_refused() -> None:
    plays = published("media_player/plays")
    royalties = published("payments/royalties", "media_player/plays/v2/events")

    with pytest.raises(UnknownInputError) as refused:
        Mesh.of([plays, royalties])

    assert str(refused.value) == (
        "Product 'payments/royalties' reads 'mesh://media_player/plays/v2/events', which domain "
        "'media_player' does not publish. Did you mean 'mesh://media_player/plays/v1/events'? "
        "Correct the input port; no definitions were built."
    )


@pytest.mark.parametrize("major", [1, 2])
def test_an_internal_of_another_product_is_refused_with_the_ports(major: int) -> None:
    plays = published("media_player/plays")
    plays.internal(named("raw_plays"))
    plays.port(contract=CONTRACT)(named("daily"))
    royalties = published("payments/royalties", f"media_player/plays/v{major}/raw_plays")

    with pytest.raises(InternalReadError) as refused:
        Mesh.of([plays, royalties])

    assert str(refused.value) == (
        "Product 'payments/royalties' reads 'raw_plays', an internal of 'media_player/plays', "
        "which nobody else may read. Read one of its ports: "
        "'mesh://media_player/plays/v1/daily', 'mesh://media_player/plays/v1/events'. "
        "No definitions were built."
    )


def test_an_adopted_asset_of_another_product_is_an_internal_too() -> None:
    plays = published("media_player/plays")
    plays.adopt(dg.AssetKey(["warehouse", "stg_plays"]))
    royalties = published("payments/royalties", "media_player/plays/v1/stg_plays")

    with pytest.raises(InternalReadError) as refused:
        Mesh.of([plays, royalties])

    assert str(refused.value) == (
        "Product 'payments/royalties' reads 'stg_plays', an internal of 'media_player/plays', "
        "which nobody else may read. Read one of its ports: "
        "'mesh://media_player/plays/v1/events'. No definitions were built."
    )


def test_two_products_at_one_address_name_both_owners() -> None:
    ours = published("media_player/plays", owner="team:media")
    theirs = published("media_player/plays", port="other", version="1.4.0", owner="me@label.com")

    with pytest.raises(DuplicateProductError) as refused:
        Mesh.of([ours, theirs])

    assert str(refused.value) == (
        "'mesh://media_player/plays/v1' is declared more than once, by 'me@label.com', "
        "'team:media'. Rename one product or give it another major version. "
        "No definitions were built."
    )


def test_two_products_of_one_owner_name_the_owner_once() -> None:
    with pytest.raises(DuplicateProductError) as refused:
        Mesh.of([published("media_player/plays"), published("media_player/plays")])

    assert str(refused.value) == (
        "'mesh://media_player/plays/v1' is declared more than once, by 'team:media'. "
        "Rename one product or give it another major version. No definitions were built."
    )


def test_two_majors_do_not_share_the_name_of_an_internal() -> None:
    old = published("media_player/plays")
    old.internal(named("raw_plays"))
    new = published("media_player/plays", version="2.0.0")
    new.internal(named("raw_plays"))

    with pytest.raises(CollidingKeyError) as refused:
        Mesh.of([old, new])

    assert str(refused.value) == (
        "The asset key 'media_player/plays/internal/raw_plays' is claimed by "
        "'internal raw_plays of media_player/plays 1.0.0', "
        "'internal raw_plays of media_player/plays 2.0.0'. "
        "Rename one of the internals or ports; majors of a product share an internal that is the "
        "same function in each. No definitions were built."
    )


def test_two_majors_share_an_internal_that_is_one_function() -> None:
    old, new = published("media_player/plays"), published("media_player/plays", version="2.0.0")
    raw_plays = named("raw_plays")
    for product in (old, new):
        product.internal(raw_plays)

    assert order_of(old, new) == ["media_player/plays", "media_player/plays"]


def test_two_majors_do_not_share_an_internal_that_reads_different_ports() -> None:
    def raw_plays(input_0: pl.LazyFrame) -> pl.LazyFrame:
        return input_0

    old = published("media_player/plays", "radio/log/v1/events")
    new = published("media_player/plays", "radio/log/v2/events", version="2.0.0")
    for product in (old, new):
        product.internal(raw_plays)

    with pytest.raises(CollidingKeyError):
        Mesh.of([old, new])


def test_what_is_promised_is_not_made_from_a_draft() -> None:
    def counted(input_0: pl.LazyFrame) -> pl.LazyFrame:
        return input_0

    def totals(counted: pl.LazyFrame) -> pl.LazyFrame:
        return counted

    source = declared("radio/log")
    source.port(contract=CONTRACT, state="draft")(named("events"))
    reader = declared("media_player/plays", reads=("radio/log/v1/events",))
    reader.internal(counted)
    reader.port(contract=CONTRACT)(totals)

    with pytest.raises(DraftReadError) as refused:
        Mesh.of([source, reader])

    assert str(refused.value) == (
        "'mesh://media_player/plays/v1/totals' is made from 'mesh://radio/log/v1/events', a draft "
        "of which nothing is promised yet. Declare the reader a draft too, or the draft active. "
        "No definitions were built."
    )


def test_a_draft_is_made_from_a_draft() -> None:
    def totals(input_0: pl.LazyFrame) -> pl.LazyFrame:
        return input_0

    source = declared("radio/log")
    source.port(contract=CONTRACT, state="draft")(named("events"))
    reader = declared("media_player/plays", reads=("radio/log/v1/events",))
    reader.port(contract=CONTRACT, state="draft")(totals)
    reader.port(contract=CONTRACT)(named("other"))

    assert order_of(source, reader) == ["radio/log", "media_player/plays"]


def test_an_asset_is_adopted_once() -> None:
    plays, songs = published("media_player/plays"), published("media_player/songs")
    plays.adopt(dg.AssetKey(["warehouse", "stations"]))
    songs.adopt(dg.AssetKey(["warehouse", "stations"]), name="all_stations")

    with pytest.raises(CollidingKeyError) as refused:
        Mesh.of([plays, songs])

    assert str(refused.value) == (
        "The asset key 'warehouse/stations' is claimed by "
        "'adopted asset all_stations of media_player/songs 1.0.0', "
        "'adopted asset stations of media_player/plays 1.0.0'. "
        "Rename one of the internals or ports. No definitions were built."
    )


def test_a_port_is_not_adopted() -> None:
    plays, songs = published("media_player/plays"), published("media_player/songs")
    songs.adopt(dg.AssetKey(["media_player", "plays", "v1", "events"]), name="plays")

    with pytest.raises(CollidingKeyError) as refused:
        Mesh.of([plays, songs])

    assert str(refused.value) == (
        "The asset key 'media_player/plays/v1/events' is claimed by "
        "'adopted asset plays of media_player/songs 1.0.0', "
        "'port events of media_player/plays 1.0.0'. "
        "Rename one of the internals or ports. No definitions were built."
    )


def test_a_product_does_not_read_its_own_port() -> None:
    plays = published("media_player/plays", "media_player/plays/v1/events")

    with pytest.raises(DeclarationError) as refused:
        Mesh.of([plays])

    assert str(refused.value) == (
        "Product 'media_player/plays' reads its own port 'mesh://media_player/plays/v1/events' by "
        "the input 'input_0'. Build both ports from one internal."
    )


def test_a_product_publishes_something() -> None:
    with pytest.raises(DeclarationError) as refused:
        Mesh.of([declared("media_player/plays")])

    assert str(refused.value) == (
        "Product 'media_player/plays' has no output port. Declare one with '.port(...)'."
    )


def test_products_that_read_each_other_in_a_circle_are_refused() -> None:
    a = published("a/one", "b/two/v1/events")
    b = published("b/two", "c/three/v1/events")
    c = published("c/three", "a/one/v1/events")

    with pytest.raises(CircularInputError) as refused:
        Mesh.of([a, b, c])

    assert str(refused.value) == (
        "Products read each other in a circle: 'a/one/v1' reads 'b/two/v1' reads 'c/three/v1' "
        "reads 'a/one/v1'. Remove one of these input ports. No definitions were built."
    )


def test_two_majors_that_read_each_other_are_a_circle() -> None:
    old = published("a/one", "a/one/v2/events")
    new = published("a/one", "a/one/v1/events", version="2.0.0")

    with pytest.raises(CircularInputError) as refused:
        Mesh.of([old, new])

    assert str(refused.value) == (
        "Products read each other in a circle: 'a/one/v1' reads 'a/one/v2' reads 'a/one/v1'. "
        "Remove one of these input ports. No definitions were built."
    )


@pytest.mark.parametrize(("given", "got"), [([], "list"), ("plays", "str"), (None, "NoneType")])
def test_a_mesh_is_made_of_products(given: object, got: str) -> None:
    with pytest.raises(NoProductError) as refused:
        Mesh.of([given])  # type: ignore[list-item]

    assert str(refused.value) == (
        f"md.definitions got a '{got}', expected data products. Hand them over one by one, as in "
        "md.definitions(plays, songs). No definitions were built."
    )
