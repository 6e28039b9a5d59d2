import json
from contextlib import closing
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mesh_dagster.cli.main import main
from mesh_dagster.observe.alerts import record
from mesh_dagster.observe.routing import Routing
from mesh_dagster.observe.watch import Watcher, take_over
from mesh_dagster.run.registry import Registry
from mesh_dagster.run.store import Store
from tests.observe.scenario import NOON, PLAYS, declare, late

ROUTING = Routing(default=("file",), sinks=frozenset({"file"}))


@pytest.fixture
def root(mesh_root: Path) -> Path:
    """Return the root of a mesh in which one promise is broken and one file is told."""
    registry = Registry(Store.at().registry_url)
    declare(registry, [PLAYS])
    record([late()], registry, NOON, routing=ROUTING)
    registry.close()
    settings = f"default: file\nsinks: {{file: {{type: file, path: {mesh_root}/told.jsonl}}}}"
    (mesh_root / "alerts.yaml").write_text(settings, encoding="utf-8")
    return mesh_root


def mesh(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["alerts", *arguments])


def test_where_no_sensor_ever_judged_nothing_is_called_whole(mesh_root: Path) -> None:
    result = mesh("ls")

    said = "No sensor has judged here yet, so nobody is told of a broken promise"
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == f"{said}; start dagster-daemon.\n"
    assert not mesh_root.exists()


def test_nothing_broken_is_said_with_the_time_of_the_judgement(mesh_root: Path) -> None:
    now, judge = datetime.now(timezone.utc), Watcher("a.py", frozenset({"media_player"}))
    with closing(Registry(Store.at().registry_url)) as registry:
        declare(registry, [PLAYS])
        take_over([PLAYS], registry, now, watcher=judge)
        record([], registry, now - timedelta(hours=3), judge=judge.judge)

    result = mesh("ls")

    assert (result.exit_code, result.stdout, result.stderr.splitlines()) == (
        0,
        "",
        [
            "No promise is broken, as the sensors judged 3 h ago.",
            (
                "The sensor of a.py:media_player has not judged for 3 h, so nobody is told "
                "meanwhile; start dagster-daemon."
            ),
        ],
    )
    assert mesh_root.exists()


def test_open_breaches_are_listed_with_who_knows(root: Path) -> None:
    waiting = mesh("ls").stdout.splitlines()
    delivered = mesh("deliver")
    listed = json.loads(mesh("ls", "--json").stdout)

    assert waiting[0].split() == [
        "ID", "ADDRESS", "PROMISE", "FOR", "CAUSED", "BY", "TOLD", "WAITING", "ANSWER",
    ]  # fmt: skip
    assert waiting[1].split()[:3] == [str(late().breach_id)[:12], PLAYS, "freshness"]
    assert delivered.stdout == "1 sent, 0 kept for later, 0 given up\n"
    assert (listed[0]["told"], listed[0]["waiting"]) == (["file"], [])
    assert len((root / "told.jsonl").read_text("utf-8").splitlines()) == 1


def test_a_breach_is_acknowledged_by_id_or_address(root: Path) -> None:
    key = str(late().breach_id)

    by_id = mesh("ack", key[:8], "--by", "ann")
    by_address = mesh("ack", PLAYS, "--by", "bob")

    assert by_id.stdout == f"{key[:12]} acknowledged by ann\n"
    assert by_address.stdout == f"{key[:12]} acknowledged by bob\n"
    assert mesh("ls").stdout.rstrip().endswith("acknowledged by bob")


def test_a_port_is_muted_and_heard_again(root: Path) -> None:
    muted = mesh("mute", PLAYS, "--for", "2h", "--because", "moving house", "--by", "ann")
    shown = json.loads(mesh("ls", "--json").stdout)[0]["muted_until"]
    again = [mesh("unmute", PLAYS).stdout for _ in range(2)]

    assert muted.stdout.startswith(f"{PLAYS} is muted until ")
    assert shown is not None
    assert again == [f"{PLAYS} is no longer muted\n", f"{PLAYS} was not muted\n"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["mute", PLAYS, "--for", "soon", "--because", "x"],
            (
                "The span 'soon' is not a number and a unit. Write 45s, 30m, 4h, 7d or 2w, at most "
                "366 days. Nothing was changed.\n"
            ),
        ),
        (
            ["ack", "nothing"],
            (
                f"No breach is open at 'nothing'. Known: '{PLAYS}'. "
                "List them with mesh alerts ls. Nothing was acknowledged.\n"
            ),
        ),
        (
            ["test", "fil"],
            (
                "There is no sink 'fil'. Did you mean 'file'? "
                "Correct the name, or configure the sink. Nothing was sent.\n"
            ),
        ),
    ],
)
def test_a_mistake_is_one_message(root: Path, arguments: list[str], message: str) -> None:
    result = mesh(*arguments)

    assert (result.exit_code, result.stderr) == (1, message)


def test_a_sink_is_tried_out(root: Path) -> None:
    result = mesh("test", "file")

    assert result.stdout == "The test notice arrived at sink 'file'\n"
    event = json.loads((root / "told.jsonl").read_text("utf-8"))
    assert event["type"] == "mesh_dagster.alert.test"
