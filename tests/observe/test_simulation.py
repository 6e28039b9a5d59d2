"""Years of late products: nothing lost, nothing told twice, recoveries to whoever was told.

With MESH_SIMULATED_YEARS=10 in the environment this runs as long as one wants.
"""

import os
from collections import Counter
from collections.abc import Iterator

import pytest

from mesh_dagster.observe.delivery import LONGEST_WAIT
from mesh_dagster.run.registry import Registry
from tests.observe.simulation import Ear, World, build, run

YEARS = float(os.environ.get("MESH_SIMULATED_YEARS", "0.5"))
PORTS = 200
TELLS = ("breach", "escalation", "dead_letter")


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    registry = Registry("sqlite://")
    made = build(registry, ports=PORTS, days=365 * YEARS, seed=1, kill_rate=0.02)
    run(made, days=365 * YEARS)
    yield made
    registry.close()


def told(ear: Ear, *kinds: str) -> dict[str, set[str]]:
    """Return for each breach the ids of the notices of these kinds that told it."""
    found: dict[str, set[str]] = {}
    for _, notice in ear.heard:
        if notice.kind in kinds:
            for item in notice.items:
                found.setdefault(item.key, set()).add(notice.notice_id)
    return found


@pytest.mark.timeout(0)
def test_the_simulation_is_about_something(world: World) -> None:
    kinds = Counter(notice.kind for ear in world.ears.values() for _, notice in ear.heard)
    causes = sum(
        item.caused_by is not None for _, n in world.ears["chat"].heard for item in n.items
    )

    print(
        f"{world.ticks} ticks, {len(world.expected)} breaches, {world.restarts} kills, "
        f"{causes} told beneath a cause, {dict(kinds)}, {world.pruned}"
    )
    assert len(world.expected) > 100 * YEARS
    assert world.restarts > 10 * YEARS
    assert causes > 10
    assert set(kinds) == {"breach", "recovery", "reminder"}


def test_every_breach_is_told(world: World) -> None:
    pager, chat = world.ears["pager"], world.ears["chat"]
    blind = (chat.down[0], chat.down[1] + LONGEST_WAIT.total_seconds())

    untold = set(world.expected) - set(told(chat, *TELLS))
    outside = [
        world.expected[key]
        for key in untold
        if not blind[0] <= world.expected[key][1] <= world.expected[key][2] <= blind[1] + 3600
    ]

    assert set(told(pager, *TELLS)) == set(world.expected)
    assert outside == [], "a chat misses only what came and went while it was down"


def test_no_breach_is_told_twice(world: World) -> None:
    for ear in world.ears.values():
        twice = {key: ids for key, ids in told(ear, *TELLS).items() if len(ids) > 1}

        assert twice == {}


def test_each_kill_repeats_one_notice_at_most_and_under_the_same_id(world: World) -> None:
    for ear in world.ears.values():
        arrivals = Counter(notice.notice_id for _, notice in ear.heard)

        repeated = sum(count - 1 for count in arrivals.values())

        assert 0 < repeated <= ear.kills


def test_a_recovery_is_told_to_exactly_those_who_were_told(world: World) -> None:
    for ear in world.ears.values():
        recovered = told(ear, "recovery")

        assert set(recovered) == set(told(ear, *TELLS))
        assert {key: ids for key, ids in recovered.items() if len(ids) > 1} == {}


def test_a_recovery_never_arrives_before_its_breach(world: World) -> None:
    for ear in world.ears.values():
        first: dict[str, str] = {}
        for _, notice in ear.heard:
            for item in notice.items:
                first.setdefault(item.key, notice.kind)

        assert set(first.values()) <= set(TELLS)


def test_what_waits_for_a_sink_arrives_soon_after_its_return(world: World) -> None:
    pager = world.ears["pager"]
    back = pager.down[1]

    first = min(at for at, _ in pager.heard if at >= back)

    assert first - back <= LONGEST_WAIT.total_seconds() + 600
