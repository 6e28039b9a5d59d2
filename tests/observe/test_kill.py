"""Kill the delivery loop at random moments, for real: nothing is lost, and a duplicate has its id.

MESH_KILLS in the environment sets how often.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from mesh_dagster.observe.alerts import record
from mesh_dagster.observe.delivery import deliver
from mesh_dagster.observe.outbox import LEASE
from mesh_dagster.observe.routing import Routing
from mesh_dagster.observe.settings import Settings
from mesh_dagster.observe.sinks import FileSink
from mesh_dagster.run.registry import Registry
from tests.conftest import REPOSITORY
from tests.observe.scenario import HOUR, NOON, late

KILLS = int(os.environ.get("MESH_KILLS", "50"))
CHANCE = random.Random(7)  # noqa: S311 - kills at the same moments each time
_EACH = 4
"""So many breaches are recorded for each kill."""
_LOOP = """
import sys, time
from datetime import datetime, timedelta
from pathlib import Path
from mesh_dagster.observe.delivery import deliver
from mesh_dagster.observe.routing import Routing
from mesh_dagster.observe.settings import Settings
from mesh_dagster.observe.sinks import FileSink
from mesh_dagster.run.registry import Registry

registry = Registry(sys.argv[1])
sinks = {name: FileSink(Path(sys.argv[2]) / name) for name in ("one", "two")}
settings = Settings(sinks, Routing(default=("one", "two"), sinks=frozenset(sinks)))
print("ready", flush=True)
for line in sys.stdin:
    deliver(registry, settings, datetime.fromisoformat(line.strip()), side_by_side=2)
    print("idle", flush=True)
"""


@pytest.mark.timeout(0)
def test_a_killed_delivery_loses_nothing_and_repeats_only_under_the_same_id(
    tmp_path: Path,
) -> None:
    url, now = f"sqlite:///{tmp_path}/registry.sqlite", NOON
    sinks = {name: FileSink(tmp_path / name) for name in ("one", "two")}
    given = Settings(sinks, Routing(default=("one", "two"), sinks=frozenset(sinks)))
    registry = Registry(url)
    keys: set[str] = set()

    for turn in range(KILLS):
        broken = [late(f"mesh://d{turn}/p{n}/v1/port", since=now) for n in range(_EACH)]
        keys |= set(record(broken, registry, now, routing=given.routing, judge=str(turn)).opened)
        kill_within(start(url, tmp_path), now)
        now += LEASE + timedelta(seconds=1)
    deliver(registry, given, now + HOUR)
    registry.close()

    for name in sinks:
        told, arrivals = heard(tmp_path / name)
        repeated = sum(count - 1 for count in arrivals.values())
        print(f"{name}: {KILLS} kills, {len(told)} breaches told, {repeated} notices repeated")
        assert told == keys
        assert repeated <= KILLS
        assert len(arrivals) == len(keys), "one id for each breach, however often it was sent"


def heard(path: Path) -> tuple[set[str], Counter[str]]:
    """Return the breaches that a file tells, and how often each notice stands there."""
    events = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line]
    told = {item["key"] for event in events for item in event["data"]["items"]}
    return told, Counter(event["id"] for event in events)


def kill_within(process: "subprocess.Popen[str]", now: datetime) -> None:
    """Let it deliver, and kill it at a random moment."""
    assert process.stdin is not None
    process.stdin.write(f"{now.isoformat()}\n")
    process.stdin.flush()
    time.sleep(CHANCE.uniform(0, 0.06))  # the moment of the kill is what is tried
    assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.communicate()


def start(url: str, folder: Path) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", _LOOP, url, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process
