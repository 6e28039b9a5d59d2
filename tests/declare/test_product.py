from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import dagster as dg
import pandera.polars as pa
import polars as pl
import pytest

import mesh_dagster as md
from mesh_dagster.declare.port import Adopted, Execution, Internal
from mesh_dagster.errors import (
    AddressRefusedError,
    ContractRefusedError,
    DeclarationError,
    DuplicateNameError,
    MeshError,
    NameRefusedError,
    UnknownParameterError,
)

HOUR = timedelta(hours=1)
NAME_REMEDY = (
    "Choose one of lower-case letters, digits and single underscores, starting with a letter, at "
    "most 63 characters."
)
WHO = "The port 'events' of 'media_player/plays'"


class Play(pa.DataFrameModel):
    station: str
    played_at: datetime
    day: date
    plays: int
    loudness: float
    cover: pl.Binary


def product(**arguments: Any) -> md.DataProduct:  # Any: of md.DataProduct
    given: dict[str, Any] = {  # Any: as above
        "domain": "media_player",
        "name": "plays",
        "owner": "team:media-player",
        "alignment": "source",
        "purpose": "Every song a station played.",
    }
    return md.DataProduct(**{**given, **arguments})


def events() -> pl.LazyFrame:
    """Every play once."""
    return pl.LazyFrame()


def raw_plays() -> pl.LazyFrame:
    """Plays as they were scraped."""
    return pl.LazyFrame()


def named(name: str) -> Callable[[], pl.LazyFrame]:
    def build() -> pl.LazyFrame:
        return pl.LazyFrame()

    build.__name__ = name
    return build


def refusal_of(act: Callable[[], object], kind: type[MeshError] = DeclarationError) -> str:
    with pytest.raises(kind) as refused:
        act()
    return str(refused.value)


def refusal_of_port(**arguments: Any) -> str:  # Any: of `port`
    declare = product().port
    return refusal_of(lambda: declare(**{"contract": Play, **arguments})(events))


def test_a_product_keeps_what_was_declared() -> None:
    plays = product(
        version="2.1.0",
        purpose="  Every song a station played. ",
        inputs={"songs": md.InputPort("mesh://catalogue/songs/v1/all")},
        tags={"tier": "gold", "team/cost": ""},
        retention=HOUR,
    )

    assert (plays.key, plays.major, plays.version) == ("media_player/plays", 2, "2.1.0")
    assert plays.purpose == "Every song a station played."
    assert plays.tags == {"tier": "gold", "team/cost": ""}
    assert plays.retention == HOUR
    assert str(plays.inputs["songs"].port) == "mesh://catalogue/songs/v1/all"
    assert str(plays.guid) == "afc59c6a-5b17-5808-a4a2-7502e16a389a"
    assert repr(plays) == "DataProduct('media_player/plays', version='2.1.0')"


def test_a_product_is_at_its_first_version_and_keeps_data_for_a_month() -> None:
    plays = product()

    assert (plays.version, plays.retention) == ("1.0.0", timedelta(days=30))
    assert (plays.inputs, plays.tags) == ({}, {})


def test_a_decorated_function_stays_what_it_was() -> None:
    plays = product()

    assert plays.internal(raw_plays) is raw_plays
    assert plays.internal(cadence="@daily")(named_stations := named("stations")) is named_stations
    assert plays.port(contract=Play)(events) is events


def test_an_internal_keeps_what_was_declared() -> None:
    plays = product()

    plays.internal(cadence="0 * * * *", pool="scrapers", io_manager_key="files")(raw_plays)

    assert plays.internals["raw_plays"] == Internal(
        "media_player/plays",
        plays.internals["raw_plays"].build,
        "Plays as they were scraped.",
        "files",
        Execution(cadence="0 * * * *", pool="scrapers"),
    )
    assert plays.internals["raw_plays"].name == "raw_plays"
    assert plays.internals["raw_plays"].asset_key == (
        "media_player",
        "plays",
        "internal",
        "raw_plays",
    )


def test_a_port_keeps_what_was_declared() -> None:
    plays = product(version="3.0.1")
    freshness = md.Freshness(within=HOUR, by="played_at")
    quality = md.Quality(valid_rows=0.9, otherwise="quarantine")
    days = dg.DailyPartitionsDefinition("2026-01-01")

    plays.port(
        contract=Play,
        freshness=freshness,
        quality=quality,
        description="Plays.",
        partitions=days,
        partition_column="played_at",
    )(events)

    port = plays.ports["events"]
    assert str(port.address) == "mesh://media_player/plays/v3/events"
    assert (port.contract.name, port.build.name) == ("Play", "events")
    assert (port.owner, port.version) == ("team:media-player", "3.0.1")
    assert (port.freshness, port.quality) == (freshness, quality)
    assert (port.description, port.partitioned) == ("Plays.", True)
    assert port.partition_columns == {"": "played_at"}
    assert port.execution == Execution(partitions=days)


