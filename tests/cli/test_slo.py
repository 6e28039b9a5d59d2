import json
from datetime import datetime, timedelta, timezone
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from mesh_dagster.cli.main import main
from mesh_dagster.cli.registry import nothing_registered
from mesh_dagster.cli.slo import bar
from mesh_dagster.declare.slo import Freshness
from mesh_dagster.observe.alerts import record
from mesh_dagster.observe.watch import Watcher, take_over
from mesh_dagster.run.registry import Refusal, Registry
from mesh_dagster.run.store import Store
from tests.observe.ports import DAY, EVENTS, HOUR, at, published, register

ROYALTIES = "mesh://payments/royalties/v1/monthly"
LONG_AFTER = "2026-03-03T00:00:00Z"


@pytest.fixture
def registry(mesh_root: Path) -> Registry:
    """Return a registry in which the plays were late and one station is silent."""
    mesh_root.mkdir()
    opened = Registry(Store.at().registry_url)
    promise = Freshness(within=3 * HOUR, by="at", per="station", target=0.5, window=DAY, warn=HOUR)
    register(opened, freshness=promise)
    register(opened, ROYALTIES, freshness=Freshness(within=5 * HOUR), inputs=[EVENTS])
    silent = {"KSLX": at(1).isoformat()}
    known = [
        published(n, hours, event=hours, groups=silent, oldest_group=at(1))
        for n, hours in enumerate((1, 2, 12))
    ]
    opened.record(*known, published(0, 1, address=ROYALTIES))
    return opened


def beat(registry: Registry, now: datetime) -> None:
    """Judge as a sensor that finds nothing new."""
    watcher = Watcher("plays.py", frozenset({"media_player"}))
    take_over([EVENTS], registry, now, watcher=watcher)
    record([], registry, now, judge=watcher.judge)


