"""Metrics, read back by the parser of Prometheus's own client."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from mesh_dagster.declare.slo import Freshness
from mesh_dagster.observe.alerts import record
from mesh_dagster.observe.delivery import deliver
from mesh_dagster.observe.judgement import assess, statuses_of
from mesh_dagster.observe.metrics import metrics_text
from mesh_dagster.observe.status import SloStatus
from mesh_dagster.observe.vitals import Vitals, vitals
from mesh_dagster.observe.watch import Watcher, take_over
from mesh_dagster.run.registry import Refusal, Registry
from mesh_dagster.run.totals import Totals, totals
from tests.observe.ports import EVENTS, HOUR, at, facts, published, register
from tests.observe.scenario import MINUTE, NOON, PLAYS, ROYALTIES, Ear, down, late, settings

PORT = {"domain": "media_player", "product": "plays", "version": "v1", "port": "events"}
QUIET = Vitals({}, 0, None, {})
Samples = list[tuple[str, dict[str, str], float]]


def read(
    known: list[SloStatus] | None = None,
    counted: Mapping[str, Totals] | None = None,
    state: Vitals = QUIET,
) -> dict[str, tuple[str, Samples]]:
    """Write metrics at six o'clock and read them: name to type and samples."""
    text = metrics_text(known or [], counted or {}, state, at(6))
    families: Any = text_string_to_metric_families(text)  # Any: the client is not typed
    return {
        family.name: (family.type, [(one.name, one.labels, one.value) for one in family.samples])
        for family in families
    }


def values(samples: Samples, *labels: str) -> dict[tuple[str, ...], float]:
    return {tuple(found[label] for label in labels): value for _, found, value in samples}


def test_the_state_of_a_promise_is_one_of_five() -> None:
    port = facts(1, freshness=Freshness(within=3 * HOUR, target=0.5, window=8 * HOUR))

    found = read(statuses_of(assess([port], at(6)), at(6)))

    _, ages = found["mesh_port_data_age_seconds"]
    assert ages == [("mesh_port_data_age_seconds", PORT, 18000)]
    _, limits = found["mesh_port_freshness_limit_seconds"]
    assert limits == [("mesh_port_freshness_limit_seconds", PORT, 10800)]
    _, states = found["mesh_port_slo_state"]
    held = {one for one, value in values(states, "objective", "state").items() if value}
    assert held == {("freshness", "breached"), ("quality", "ok")}
    assert len(states) == 10
    _, budgets = found["mesh_port_error_budget_remaining_ratio"]
    assert values(budgets, "objective") == {("freshness",): 0.5, ("quality",): 1}


def test_batches_are_counted_with_their_checks_and_durations() -> None:
    known = Totals(
        published=3,
        refused=1,
        rows=40,
        bytes=1000,
        within=(1, 1, 2, 2, 2, 2, 2, 2),
        timed=3,
        seconds=20_000.5,
        checks={("values", True): 2, ("values", False): 2},
    )

    found = read(counted={EVENTS: known})

    kind, samples = found["mesh_publications"]
    assert (kind, values(samples, "outcome")) == (
        "counter",
        {("published",): 3, ("refused",): 1},
    )
    kind, samples = found["mesh_quality_checks"]
    assert (kind, values(samples, "check", "outcome")) == (
        "counter",
        {("values", "passed"): 2, ("values", "failed"): 2},
    )
    assert found["mesh_port_rows"] == ("gauge", [("mesh_port_rows", PORT, 40)])
    assert found["mesh_port_bytes"] == ("gauge", [("mesh_port_bytes", PORT, 1000)])
    kind, samples = found["mesh_publish_duration_seconds"]
    name = "mesh_publish_duration_seconds"
    bounds = ["1", "5", "15", "60", "300", "900", "3600", "14400", "+Inf"]
    assert kind == "histogram"
    assert samples == [
        *(
            (f"{name}_bucket", {**PORT, "le": bound}, count)
            for bound, count in zip(bounds, (*known.within, 3), strict=True)
        ),
        (f"{name}_sum", PORT, 20_000.5),
        (f"{name}_count", PORT, 3),
    ]


def test_what_waits_in_the_outbox_is_told_with_its_age() -> None:
    waiting = Vitals({"sales.py:sales": at(5)}, 2, at(4), {("chat", "sent"): 7})

    found = read(state=waiting)

    assert {name: samples for name, (_, samples) in found.items()} == {
        "mesh_alert_outbox_pending": [("mesh_alert_outbox_pending", {}, 2)],
        "mesh_alert_oldest_pending_seconds": [("mesh_alert_oldest_pending_seconds", {}, 7200)],
        "mesh_alert_deliveries": [
            ("mesh_alert_deliveries_total", {"sink": "chat", "outcome": "sent"}, 7)
        ],
        "mesh_slo_evaluator_last_success_timestamp_seconds": [
            (
                "mesh_slo_evaluator_last_success_timestamp_seconds",
                {"location": "sales.py:sales"},
                at(5).timestamp(),
            )
        ],
    }


def test_a_mesh_that_nobody_judged_says_so() -> None:
    found = read()

    judged = found["mesh_slo_evaluator_last_success_timestamp_seconds"]
    assert judged == ("gauge", [("mesh_slo_evaluator_last_success_timestamp_seconds", {}, 0)])
    assert found["mesh_alert_oldest_pending_seconds"][1][0][2] == 0
    assert len(found) == 3


def test_batches_are_counted_for_every_declared_port(registry: Registry) -> None:
    register(registry)
    register(registry, ROYALTIES)
    registry.record(
        published(0, 1, rows=5),
        published(1, 2, rows=7, port_bytes=70, duration_seconds=0.25, checks={"schema": True}),
        published(2, 3, port_bytes=90, duration_seconds=60.0, checks={"schema": True}),
    )
    registry.refuse(Refusal(EVENTS, "r", at(3), "", 10, {}, None, {"schema": False, "keys": True}))

    counted = totals(registry)

    assert counted == {
        EVENTS: Totals(
            published=3,
            refused=1,
            rows=1,
            bytes=90,
            within=(1, 1, 1, 2, 2, 2, 2, 2),
            timed=2,
            seconds=60.25,
            checks={("schema", True): 2, ("schema", False): 1, ("keys", True): 1},
        ),
        ROYALTIES: Totals(),
    }


def test_attempts_and_what_waits_are_counted_in_the_registry(registry: Registry) -> None:
    chat, mail = Ear(), Ear(fails=down)
    given = settings(chat=chat)
    declared = settings(chat=chat, mail=mail)
    record([late(PLAYS)], registry, NOON, routing=given.routing)
    deliver(registry, declared, NOON, side_by_side=1)
    only_mail = settings(mail=mail)
    record([late(PLAYS), late(ROYALTIES)], registry, NOON + MINUTE, routing=only_mail.routing)
    for minutes in (1, 60):
        deliver(registry, declared, NOON + timedelta(minutes=minutes), side_by_side=1)

    found = vitals(registry)

    assert found == Vitals({}, 1, NOON + MINUTE, {("chat", "sent"): 1, ("mail", "failed"): 2})


def test_a_location_that_watches_nothing_any_more_is_not_asked_after(registry: Registry) -> None:
    register(registry)
    old = Watcher("old.py", frozenset({"media_player"}))
    new = Watcher("new.py", frozenset({"media_player"}))
    for watcher, hours in ((old, 1), (new, 2)):
        take_over([EVENTS], registry, at(hours), watcher=watcher)
        record([], registry, at(hours), judge=watcher.judge)

    assert vitals(registry).judged_at == {"new.py:media_player": at(2)}