def test_a_port_promises_nothing_on_age_and_everything_on_rows_unless_told() -> None:
    plays = product()

    plays.port(contract=Play)(events)

    port = plays.ports["events"]
    assert (port.freshness, port.quality) == (None, md.Quality())
    assert (port.description, port.partitioned) == ("Every play once.", False)
    assert (port.partition_columns, port.execution) == ({}, Execution())


def test_each_dimension_of_the_partitions_may_have_its_column() -> None:
    plays = product()

    plays.port(contract=Play, partition_column={"day": "played_at", "station": "station"})(events)

    assert plays.ports["events"].partition_columns == {"day": "played_at", "station": "station"}


@pytest.mark.parametrize("by", ["played_at", "day"])
def test_freshness_goes_by_a_time_or_a_date(by: str) -> None:
    plays = product()

    plays.port(contract=Play, freshness=md.Freshness(within=HOUR, by=by))(events)

    promise = plays.ports["events"].freshness
    assert promise is not None
    assert promise.by == by


def test_freshness_without_a_column_counts_from_the_publication() -> None:
    plays = product()

    plays.port(contract=Play, freshness=md.Freshness(within=HOUR))(events)

    assert plays.ports["events"].freshness == md.Freshness(within=HOUR)


def test_freshness_may_be_promised_for_each_station() -> None:
    plays = product()

    plays.port(contract=Play, freshness=md.Freshness(within=HOUR, by="played_at", per="station"))(
        events
    )

    promise = plays.ports["events"].freshness
    assert promise is not None
    assert promise.per == "station"


def test_a_step_reads_internals_above_it_inputs_and_adopted_assets() -> None:
    plays = product(inputs={"songs": md.InputPort("mesh://catalogue/songs/v1/all")})
    plays.internal(raw_plays)
    plays.adopt(dg.AssetKey(["warehouse", "stations"]))

    @plays.port(contract=Play)
    def joined(
        raw_plays: pl.LazyFrame, songs: pl.LazyFrame, stations: pl.LazyFrame
    ) -> pl.LazyFrame:
        return raw_plays

    sources = [(p.name, p.source) for p in plays.ports["joined"].build.parameters]
    assert sources == [("raw_plays", "internal"), ("songs", "input"), ("stations", "internal")]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"domain": "Media Player"},
            f"The domain name 'Media Player' is not allowed. {NAME_REMEDY}",
        ),
        ({"name": "v1"}, f"The product name 'v1' is reserved. {NAME_REMEDY}"),
        ({"name": None}, f"The product name 'None' is no text. {NAME_REMEDY}"),
        (
            {"inputs": {"class": md.InputPort("mesh://a/b/v1/c")}},
            f"The input port name 'class' is a Python keyword. {NAME_REMEDY}",
        ),
    ],
)
def test_a_name_that_no_address_may_hold_is_refused(
    arguments: dict[str, Any],  # Any: of md.DataProduct
    message: str,
) -> None:
    assert refusal_of(lambda: product(**arguments), NameRefusedError) == message


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"version": "1.0"}, "has version '1.0'. Write a text such as '1.0.0'."),
        ({"version": "v1.0.0"}, "has version 'v1.0.0'. Write a text such as '1.0.0'."),
        ({"version": "1.0.0-beta"}, "has version '1.0.0-beta'. Write a text such as '1.0.0'."),
        ({"version": "1000000.0.0"}, "has version '1000000.0.0'. Write a text such as '1.0.0'."),
        ({"version": 1.0}, "has version 1.0. Write a text such as '1.0.0'."),
        ({"owner": "bob"}, "has owner 'bob'. Write 'team:name' or an e-mail address."),
        ({"owner": "team:"}, "has owner 'team:'. Write 'team:name' or an e-mail address."),
        ({"owner": None}, "has owner None. Write 'team:name' or an e-mail address."),
        (
            {"alignment": "sources"},
            "has alignment 'sources'. Use 'source', 'aggregate' or 'consumer'.",
        ),
        ({"alignment": None}, "has alignment None. Use 'source', 'aggregate' or 'consumer'."),
        ({"purpose": " "}, "has no purpose. Say in one sentence what it is for."),
        ({"purpose": None}, "has no purpose. Say in one sentence what it is for."),
        (
            {"purpose": "Half \ud83d."},
            (
                "has a purpose with half a surrogate pair, which no file can hold. "
                "Read it in the encoding in which it was written."
            ),
        ),
        (
            {"retention": timedelta(minutes=59)},
            "has retention 0:59:00. Give a timedelta of at least one hour.",
        ),
        ({"retention": 30}, "has retention 30. Give a timedelta of at least one hour."),
        ({"tags": ["gold"]}, "has tags of type 'list'. Give a dict by name."),
        (
            {"tags": {"cost centre": "7"}},
            (
                "has the tag key 'cost centre'. Use at most 63 letters, digits, '_', '-' and '.'; "
                "a key may have a prefix that ends with '/'."
            ),
        ),
        (
            {"tags": {"tier": "gold/1"}},
            (
                "has the tag value 'gold/1'. Use at most 63 letters, digits, '_', '-' and '.'; "
                "a key may have a prefix that ends with '/'."
            ),
        ),
        (
            {"tags": {"tier": 1}},
            (
                "has the tag value 1. Use at most 63 letters, digits, '_', '-' and '.'; "
                "a key may have a prefix that ends with '/'."
            ),
        ),
        ({"inputs": ["mesh://a/b/v1/c"]}, "has inputs of type 'list'. Give a dict by name."),
        (
            {"inputs": {"songs": "mesh://a/b/v1/c"}},
            (
                "has the input 'songs' of type 'str'. "
                "Write md.InputPort('mesh://domain/product/v1/port')."
            ),
        ),
        (
            {"inputs": {"context": md.InputPort("mesh://a/b/v1/c")}},
            "uses the name 'context' twice: reserved parameter and input port. Rename one of them.",
        ),
        (
            {"inputs": {"config": md.InputPort("mesh://a/b/v1/c")}},
            "uses the name 'config' twice: reserved parameter and input port. Rename one of them.",
        ),
    ],
)
def test_a_product_that_cannot_stand_is_refused(
    arguments: dict[str, Any],  # Any: of md.DataProduct
    problem: str,
) -> None:
    message = refusal_of(lambda: product(**arguments))

    assert message == f"Product 'media_player/plays' {problem}"