def mesh(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


@pytest.mark.usefixtures("registry")
def test_every_promise_stands_in_a_table() -> None:
    result = mesh("slo", "--as-of", "2026-03-02T13:00:00Z")

    header, *lines = result.stdout.splitlines()
    assert header.split() == [
        *("ADDRESS", "PROMISE", "STATE", "AGE", "LIMIT", "BUDGET", "FOR", "NOTE")
    ]
    assert [line.removeprefix("mesh://") for line in lines] == [
        f"media_player/plays/v1/events   {rest}"
        for rest in (
            "freshness  breached  12 h    3 h  ██░░░░░░░░ 25% left    9 h  late: KSLX",
            "quality    ok                     ██████████ 100% left  12 h",
        )
    ] + [
        f"payments/royalties/v1/monthly  {rest}"
        for rest in (
            f"freshness  breached  12 h    5 h  ░░░░░░░░░░ spent       7 h  because of {EVENTS}",
            "quality    ok                     ██████████ 100% left  12 h",
        )
    ]


@pytest.mark.usefixtures("registry")
def test_promises_are_written_as_json() -> None:
    result = mesh("slo", "--only", "plays", "--as-of", "2026-03-02T13:00:00Z", "--json")

    fresh = json.loads(result.stdout)[0]
    assert len(fresh.pop("breach_id")) == 64
    assert fresh == {
        "address": EVENTS,
        "product_key": "media_player/plays",
        "owner": "team:media_player",
        "objective": "freshness",
        "state": "breached",
        "since": "2026-03-02T04:00:00+00:00",
        "target": 0.5,
        "budget_remaining": 0.25,
        "late_groups": ["KSLX"],
        "late_group_count": 1,
        "missing_partitions": [],
        "missing_partition_count": 0,
        "breaks_at": "2026-03-02T04:00:00+00:00",
        "predicted_breach_at": None,
        "caused_by": None,
        "age_seconds": 43200.0,
        "limit_seconds": 10800.0,
        "window_seconds": 86400.0,
    }


def test_a_mesh_without_products_says_so(mesh_root: Path) -> None:
    result = mesh("slo")

    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == f"{nothing_registered()}\n"
    assert not mesh_root.exists()


def test_a_check_that_finds_nothing_to_check_fails(mesh_root: Path) -> None:
    result = mesh("slo", "check")

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"{nothing_registered()} Nothing was checked.\n"
    assert not mesh_root.exists()


@pytest.mark.usefixtures("registry")
def test_a_text_that_no_address_holds_is_refused() -> None:
    result = mesh("slo", "--only", "playz")

    assert result.exit_code == 1
    assert result.stderr == (
        "No registered port matches 'playz'. Known: 'mesh://media_player/plays/v1/events', "
        "'mesh://payments/royalties/v1/monthly'. Check the pattern and MESH_ROOT, or run its "
        "product.\n"
    )


@pytest.mark.usefixtures("registry")
def test_a_broken_promise_fails_the_check() -> None:
    result = mesh("slo", "check", "--as-of", "2026-03-02T13:00:00Z")

    assert result.exit_code == 1
    assert [line.split()[:3] for line in result.stdout.splitlines()[1:]] == [
        [EVENTS, "freshness", "breached"],
        [ROYALTIES, "freshness", "breached"],
    ]


@pytest.mark.usefixtures("registry")
def test_kept_promises_pass_the_check() -> None:
    result = mesh("slo", "check", "--as-of", "2026-03-02T03:00:00Z")

    assert (result.exit_code, result.stdout) == (0, "All 4 promises are kept.\n")


def test_a_sensor_that_stopped_fails_the_check(registry: Registry) -> None:
    now = datetime.now(timezone.utc)
    for address in (EVENTS, ROYALTIES):
        register(registry, address)
    beat(registry, now - timedelta(hours=3))

    stale, waiting = mesh("slo", "check"), mesh("slo", "check", "--stale-after", "240")
    beat(registry, now)
    alive = mesh("slo", "check")
    watcher = Watcher("royalties.py", frozenset({"payments"}))
    take_over([ROYALTIES], registry, now, watcher=watcher)
    unseen = mesh("slo", "check")
    record([], registry, now, judge=watcher.judge)
    watched = mesh("slo", "check")

    silent = "The sensor of plays.py:media_player has not judged for 3 h"
    said = f"{silent}, so nobody is told meanwhile; start dagster-daemon.\n"
    assert (stale.exit_code, stale.stdout) == (1, said)
    assert (waiting.exit_code, waiting.stdout) == (0, "All 2 promises are kept.\n")
    lacking = f"No sensor has judged {ROYALTIES} yet, so nobody is told of a broken promise"
    assert (alive.exit_code, alive.stderr) == (0, f"{lacking}; start dagster-daemon.\n")
    assert unseen.stderr == alive.stderr, "a sensor that never ran watches nothing"
    assert (watched.exit_code, watched.stderr) == (0, "")


def test_promises_that_no_sensor_judges_are_kept_with_a_warning(registry: Registry) -> None:
    for address in (EVENTS, ROYALTIES):
        register(registry, address)

    result = mesh("slo", "check")

    said = "No sensor has judged here yet, so nobody is told of a broken promise"
    assert (result.exit_code, result.stdout) == (0, "All 2 promises are kept.\n")
    assert result.stderr == f"{said}; start dagster-daemon.\n"


def test_the_check_is_written_as_json(registry: Registry) -> None:
    registry.refuse(Refusal(EVENTS, "r", at(13), "", 10, {"amount >= 0": 1}))
    beat(registry, at(14))

    result = mesh("slo", "check", "--json", "--as-of", "2026-03-02T14:00:00Z")

    found = json.loads(result.stdout)
    assert result.exit_code == 1
    assert found["sensors"] == [], "whether a sensor runs now says nothing of the past"
    assert [one["objective"] for one in found["broken"]] == ["freshness", "quality", "freshness"]
    assert json.loads(mesh("slo", "check", "--json").stdout)["sensors"] == [
        {
            "location": "plays.py:media_player",
            "last_judged_at": "2026-03-02T14:00:00+00:00",
            "stale": True,
        }
    ]


@pytest.mark.usefixtures("registry")
def test_a_history_is_drawn_as_text() -> None:
    result = mesh("slo", "history", ROYALTIES, "--as-of", "2026-03-16T00:00:00Z")

    lines = result.stdout.splitlines()
    assert lines[0] == f"{ROYALTIES}: broken 1 time; error budget: spent 49 times"
    assert [line[:8] for line in lines[1:9]] == ["       |"] * 3 + [" limit |"] + ["       |"] * 4
    assert lines[10].split()[1] == ".." + 70 * "!"
    born = "2026-03-02 00:00:00 UTC"
    assert lines[11] == f"        {born} to 2026-03-16 00:00:00 UTC", "and not its whole window"
    assert mesh("slo", "history", ROYALTIES, "--as-of", "2026-04-16").stdout.endswith(
        "        2026-03-19 00:00:00 UTC to 2026-04-16 00:00:00 UTC\n"
    )


@pytest.mark.usefixtures("registry")
def test_a_history_is_written_as_a_page_that_needs_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "history.html"

    result = mesh("slo", "history", EVENTS, "--as-of", LONG_AFTER, "--html", str(file))

    page = file.read_text(encoding="utf-8")
    assert result.stderr == f"Wrote {file}.\n"
    assert loads_of(page) == []
    assert page.count('class="broken"') == 1
    assert page.count('class="made"') == 3
    assert "<h1>mesh://media_player/plays/v1/events: freshness</h1>" in page


@pytest.mark.usefixtures("registry")
def test_a_history_is_written_as_json() -> None:
    result = mesh("slo", "history", EVENTS, "--as-of", LONG_AFTER, "--json")

    found = json.loads(result.stdout)
    assert (found["address"], len(found["points"])) == (EVENTS, 72)


def test_a_port_that_promises_no_freshness_has_no_history(registry: Registry) -> None:
    register(registry, ROYALTIES)

    refused, unknown = mesh("slo", "history", ROYALTIES), mesh("slo", "history", EVENTS + "s")

    assert refused.exit_code == unknown.exit_code == 1
    assert refused.stderr == (
        "'mesh://payments/royalties/v1/monthly' promises no freshness, so it has no history of "
        "it. Declare freshness=md.Freshness(within=...) on the port. No file was written.\n"
    )
    assert unknown.stderr == (
        "'mesh://media_player/plays/v1/eventss' has never been published here. Did you mean "
        "'mesh://media_player/plays/v1/events'? Check the address and MESH_ROOT, or run its "
        "product. Nothing was read.\n"
    )


def test_metrics_tell_when_promises_were_judged_last(registry: Registry) -> None:
    beat(registry, at(5))

    result = mesh("slo", "metrics")

    name = "mesh_slo_evaluator_last_success_timestamp_seconds"
    assert result.exit_code == 0
    assert f'{name}{{location="plays.py:media_player"}} {at(5).timestamp():.0f}' in (
        result.stdout.splitlines()
    )


@pytest.mark.usefixtures("registry")
def test_promises_are_exported_as_openslo() -> None:
    text, listed = mesh("export", "openslo"), mesh("export", "openslo", "--json")

    documents = list(yaml.safe_load_all(text.stdout))
    assert [one["kind"] for one in documents].count("SLO") == 4
    assert documents == json.loads(listed.stdout)


@pytest.mark.parametrize(
    ("remaining", "expected"),
    [
        (None, ""),
        (1.0, "██████████ 100% left"),
        (0.449, "████░░░░░░ 45% left"),
        (0.0, "░░░░░░░░░░ spent"),
        (-0.04, "░░░░░░░░░░ spent"),
        (-1.0, "░░░░░░░░░░ spent 2.0 times"),
        (-32.33, "░░░░░░░░░░ spent 33 times"),
        (-3232.4, "░░░░░░░░░░ spent 3,233 times"),
    ],
)
def test_a_bar_shows_what_is_left(remaining: float | None, expected: str) -> None:
    assert bar(remaining) == expected


class _Loads(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        outside = {"href", "src", "onload", "onclick"} & {name for name, _ in attrs}
        self.found += [tag] if outside or tag in {"script", "link", "iframe", "img"} else []


def loads_of(page: str) -> list[str]:
    """Return the elements that would run or fetch something."""
    parser = _Loads()
    parser.feed(page)
    return parser.found
