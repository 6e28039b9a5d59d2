import functools
import re
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import dagster as dg
import duckdb
import polars as pl
import pyarrow as pa  # type: ignore[import-untyped]  # it brings no types
import pytest
from dagster_duckdb import DuckDBResource

from mesh_dagster.declare.wiring import Build, FrameKind, Parameter, name_of, wire
from mesh_dagster.errors import DeclarationError, UnknownParameterError

if TYPE_CHECKING:
    from datetime import date

WHO = "The port 'events' of 'media_player/plays'"
NO_FRAME = "Annotate it with pl.LazyFrame, pl.DataFrame, duckdb.DuckDBPyRelation or pyarrow.Table."


class Station(dg.ConfigurableResource[Any]):  # Any: it makes nothing
    name: str


def wired(function: Callable[..., object]) -> Build:
    return wire(function, WHO, {"raw_plays", "stations"}, {"songs"})


def refusal_of(function: Callable[..., object]) -> str:
    with pytest.raises(DeclarationError) as refused:
        wired(function)
    return str(refused.value)


def test_parameters_are_wired_by_name() -> None:
    def events(
        context: object,
        raw_plays: pl.LazyFrame,
        songs: pl.LazyFrame,
        *,
        stations: pl.LazyFrame,
        station: Station,
    ) -> None: ...

    build = wired(events)

    assert build.parameters == (
        Parameter("context", "context"),
        Parameter("raw_plays", "internal"),
        Parameter("songs", "input"),
        Parameter("stations", "internal"),
        Parameter("station", "resource", annotation=Station),
    )


def test_a_build_knows_its_name_its_description_and_what_it_takes() -> None:
    def events(raw_plays: pl.LazyFrame, songs: pl.LazyFrame) -> None:
        """Every play once."""

    build = wired(events)

    assert (build.name, build.description) == ("events", "Every play once.")
    assert build.taken("input") == (Parameter("songs", "input"),)
    assert build.taken("resource") == ()


@pytest.mark.parametrize(
    ("annotation", "kind"),
    [
        (pl.LazyFrame, "lazy"),
        (pl.DataFrame, "eager"),
        (duckdb.DuckDBPyRelation, "duckdb"),
        (pa.Table, "arrow"),
        ("pl.DataFrame", "eager"),
    ],
)
def test_the_annotation_picks_the_frame(annotation: object, kind: FrameKind) -> None:
    def events(raw_plays: object) -> None: ...

    events.__annotations__["raw_plays"] = annotation

    assert wired(events).parameters == (Parameter("raw_plays", "internal", kind),)


def test_without_an_annotation_a_frame_is_lazy() -> None:
    def events(raw_plays): ...  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - as under test

    assert wired(events).parameters == (Parameter("raw_plays", "internal", "lazy"),)


@pytest.mark.parametrize("annotation", [DuckDBResource, Station, dg.ResourceParam[re.Pattern[str]]])
def test_a_resource_is_known_by_its_annotation(annotation: object) -> None:
    def events(station: object) -> None: ...

    events.__annotations__["station"] = annotation

    assert wired(events).parameters == (Parameter("station", "resource", annotation=annotation),)


@pytest.mark.parametrize("annotation", [int, object, pl.LazyFrame, "int | None", Annotated[int, 1]])
def test_what_nobody_has_declared_is_refused(annotation: object) -> None:
    def events(limit: object) -> None: ...

    events.__annotations__["limit"] = annotation

    with pytest.raises(UnknownParameterError) as refused:
        wired(events)

    assert str(refused.value) == (
        f"{WHO} takes 'limit', which is no internal declared above it, no input port, not "
        "'context' and not annotated with a Dagster resource. Declare it first, or correct the "
        "name. Known: 'context', 'raw_plays', 'songs', 'stations'."
    )


def test_a_misspelt_parameter_is_told_the_nearest_name() -> None:
    def events(raw_play: pl.LazyFrame) -> None: ...

    assert refusal_of(events) == (
        f"{WHO} takes 'raw_play', which is no internal declared above it, no input port, not "
        "'context' and not annotated with a Dagster resource. Declare it first, or correct the "
        "name. Did you mean 'raw_plays'?"
    )


@pytest.mark.parametrize(
    ("annotation", "shown"),
    [
        (int, "int"),
        (pl.Series, "Series"),
        (pl.LazyFrame | None, "polars.lazyframe.frame.LazyFrame | None"),
        (list[int], "list[int]"),
        (Station, "Station"),
    ],
)
def test_data_arrives_as_one_of_four_frames(annotation: object, shown: str) -> None:
    def events(raw_plays: object) -> None: ...

    events.__annotations__["raw_plays"] = annotation

    assert refusal_of(events) == f"{WHO} takes 'raw_plays' as '{shown}'. {NO_FRAME}"


def test_a_parameter_is_passed_by_name() -> None:
    def positional(raw_plays: pl.LazyFrame, /) -> None: ...
    def several(*raw_plays: pl.LazyFrame) -> None: ...
    def named(**raw_plays: pl.LazyFrame) -> None: ...

    messages = [refusal_of(positional), refusal_of(several), refusal_of(named)]

    assert messages == [
        f"{WHO} takes '{stars}raw_plays: polars.lazyframe.frame.LazyFrame', which cannot be passed "
        "by name. Name each input."
        for stars in ("", "*", "**")
    ]


@pytest.mark.parametrize("annotation", ["Absent", "pl.LazyFram", "pl LazyFrame", "date", "1 / 0"])
def test_an_annotation_that_cannot_be_read_is_refused(annotation: str) -> None:
    def events(raw_plays: "date") -> None: ...

    events.__annotations__["raw_plays"] = annotation

    assert refusal_of(events) == (
        f"{WHO} has annotations that cannot be read. Import what they name outside "
        "'if TYPE_CHECKING', and correct misspelt names."
    )


def build() -> None: ...


async def build_later() -> None: ...


async def build_bit_by_bit() -> AsyncIterator[int]:
    yield 1


def build_in_parts() -> Iterator[int]:
    yield 1


def test_a_function_names_what_it_builds() -> None:
    assert name_of(build, WHO) == "build"


@pytest.mark.parametrize(
    ("function", "problem"),
    [
        ("build", "is given a 'str'. Decorate a plain function."),
        (functools.partial(build), "is given a 'partial'. Decorate a plain function."),
        (Station, "is given the class 'Station'. Decorate a plain function."),
        (build_later, "is built by the async function 'build_later'. Write it without async."),
        (
            build_bit_by_bit,
            "is built by the async function 'build_bit_by_bit'. Write it without async.",
        ),
        (
            build_in_parts,
            "is built by the generator 'build_in_parts'. Return one frame, not yields.",
        ),
    ],
)
def test_only_a_plain_function_builds(function: object, problem: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        name_of(function, WHO)

    assert str(refused.value) == f"{WHO} {problem}"
