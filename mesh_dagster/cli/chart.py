"""Draw a port's history as text, or as a page that needs nothing else.

In:  a `Timeline`.
Out: text, or HTML with a plot in SVG and no script.
"""

from html import escape

from mesh_dagster.observe.timeline import Timeline
from mesh_dagster.share.plot import HIGHEST, plot, share_of_limit
from mesh_dagster.share.wording import budget, moment, span

_LEVELS = " ▁▂▃▄▅▆▇█"
_HEIGHT = 8


def text_chart(drawn: Timeline) -> str:
    """Draw the age of the data against its limit; `!` marks when the promise was broken."""
    shares = [share_of_limit(point) for point in drawn.points]
    rows = []
    for level in range(_HEIGHT, 0, -1):
        low, high = (HIGHEST * edge / _HEIGHT for edge in (level - 1, level))
        label = "limit" if low == 1.0 else ""
        rows.append(f"{label:>6} |" + "".join(_cell(share, low, high) for share in shares))
    marks = "".join("!" if point.broken else "." for point in drawn.points)
    count = len(drawn.broken)
    breaks = "never broken" if not count else f"broken {count} time{'s' if count > 1 else ''}"
    return "\n".join(
        [
            f"{drawn.address}: {breaks}; error budget: {budget(drawn.points[-1].budget_remaining)}",
            *rows,
            f"       +{'-' * len(shares)}",
            f"broken  {marks}",
            f"        {moment(drawn.begin)} to {moment(drawn.end)}",
        ]
    )


def page(drawn: Timeline) -> str:
    """Write a page of its own: the plot, and when the promise was broken."""
    title = escape(f"{drawn.address}: freshness")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{title}</title><style>{_STYLE}</style></head><body><h1>{title}</h1>"
        f"<p>{moment(drawn.begin)} to {moment(drawn.end)}; target {drawn.target:.2%}; "
        f"error budget: {budget(drawn.points[-1].budget_remaining)}; "
        f"{len(drawn.published)} publications.</p>{plot(drawn)}{_breaks(drawn)}</body></html>\n"
    )


_STYLE = (
    "body{font:16px system-ui,sans-serif;max-width:1000px;margin:2em auto;padding:0 1em;"
    "color:#1c2733}svg{width:100%;height:auto}td,th{padding:.2em 1em .2em 0;text-align:left}"
    ".broken{fill:#f6c6c0}.age{fill:none;stroke:#22577a;stroke-width:2}"
    ".line{stroke:#d5dbe1}.limit{stroke:#b3261e;stroke-dasharray:6 4}"
    ".now{stroke:#5b6875}.ahead{stroke:#22577a;stroke-dasharray:2 5}"
    ".made{stroke:#2e7d32}text{font-size:12px;fill:#5b6875}"
)


def _breaks(drawn: Timeline) -> str:
    rows = "".join(
        f"<tr><td>{moment(one.begin)}</td><td>{moment(one.end)}</td>"
        f"<td>{span(one.end - one.begin)}</td></tr>"
        for one in drawn.broken
    )
    head = "<tr><th>broken from</th><th>to</th><th>for</th></tr>"
    return f"<table>{head}{rows}</table>" if rows else "<p>Never broken in this window.</p>"


def _cell(share: float | None, low: float, high: float) -> str:
    if share is None:
        return " "
    filled = max(0.0, min(1.0, (share - low) / (high - low)))
    return _LEVELS[round(filled * (len(_LEVELS) - 1))]
