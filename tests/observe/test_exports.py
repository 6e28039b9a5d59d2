from dataclasses import replace
from datetime import timedelta

import pytest

from mesh_dagster.declare.slo import Freshness, Quality
from mesh_dagster.observe.openslo import documents, duration, slug
from tests.observe.ports import DAY, EVENTS, HOUR, facts

LABELS = 'domain="media_player",product="plays",version="v1",port="events"'
POLICY = {
    "description": "A promise is broken, or kept again.",
    "alertWhenBreaching": True,
    "alertWhenResolved": True,
    "alertWhenNoData": True,
    "conditions": [
        {
            "kind": "AlertCondition",
            "metadata": {"name": "broken"},
            "spec": {
                "severity": "page",
                "condition": {
                    "kind": "burnrate",
                    "op": "gte",
                    "threshold": 1,
                    "lookbackWindow": "1h",
                    "alertAfter": "5m",
                },
            },
        }
    ],
}


def test_promises_become_openslo_documents() -> None:
    promise = Freshness(within=3 * HOUR, by="at", grace=HOUR, window=7 * DAY, alert="chat")
    written = list(documents([facts(1, freshness=promise)]))

    service, product = slug("media_player/plays"), "mesh://media_player/plays"
    notes = {"mesh-dagster/address": product, "mesh-dagster/owner": "team:media-player"}
    fresh, valid = slug(f"{EVENTS}/freshness"), slug(f"{EVENTS}/quality")
    assert written == [
        {
            "apiVersion": "openslo/v1",
            "kind": "Service",
            "metadata": {
                "name": service,
                "displayName": "media_player/plays",
                "annotations": notes,
            },
            "spec": {"description": "Data product media_player/plays."},
        },
        *(
            {
                "apiVersion": "openslo/v1",
                "kind": "AlertNotificationTarget",
                "metadata": {"name": name},
                "spec": {"description": f"The sink {name} of the mesh.", "target": name},
            }
            for name in ("chat", "platform-default")
        ),
        *(
            {
                "apiVersion": "openslo/v1",
                "kind": "AlertPolicy",
                "metadata": {"name": f"tell-{name}"},
                "spec": {**POLICY, "notificationTargets": [{"targetRef": name}]},
            }
            for name in ("chat", "platform-default")
        ),
        {
            "apiVersion": "openslo/v1",
            "kind": "SLO",
            "metadata": {"name": fresh, "annotations": {"mesh-dagster/address": EVENTS}},
            "spec": {
                "description": f"The freshness of {EVENTS}.",
                "service": service,
                "indicator": {
                    "metadata": {"name": fresh},
                    "spec": {
                        "thresholdMetric": {
                            "metricSource": {
                                "type": "Prometheus",
                                "spec": {"query": f"mesh_port_data_age_seconds{{{LABELS}}}"},
                            }
                        }
                    },
                },
                "timeWindow": [{"duration": "7d", "isRolling": True}],
                "budgetingMethod": "Timeslices",
                "objectives": [
                    {
                        "displayName": "age of the newest data in seconds",
                        "op": "lte",
                        "value": 14400.0,
                        "target": 0.99,
                        "timeSliceTarget": 1.0,
                        "timeSliceWindow": "1m",
                    }
                ],
                "alertPolicies": [{"alertPolicyRef": "tell-chat"}],
            },
        },
        {
            "apiVersion": "openslo/v1",
            "kind": "SLO",
            "metadata": {"name": valid, "annotations": {"mesh-dagster/address": EVENTS}},
            "spec": {
                "description": f"The quality of {EVENTS}.",
                "service": service,
                "indicator": {
                    "metadata": {"name": valid},
                    "spec": {
                        "ratioMetric": {
                            "counter": True,
                            "good": {
                                "metricSource": {
                                    "type": "Prometheus",
                                    "spec": {
                                        "query": "mesh_publications_total"
                                        f'{{{LABELS},outcome="published"}}'
                                    },
                                }
                            },
                            "total": {
                                "metricSource": {
                                    "type": "Prometheus",
                                    "spec": {"query": f"sum(mesh_publications_total{{{LABELS}}})"},
                                }
                            },
                        }
                    },
                },
                "timeWindow": [{"duration": "28d", "isRolling": True}],
                "budgetingMethod": "Occurrences",
                "objectives": [{"displayName": "batches that were valid", "target": 0.99}],
                "alertPolicies": [{"alertPolicyRef": "tell-platform-default"}],
            },
        },
    ]


def test_between_deadlines_the_difference_to_the_limit_is_what_openslo_judges() -> None:
    promise = Freshness(within=DAY, deadline="0 6 * * *", grace=HOUR)

    found = [one for one in documents([facts(freshness=promise)]) if one["kind"] == "SLO"]

    spec = found[0]["spec"]
    assert spec["objectives"][0]["value"] == 3600.0
    assert spec["indicator"]["spec"]["thresholdMetric"]["metricSource"]["spec"]["query"] == (
        f"mesh_port_data_age_seconds{{{LABELS}}} - mesh_port_freshness_limit_seconds{{{LABELS}}}"
    )


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        (timedelta(days=28), "28d"),
        (timedelta(hours=36), "36h"),
        (timedelta(minutes=90), "90m"),
        (timedelta(seconds=61), "2m"),
    ],
)
def test_spans_are_written_in_the_largest_unit_that_fits(span: timedelta, expected: str) -> None:
    assert duration(span) == expected


def test_names_are_short_and_distinct() -> None:
    long = "mesh://" + "/".join(["a" * 60] * 3)
    names = [slug(text) for text in ("a_b/c", "a/b_c", "a-b-c", "A-b-c", long + "x", long + "y")]

    assert len(set(names)) == 6
    assert max(map(len, names)) <= 63


def test_quality_tells_its_own_sinks() -> None:
    port = replace(facts(1), quality=Quality(alert=("a", "b")))

    found = [one["metadata"]["name"] for one in documents([port]) if one["kind"] == "AlertPolicy"]

    assert found == [slug("tell_a_b"), "tell-platform-default"]