def test_an_input_port_is_an_address() -> None:
    message = refusal_of(lambda: md.InputPort("media_player.plays"), AddressRefusedError)

    assert message == (
        "The address 'media_player.plays' does not begin with mesh://. "
        "Write mesh://domain/product/v1/port, if wanted with ?version=12, "
        "?as_of=2026-11-01T00:00:00Z or ?quarantine. Nothing was read."
    )


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("input port", "internal"),
        ("input port", "port"),
        ("input port", "adopted asset"),
        ("internal", "internal"),
        ("internal", "port"),
        ("internal", "adopted asset"),
        ("adopted asset", "internal"),
        ("adopted asset", "port"),
        ("port", "internal"),
        ("port", "port"),
        ("port", "adopted asset"),
    ],
)
def test_a_name_is_used_once_in_a_product(first: str, second: str) -> None:
    has_input = first == "input port"
    plays = product(inputs={"songs": md.InputPort("mesh://a/b/v1/c")} if has_input else None)
    acts: dict[str, Callable[[], object]] = {
        "input port": lambda: None,
        "internal": lambda: plays.internal(named("songs")),
        "adopted asset": lambda: plays.adopt(dg.AssetKey("songs")),
        "port": lambda: plays.port(contract=Play)(named("songs")),
    }
    acts[first]()

    message = refusal_of(acts[second], DuplicateNameError)

    assert message == (
        f"Product 'media_player/plays' uses the name 'songs' twice: {first} and {second}. "
        "Rename one of them."
    )


@pytest.mark.parametrize("name", ["context", "config"])
def test_a_parameter_that_dagster_fills_names_no_step(name: str) -> None:
    plays = product()

    message = refusal_of(lambda: plays.internal(named(name)), DuplicateNameError)

    assert message == (
        f"Product 'media_player/plays' uses the name '{name}' twice: reserved parameter and "
        "internal. Rename one of them."
    )


def test_a_step_is_named_like_an_address() -> None:
    plays = product()

    internal = refusal_of(lambda: plays.internal(lambda: 1), NameRefusedError)
    port = refusal_of(lambda: plays.port(contract=Play)(named("Events")), NameRefusedError)

    assert internal == f"The internal name '<lambda>' is not allowed. {NAME_REMEDY}"
    assert port == f"The port name 'Events' is not allowed. {NAME_REMEDY}"


