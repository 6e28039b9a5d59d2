"""Draw a port's history as text, or as a page that needs nothing else.

In:  a `Timeline`.
Out: text, or HTML with a plot in SVG and no script.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from html import escape
from typing import TYPE_CHECKING

from mesh_dagster.cli.output import moment, span

if TYPE_CHECKING:
    from mesh_dagster.observe.timeline import Point, Timeline

_LEVELS = " ▁▂▃▄▅▆▇█"
_HEIGHT = 8
_WIDTH_PX, _HEIGHT_PX, _LEFT_PX, _BASE_PX = 960, 320, 64, 290
_HIGHEST = 2.0
"""Ages above so many limits are drawn at the upper edge."""
_LINES = (0.5, 1.0, 1.5)


def text_chart(drawn: "Timeline") -> str:
    """Draw the age of the data against its limit; `!` marks when the promise was broken."""
    shares = [_share(point) for point in drawn.points]
    rows = []
    for level in range(_HEIGHT, 0, -1):
        low, high = (_HIGHEST * edge / _HEIGHT for edge in (level - 1, level))
        label = "limit" if low == 1.0 else ""
        rows.append(f"{label:>6} |" + "".join(_cell(share, low, high) for share in shares))
    marks = "".join("!" if point.broken else "." for point in drawn.points)
    count = len(drawn.broken)
    breaks = "never broken" if not count else f"broken {count} time{'s' if count > 1 else ''}"
    return "\n".join(
        [
            f"{drawn.address}: {breaks}; {_left(drawn)}",
            *rows,
            f"       +{'-' * len(shares)}",
            f"broken  {marks}",
            f"        {moment(drawn.begin)} to {moment(drawn.end)}",
        ]
    )


def page(drawn: "Timeline") -> str:
    """Write a page of its own: the plot, and when the promise was broken."""
    title = escape(f"{drawn.address}: freshness")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{title}</title><style>{_STYLE}</style></head><body><h1>{title}</h1>"
        f"<p>{moment(drawn.begin)} to {moment(drawn.end)}; target {drawn.target:.2%}; "
        f"{_left(drawn)}; "
        f"{len(drawn.published)} publications.</p>{_plot(drawn)}{_breaks(drawn)}</body></html>\n"
    )


_STYLE = (
    "body{font:16px system-ui,sans-serif;max-width:1000px;margin:2em auto;padding:0 1em;"
    "color:#1c2733}svg{width:100%;height:auto}td,th{padding:.2em 1em .2em 0;text-align:left}"
    ".broken{fill:#f6c6c0}.age{fill:none;stroke:#22577a;stroke-width:2}"
    ".line{stroke:#d5dbe1}.limit{stroke:#b3261e;stroke-dasharray:6 4}"
    ".made{stroke:#2e7d32}text{font-size:12px;fill:#5b6875}"
)


def _left(drawn: "Timeline") -> str:
    budget = drawn.points[-1].budget_remaining
    if budget is None:
        return "no time of the window counts"
    if budget < 0:
        return f"its error budget is spent {1 - budget:.1f} times"
    return f"{budget:.0%} of its error budget is left"


def _plot(drawn: "Timeline") -> str:
    line = " ".join(
        f"{_x(drawn, point.at):.1f},{_y(share):.1f}"
        for point in drawn.points
        if (share := _share(point)) is not None
    )
    label = "Age of the data as a share of its limit"
    return (
        f'<svg viewBox="0 0 {_WIDTH_PX} {_HEIGHT_PX}" role="img" aria-label="{label}">'
        f"<title>{label}</title>{''.join(_areas(drawn))}{''.join(_grid())}"
        f"{''.join(_ticks(drawn))}"
        f'<polyline class="age" points="{line}"/></svg>'
    )


def _areas(drawn: "Timeline") -> Iterator[str]:
    for stretch in drawn.broken:
        begin, end = _x(drawn, max(stretch.begin, drawn.begin)), _x(drawn, stretch.end)
        yield (
            f'<rect class="broken" x="{begin:.1f}" y="10" width="{max(end - begin, 1):.1f}" '
            f'height="{_BASE_PX - 10}"><title>broken</title></rect>'
        )


def _grid() -> Iterator[str]:
    for share in (0.0, *_LINES, _HIGHEST):
        style = "limit" if share == 1.0 else "line"
        name = "limit" if share == 1.0 else f"{share:.0%}"
        yield (
            f'<line class="{style}" x1="{_LEFT_PX}" x2="{_WIDTH_PX}" y1="{_y(share)}" '
            f'y2="{_y(share)}"/><text x="4" y="{_y(share) + 4}">{name}</text>'
        )


def _ticks(drawn: "Timeline") -> Iterator[str]:
    for time in drawn.published:
        x = _x(drawn, time)
        yield (
            f'<line class="made" x1="{x:.1f}" x2="{x:.1f}" y1="{_BASE_PX}" y2="{_BASE_PX + 8}"/>'
        )
    for number in range(5):
        time = drawn.begin + (drawn.end - drawn.begin) * number / 4
        anchor = ("start", "middle", "middle", "middle", "end")[number]
        yield (
            f'<text x="{_x(drawn, time):.1f}" y="{_HEIGHT_PX - 4}" text-anchor="{anchor}">'
            f"{time:%Y-%m-%d %H:%M}</text>"
        )


def _breaks(drawn: "Timeline") -> str:
    rows = "".join(
        f"<tr><td>{moment(one.begin)}</td><td>{moment(one.end)}</td>"
        f"<td>{span(one.end - one.begin)}</td></tr>"
        for one in drawn.broken
    )
    head = "<tr><th>broken from</th><th>to</th><th>for</th></tr>"
    return f"<table>{head}{rows}</table>" if rows else "<p>Never broken in this window.</p>"


def _share(point: "Point") -> float | None:
    return None if point.age is None else min(point.age / point.limit, _HIGHEST)


def _cell(share: float | None, low: float, high: float) -> str:
    if share is None:
        return " "
    filled = max(0.0, min(1.0, (share - low) / (high - low)))
    return _LEVELS[round(filled * (len(_LEVELS) - 1))]


def _x(drawn: "Timeline", time: datetime) -> float:
    share = (time - drawn.begin) / max(drawn.end - drawn.begin, timedelta(microseconds=1))
    return _LEFT_PX + share * (_WIDTH_PX - _LEFT_PX)


def _y(share: float) -> float:
    return _BASE_PX - (_BASE_PX - 10) * share / _HIGHEST
