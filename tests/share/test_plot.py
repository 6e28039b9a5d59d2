import re

import pytest

from mesh_dagster.declare.slo import Freshness
from mesh_dagster.observe.calendar import Timing
from mesh_dagster.observe.timeline import Timeline, timeline
from mesh_dagster.share.plot import plot
from tests.observe.ports import HOUR, at, facts, judged_at

DAILY = Freshness(within=24 * HOUR, grace=2 * HOUR)
LEFT, RIGHT = 64.0, 952.0
BASE, LIMIT = 290.0, 156.0


def drawn_at(*published: float, hours: float) -> Timeline:
    """Draw a port that was published at some hours, as it stands at a later one."""
    port = facts(*published, freshness=DAILY)
    return timeline(port, Timing.of(DAILY), judged_at(port, hours), at(hours), 25)


def line(drawn: Timeline, name: str) -> list[tuple[float, float]]:
    """Return where the line of a class begins and where it ends, if there is one."""
    found = re.findall(rf'<line class="{name}" ([^>]*)>', plot(drawn))
    known = [dict(re.findall(r'(\w+)="([0-9.]+)"', one)) for one in found]
    return [(float(one[f"x{n}"]), float(one[f"y{n}"])) for one in known for n in "12"]


@pytest.mark.parametrize(
    ("published", "hours", "breaks", "age"), [((0,), 0, 26, 0.0), ((0, 1), 13, 27, 0.5)]
)
def test_while_a_promise_holds_the_plot_goes_on_to_when_it_breaks(
    published: tuple[float, ...], hours: float, breaks: float, age: float
) -> None:
    drawn = drawn_at(*published, hours=hours)

    begin, end = line(drawn, "ahead")
    assert drawn.breaks_at == at(breaks)
    assert begin == (round(LEFT + (RIGHT - LEFT) * hours / breaks, 1), BASE + (LIMIT - BASE) * age)
    assert end == (RIGHT, LIMIT)
    assert {x for x, _ in line(drawn, "now")} == {begin[0]}


def test_in_the_time_of_grace_the_way_to_the_breach_does_not_lead_back() -> None:
    begin, end = line(drawn_at(0, hours=25), "ahead")

    assert begin[1] == end[1] < LIMIT


@pytest.mark.parametrize("published", [(0,), ()])
def test_where_nothing_more_can_break_the_plot_ends_now(published: tuple[float, ...]) -> None:
    drawn = drawn_at(*published, hours=27)

    assert (drawn.breaks_at, line(drawn, "ahead"), line(drawn, "now")) == (None, [], [])