def test_a_step_is_a_plain_function() -> None:
    plays = product()

    internal = refusal_of(lambda: plays.internal("raw_plays"))  # type: ignore[call-overload]
    port = refusal_of(lambda: plays.port(contract=Play)(Play))

    assert internal == (
        "The internal of 'media_player/plays' is given a 'str'. Decorate a plain function."
    )
    assert port == (
        "The port of 'media_player/plays' is given the class 'Play'. Decorate a plain function."
    )


def test_who_reads_the_same_partition_of_an_input_has_partitions_itself() -> None:
    songs = md.InputPort("mesh://catalogue/songs/v1/all", same_partition=True)
    plays = product(inputs={"songs": songs})

    def joined(songs: pl.LazyFrame) -> pl.LazyFrame:
        return songs

    internal = refusal_of(lambda: plays.internal(joined))
    port = refusal_of(lambda: product(inputs={"songs": songs}).port(contract=Play)(joined))

    problem = (
        "'joined' of 'media_player/plays' reads the same partition of 'songs', and has no "
        "partitions itself. Give it 'partitions' too, or read the whole port, without "
        "same_partition."
    )
    assert (internal, port) == (f"The internal {problem}", f"The port {problem}")


def test_a_port_reads_no_port_of_its_own_product() -> None:
    plays = product()
    plays.port(contract=Play)(events)

    def daily(events: pl.LazyFrame) -> pl.LazyFrame:
        return events

    message = refusal_of(lambda: plays.port(contract=Play)(daily), UnknownParameterError)

    assert message == (
        "The port 'daily' of 'media_player/plays' takes 'events', which is no internal declared "
        "above it, no input port, not 'context' and not annotated with a Dagster resource. "
        "Declare it first, or correct the name. Known: 'context'."
    )


def test_an_internal_reads_only_what_is_declared_above_it() -> None:
    plays = product()

    def early(raw_plays: pl.LazyFrame) -> pl.LazyFrame:
        return raw_plays

    message = refusal_of(lambda: plays.internal(early), UnknownParameterError)
    plays.internal(raw_plays)
    plays.internal(early)

    assert message == (
        "The internal 'early' of 'media_player/plays' takes 'raw_plays', which is no internal "
        "declared above it, no input port, not 'context' and not annotated with a Dagster "
        "resource. Declare it first, or correct the name. Known: 'context'."
    )
    assert list(plays.internals) == ["raw_plays", "early"]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (
            {"cadense": "@daily"},
            "has the unknown argument 'cadense'. Correct or remove it. Did you mean 'cadence'?",
        ),
        (
            {"freshnes": None},
            "has the unknown argument 'freshnes'. Correct or remove it. Did you mean 'freshness'?",
        ),
        (
            {"zzz": 1},
            (
                "has the unknown argument 'zzz'. Correct or remove it. Known: 'cadence', "
                "'contract', 'description', 'freshness', 'honours' and 9 more."
            ),
        ),
        (
            {"cadence": "hourly"},
            "has cadence 'hourly'. Write a cron expression such as '0 * * * *'.",
        ),
        (
            {"freshness": HOUR},
            "has freshness of type 'timedelta'. Write md.Freshness(within=timedelta(...)).",
        ),
        (
            {"freshness": md.Freshness(within=HOUR, by="playd_at")},
            (
                "promises freshness by 'playd_at', which its contract does not name. "
                "Name one of its columns. Did you mean 'played_at'?"
            ),
        ),
        (
            {"freshness": md.Freshness(within=HOUR, by="plays")},
            (
                "promises freshness by 'plays', which has type Int64. "
                "Name a column of type Datetime or Date."
            ),
        ),
        (
            {"freshness": md.Freshness(within=HOUR, by="played_at", per="staton")},
            (
                "promises freshness per 'staton', which its contract does not name. "
                "Name one of its columns. Did you mean 'station'?"
            ),
        ),
        (
            {"freshness": md.Freshness(within=HOUR, by="played_at", per="loudness")},
            (
                "promises freshness per 'loudness', which has type Float64. "
                "Name a column with few plain values."
            ),
        ),
        (
            {"freshness": md.Freshness(within=HOUR, by="played_at", per="cover")},
            (
                "promises freshness per 'cover', which has type Binary. "
                "Name a column with few plain values."
            ),
        ),
        (
            {"quality": 0.99},
            "has quality of type 'float'. Write md.Quality(valid_rows=..., otherwise=...).",
        ),
        (
            {"partition_column": "dya"},
            (
                "has the partition column 'dya', which its contract does not name. "
                "Name one of its columns. Did you mean 'day'?"
            ),
        ),
        (
            {"partition_column": {"day": "played"}},
            (
                "has the partition column 'played', which its contract does not name. "
                "Name one of its columns. Did you mean 'played_at'?"
            ),
        ),
        ({"honours": "ignore"}, "has honours='ignore'. Use 'warn' or 'refuse'."),
        (
            {"partition_column": ["day"]},
            (
                "has a partition column of type 'list'. "
                "Name one column, or a column for each dimension in a dict."
            ),
        ),
    ],
)
def test_a_port_that_cannot_stand_is_refused(
    arguments: dict[str, Any],  # Any: of `port`
    problem: str,
) -> None:
    assert refusal_of_port(**arguments) == f"{WHO} {problem}"


