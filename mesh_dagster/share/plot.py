"""Draw how a port kept its freshness promise.

In:  a `Timeline`.
Out: a plot in SVG. How it looks is said by the style of the page, by class. While the promise
holds, the plot goes on to when it breaks, so that the first publication tells something already.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from mesh_dagster.observe.timeline import Point, Timeline

HIGHEST = 2.0
"""Ages above so many limits are drawn at the upper edge."""
_WIDTH_PX, _HEIGHT_PX, _BASE_PX, _TOP_PX = 960, 320, 290, 22
_LEFT_PX, _RIGHT_PX = 64, 952
_LINES = (0.5, 1.0, 1.5)


def plot(drawn: Timeline) -> str:
    """Draw the age of the data against its limit, and when the promise was broken."""
    line = " ".join(
        f"{_x(drawn, point.at):.1f},{_y(share):.1f}"
        for point in drawn.points
        if (share := share_of_limit(point)) is not None
    )
    label = "Age of the data as a share of its limit"
    return (
        f'<svg viewBox="0 0 {_WIDTH_PX} {_HEIGHT_PX}" role="img" aria-label="{label}">'
        f"<title>{label}</title>{''.join(_areas(drawn))}{''.join(_grid())}"
        f"{''.join(_ticks(drawn))}{''.join(_ahead(drawn))}"
        f'<polyline class="age" points="{line}"/></svg>'
    )


def share_of_limit(point: Point) -> float | None:
    """Return the age as a share of its limit, cut at `HIGHEST`; `None` without data."""
    return None if point.age is None else min(point.age / point.limit, HIGHEST)


def _areas(drawn: Timeline) -> Iterator[str]:
    for stretch in drawn.broken:
        begin, end = _x(drawn, max(stretch.begin, drawn.begin)), _x(drawn, stretch.end)
        yield (
            f'<rect class="broken" x="{begin:.1f}" y="{_TOP_PX}" width="{max(end - begin, 2):.1f}" '
            f'height="{_BASE_PX - _TOP_PX}"><title>broken</title></rect>'
        )


def _grid() -> Iterator[str]:
    for share in (0.0, *_LINES, HIGHEST):
        style = "limit" if share == 1.0 else "line"
        name = "limit" if share == 1.0 else f"{'≥ ' * (share == HIGHEST)}{share * 100:.0f} %"
        yield (
            f'<line class="{style}" x1="{_LEFT_PX}" x2="{_RIGHT_PX}" y1="{_y(share)}" '
            f'y2="{_y(share)}"/><text x="4" y="{_y(share) + 4}">{name}</text>'
        )


def _ticks(drawn: Timeline) -> Iterator[str]:
    for time in drawn.published:
        x = _x(drawn, time)
        yield (
            f'<line class="made" x1="{x:.1f}" x2="{x:.1f}" y1="{_BASE_PX}" y2="{_BASE_PX + 8}"/>'
        )
    for number in range(5):
        time = drawn.begin + (_end(drawn) - drawn.begin) * number / 4
        anchor = ("start", "middle", "middle", "middle", "end")[number]
        yield (
            f'<text x="{_x(drawn, time):.1f}" y="{_HEIGHT_PX - 4}" text-anchor="{anchor}">'
            f"{time:%Y-%m-%d %H:%M}</text>"
        )


def _ahead(drawn: Timeline) -> Iterator[str]:
    """Draw how the age goes on from now to when the promise breaks."""
    share = share_of_limit(drawn.points[-1])
    if drawn.breaks_at is None or share is None:
        return
    now, breaks = _x(drawn, drawn.end), _x(drawn, drawn.breaks_at)
    anchor, beside = ("start", 4) if now < _WIDTH_PX / 2 else ("end", -4)
    yield (
        f'<line class="now" x1="{now:.1f}" x2="{now:.1f}" y1="{_TOP_PX}" y2="{_BASE_PX}"/>'
        f'<text x="{now + beside:.1f}" y="{_TOP_PX - 8}" text-anchor="{anchor}">now</text>'
        f'<line class="ahead" x1="{now:.1f}" y1="{_y(share):.1f}" x2="{breaks:.1f}" '
        f'y2="{_y(max(share, 1.0)):.1f}"><title>if nothing is published</title></line>'
    )


def _end(drawn: Timeline) -> datetime:
    return max(drawn.end, drawn.breaks_at or drawn.end)


def _x(drawn: Timeline, time: datetime) -> float:
    share = (time - drawn.begin) / max(_end(drawn) - drawn.begin, timedelta(microseconds=1))
    return _LEFT_PX + share * (_RIGHT_PX - _LEFT_PX)


def _y(share: float) -> float:
    return _BASE_PX - (_BASE_PX - _TOP_PX) * share / HIGHEST
