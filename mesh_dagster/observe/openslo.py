"""Write promises as OpenSLO documents.

In:  the facts of ports, as the registry holds them.
Out: OpenSLO v1 objects, ready to be written as YAML: services, notification targets, alert
policies, and an SLO for each promise. Full addresses stand in annotations.

Source:
    OpenSLO v1 specification; metrics by the names of `observe/metrics.py`.
"""

import hashlib
import math
import re
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

from mesh_dagster.declare.slo import Freshness, sinks
from mesh_dagster.run.promises import PortFacts

Document = dict[str, Any]  # Any: JSON
_OWN = "mesh-dagster"
_PLAIN = re.compile(r"[a-z0-9/-]+")
_LONGEST_NAME = 63
_DIGEST = 8
_UNITS = ((1440, "d"), (60, "h"), (1, "m"))
_DEFAULT = ("platform-default",)
_SLICE = "1m"


def documents(ports: Iterable[PortFacts]) -> Iterator[Document]:
    """Yield the documents of all ports; what is referred to comes first."""
    known = list(ports)
    for key, owner in sorted({(port.product_key, port.owner) for port in known}):
        notes = {f"{_OWN}/address": f"mesh://{key}", f"{_OWN}/owner": owner}
        spec = {"description": f"Data product {key}."}
        yield _document("Service", slug(key), spec, displayName=key, annotations=notes)
    told = sorted({names for port in known for names in _told(port)})
    for name in sorted({name for names in told for name in names}):
        spec = {"description": f"The sink {name} of the mesh.", "target": name}
        yield _document("AlertNotificationTarget", slug(name), spec)
    for names in told:
        yield _policy(names)
    for port in known:
        if port.freshness is not None:
            yield _freshness(port, port.freshness)
        yield _quality(port)


def slug(text: str) -> str:
    """Write a name in lower-case letters, digits and `-`, at most 63.

    What does not fit ends with a digest, so that names stay distinct.
    """
    made = re.sub(r"[^a-z0-9]+", "-", text.removeprefix("mesh://").lower()).strip("-")
    if len(made) <= _LONGEST_NAME and _PLAIN.fullmatch(text):
        return made
    digest = hashlib.sha256(text.encode()).hexdigest()[:_DIGEST]
    return f"{made[: _LONGEST_NAME - _DIGEST - 1].rstrip('-')}-{digest}"


def duration(span: timedelta) -> str:
    """Write a span in the largest unit that fits, rounded up to minutes; `m` is a minute."""
    minutes = math.ceil(span / timedelta(minutes=1))
    size, unit = next((size, unit) for size, unit in _UNITS if minutes % size == 0)
    return f"{minutes // size}{unit}"


def _told(port: PortFacts) -> list[tuple[str, ...]]:
    alerts = [port.freshness.alert] if port.freshness else []
    return [sinks(alert) or _DEFAULT for alert in (*alerts, port.quality.alert)]


def _document(
    kind: str,
    name: str,
    spec: Document,
    **metadata: Any,  # Any: JSON
) -> Document:
    return {
        "apiVersion": "openslo/v1",
        "kind": kind,
        "metadata": {"name": name, **metadata},
        "spec": spec,
    }


def _policy(names: tuple[str, ...]) -> Document:
    condition = {
        "severity": "page",
        "condition": {
            "kind": "burnrate",
            "op": "gte",
            "threshold": 1,
            "lookbackWindow": "1h",
            "alertAfter": "5m",
        },
    }
    spec = {
        "description": "A promise is broken, or kept again.",
        "alertWhenBreaching": True,
        "alertWhenResolved": True,
        "alertWhenNoData": True,
        "conditions": [
            {"kind": "AlertCondition", "metadata": {"name": "broken"}, "spec": condition}
        ],
        "notificationTargets": [{"targetRef": slug(name)} for name in names],
    }
    return _document("AlertPolicy", _policy_name(names), spec)


def _policy_name(names: tuple[str, ...]) -> str:
    return slug(f"tell-{names[0]}" if len(names) == 1 else "_".join(("tell", *names)))


def _freshness(port: PortFacts, promise: Freshness) -> Document:
    labels = _labels(port.address)
    query, value = f"mesh_port_data_age_seconds{{{labels}}}", promise.within + promise.grace
    if promise.deadline is not None:
        # Between deadlines the allowed age grows, so the difference is what counts.
        query, value = f"{query} - mesh_port_freshness_limit_seconds{{{labels}}}", promise.grace
    objective = {
        "displayName": "age of the newest data in seconds",
        "op": "lte",
        "value": value.total_seconds(),
        "target": promise.target,
        "timeSliceTarget": 1.0,
        "timeSliceWindow": _SLICE,
    }
    indicator = {"thresholdMetric": _source(query)}
    return _slo(port, promise.window, objective, indicator, sinks(promise.alert), "Timeslices")


def _quality(port: PortFacts) -> Document:
    labels, promise = _labels(port.address), port.quality
    indicator = {
        "ratioMetric": {
            "counter": True,
            "good": _source(f'mesh_publications_total{{{labels},outcome="published"}}'),
            "total": _source(f"sum(mesh_publications_total{{{labels}}})"),
        }
    }
    objective = {"displayName": "batches that were valid", "target": promise.target}
    return _slo(port, promise.window, objective, indicator, sinks(promise.alert), "Occurrences")


def _slo(
    port: PortFacts,
    window: timedelta,
    objective: Document,
    indicator: Document,
    told: tuple[str, ...],
    budgeting: str,
) -> Document:
    what = "freshness" if budgeting == "Timeslices" else "quality"
    name = slug(f"{port.address}/{what}")
    spec = {
        "description": f"The {what} of {port.address}.",
        "service": slug(port.product_key),
        "indicator": {"metadata": {"name": name}, "spec": indicator},
        "timeWindow": [{"duration": duration(window), "isRolling": True}],
        "budgetingMethod": budgeting,
        "objectives": [objective],
        "alertPolicies": [{"alertPolicyRef": _policy_name(told or _DEFAULT)}],
    }
    return _document("SLO", name, spec, annotations={f"{_OWN}/address": port.address})


def _source(query: str) -> Document:
    return {"metricSource": {"type": "Prometheus", "spec": {"query": query}}}


def _labels(address: str) -> str:
    parts = address.removeprefix("mesh://").split("/")
    names = ("domain", "product", "version", "port")
    return ",".join(f'{name}="{part}"' for name, part in zip(names, parts, strict=True))
