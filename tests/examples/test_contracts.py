from collections.abc import Callable

import pandera.polars as pa
import polars as pl
import pytest

from example_domains.catalogue import contracts as catalogue
from example_domains.labels import contracts as labels
from example_domains.listening import contracts as listening
from example_domains.media_player import contracts as media_player
from example_domains.royalties import contracts as royalties
from example_domains.sales import contracts as sales
from example_domains.sales.source import BAD_DAY
from tests.examples import built

_PORTS = [
    (media_player.Play, built.published_plays),
    (media_player.ListedSong, built.songs),
    (catalogue.Artist, built.artists),
    (catalogue.Album, built.albums),
    (catalogue.Track, built.tracks),
    (sales.Invoice, built.invoices),
    (sales.Line, built.lines),
    (labels.Label, built.record_labels),
    (labels.Release, built.releases),
    (labels.CatalogueNumber, built.catalogue_numbers),
    (royalties.MonthlyEarnings, built.monthly),
    (royalties.ArtistPlays, built.plays_per_artist),
    (listening.StationHour, built.hourly),
]
_IDS = [model.__name__ for model, _ in _PORTS]

Build = Callable[[], pl.DataFrame]


def _broken(model: type[pa.DataFrameModel], frame: pl.DataFrame) -> dict[str, int]:
    try:
        model.validate(frame, lazy=True)
    except pa.errors.SchemaErrors as errors:
        counts = errors.failure_cases["check"].value_counts()
        return dict(counts.sort("check").iter_rows())
    return {}


@pytest.mark.usefixtures("generated")
@pytest.mark.parametrize(("model", "build"), _PORTS, ids=_IDS)
def test_a_generated_port_keeps_its_contract(model: type[pa.DataFrameModel], build: Build) -> None:
    frame = build()

    assert frame.height > 0
    assert frame.columns == list(model.to_schema().columns)
    assert _broken(model, frame) == {}


@pytest.mark.usefixtures("real")
@pytest.mark.parametrize(("model", "build"), _PORTS, ids=_IDS)
def test_a_real_port_keeps_its_contract(model: type[pa.DataFrameModel], build: Build) -> None:
    frame = build()

    assert _broken(model, frame) == {}


@pytest.mark.usefixtures("generated")
def test_plays_without_a_song_or_artist_break_the_contract() -> None:
    plays = built.plays()

    broken = _broken(media_player.Play, plays)

    assert broken == {"not_nullable": plays["song"].null_count() + plays["artist"].null_count()}


@pytest.mark.usefixtures("generated")
def test_a_bad_day_breaks_both_contracts_of_sales(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(BAD_DAY, "1")

    broken = [_broken(sales.Invoice, built.invoices()), _broken(sales.Line, built.lines())]

    assert [list(rules) for rules in broken] == [
        ["total = lines_total"],
        ["less_than_or_equal_to(19.99)"],
    ]


@pytest.mark.usefixtures("generated")
def test_a_bad_day_spoils_the_newest_tenth_of_the_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    good = built.lines()
    monkeypatch.setenv(BAD_DAY, "1")

    bad = built.lines()

    ratio = (bad["unit_price"].cast(pl.Float64) / good["unit_price"].cast(pl.Float64)).round()
    first_spoilt = good.height * 9 // 10
    assert ratio.to_list() == [1.0] * first_spoilt + [100.0] * (good.height - first_spoilt)


@pytest.mark.usefixtures("real")
def test_a_real_bad_day_spoils_224_lines_and_40_invoices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(BAD_DAY, "1")

    broken = [_broken(sales.Invoice, built.invoices()), _broken(sales.Line, built.lines())]

    assert broken == [{"total = lines_total": 40}, {"less_than_or_equal_to(19.99)": 224}]