def test_an_internal_has_no_freshness() -> None:
    declare: Any = product().internal  # Any: the mistake is one that mypy sees too

    message = refusal_of(lambda: declare(freshness=HOUR)(raw_plays))

    assert message == (
        "The internal 'raw_plays' of 'media_player/plays' has the unknown argument 'freshness'. "
        "Correct or remove it. Known: 'cadence', 'description', 'io_manager_key', 'made_from', "
        "'op_tags' and 3 more."
    )


@pytest.mark.parametrize(
    ("contract", "problem"),
    [
        (
            None,
            (
                "is of type 'builtins.NoneType'. "
                "Give a DataFrameModel or DataFrameSchema of pandera.polars."
            ),
        ),
        (
            pa.DataFrameSchema({"age": pa.Column(timedelta)}),
            (
                "has the column 'age' of type Duration(time_unit='us'), which a port cannot keep. "
                "Use pl.Int64 with the unit in the column's name."
            ),
        ),
        (
            pa.DataFrameSchema({"mesh_rules": pa.Column(str)}),
            "has the column 'mesh_rules', whose name is reserved. Rename it.",
        ),
    ],
)
def test_a_contract_that_a_port_cannot_keep_is_refused(contract: object, problem: str) -> None:
    plays = product()
    declare: Any = plays.port  # Any: the mistake is one that mypy sees too

    message = refusal_of(lambda: declare(contract=contract)(events), ContractRefusedError)

    assert message == f"The contract of 'mesh://media_player/plays/v1/events' {problem}"
    assert plays.ports == {}


def test_a_refused_step_leaves_its_name_free() -> None:
    plays = product()

    refusal_of(lambda: plays.port(contract=Play, cadence="hourly")(events))
    plays.port(contract=Play, cadence="@hourly")(events)

    assert list(plays.ports) == ["events"]


@dg.asset(key=["warehouse", "stations"])
def stations() -> None: ...


@dg.multi_asset(specs=[dg.AssetSpec("first"), dg.AssetSpec("second")])
def two_assets() -> tuple[None, None]:
    return None, None


@pytest.mark.parametrize(
    "asset",
    [
        stations,
        dg.AssetSpec(["warehouse", "stations"]),
        dg.AssetKey(["warehouse", "stations"]),
    ],
)
def test_an_existing_asset_is_adopted_with_its_key(asset: object) -> None:
    plays = product()

    plays.adopt(asset)

    assert plays.adopted == {"stations": Adopted("stations", asset, ("warehouse", "stations"))}


def test_an_adopted_asset_may_take_another_name_and_be_loaded_by_a_function() -> None:
    plays = product()

    plays.adopt(stations, name="all_stations", load=events)

    expected = Adopted("all_stations", stations, ("warehouse", "stations"), events)
    assert plays.adopted == {"all_stations": expected}


@pytest.mark.parametrize(
    ("asset", "kind"),
    [
        (None, "NoneType"),
        ("warehouse/stations", "str"),
        (events, "function"),
        (two_assets, "AssetsDefinition"),
        (dg.AssetKey([]), "AssetKey"),
    ],
)
def test_only_what_has_one_asset_key_is_adopted(asset: object, kind: str) -> None:
    plays = product()

    message = refusal_of(lambda: plays.adopt(asset))

    assert message == (
        f"Product 'media_player/plays' adopts a '{kind}' that has not exactly one asset key. "
        "Give an asset, an AssetSpec or an AssetKey."
    )


def test_an_adopted_asset_is_named_like_an_address() -> None:
    plays = product()

    message = refusal_of(lambda: plays.adopt(dg.AssetKey("Stg-Stations")), NameRefusedError)

    assert message == f"The adopted asset name 'Stg-Stations' is not allowed. {NAME_REMEDY}"


def test_an_adopted_asset_is_loaded_by_a_function() -> None:
    plays = product()

    message = refusal_of(lambda: plays.adopt(stations, load="read.parquet"))  # type: ignore[arg-type]

    assert message == ("Product 'media_player/plays' loads 'stations' by a 'str'. Give a function.")
