from dataclasses import replace

from mesh_dagster.discover.entries import PortEntry, ProductEntry
from mesh_dagster.share.bars import bars_of
from tests.observe.ports import at

HEIGHT = 166


def port_of(entry: ProductEntry, *batches: tuple[int, int]) -> PortEntry:
    """Return a port with a publication an hour, of so many rows, so many of them rejected."""
    port = entry.ports[0]
    made = [
        replace(port.publications[0], published_at=at(n), rows=rows, rejected_rows=rejected)
        for n, (rows, rejected) in enumerate(batches)
    ]
    return replace(port, publications=tuple(made), refusals=())


def test_a_few_rejected_rows_are_seen_and_no_bar_is_higher_than_the_largest_batch(
    entry: ProductEntry,
) -> None:
    drawn = bars_of(port_of(entry, (99_999, 1), (50_000, 0)))

    assert drawn is not None
    heights = [(one.valid_height, one.rejected_height) for one in drawn.bars]
    assert heights == [(HEIGHT - 3, 3), (HEIGHT / 2, 0)]


def test_few_bars_stand_left_and_each_says_when_it_was(entry: ProductEntry) -> None:
    few = bars_of(port_of(entry, *[(1, 0)] * 2))
    many = bars_of(port_of(entry, *[(1, 0)] * 30))

    assert few is not None
    assert [one.labels for one in few.bars] == [("03-02", "00:00"), ("03-02", "01:00")]
    assert max(one.x for one in few.bars) < 960 / 4
    assert many is not None
    assert [bool(one.labels) for one in many.bars] == [True, False] * 12
    assert many.bars[-1].labels == ()
