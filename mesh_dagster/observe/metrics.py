"""Write the state of all promises as text that Prometheus and its kin collect.

In:  statuses, counts of batches, how judging and delivering stand, a clock reading.
Out: the text exposition format, one family after another; no label without bounds stands in it.

Source:
    Prometheus, text exposition format 0.0.4.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import get_args

from mesh_dagster.observe.status import SloStatus, State
from mesh_dagster.observe.vitals import Vitals
from mesh_dagster.run.totals import DURATIONS, Totals

Labels = Mapping[str, str]
Sample = tuple[Labels, float]
Family = tuple[str, str, str, list[Sample]]
_OUTCOMES = {True: "passed", False: "failed"}


def metrics_text(
    statuses: Sequence[SloStatus], totals: Mapping[str, Totals], vitals: Vitals, now: datetime
) -> str:
    """Write every family.

    Args:
        statuses: Of all ports, at one clock reading.
        totals: Address to what was published and refused so far.
        vitals: How judging and delivering stand.
        now: The clock reading, aware UTC.
    """
    families = [*_ages(statuses), *_promises(statuses), *_batches(totals), *_sizes(totals)]
    texts = [_family(*family) for family in (*families, *_alerts(vitals, now), _judges(vitals))]
    return "".join((*texts, _durations(totals)))


def _ages(statuses: Sequence[SloStatus]) -> Iterator[Family]:
    fresh = [(_port(one.address), one) for one in statuses if one.objective == "freshness"]
    yield (
        "mesh_port_data_age_seconds",
        "gauge",
        "Counting time since the newest data.",
        [(port, one.age.total_seconds()) for port, one in fresh if one.age is not None],
    )
    yield (
        "mesh_port_freshness_limit_seconds",
        "gauge",
        "The age that the data may have now.",
        [(port, one.limit.total_seconds()) for port, one in fresh if one.limit is not None],
    )
    yield (
        "mesh_port_late_groups",
        "gauge",
        "Groups whose data is too old.",
        [(port, one.late_group_count) for port, one in fresh],
    )
    yield (
        "mesh_port_missing_partitions",
        "gauge",
        "Partitions that are due and were never published.",
        [(port, one.missing_partition_count) for port, one in fresh],
    )


def _promises(statuses: Sequence[SloStatus]) -> Iterator[Family]:
    each = [({**_port(one.address), "objective": one.objective}, one) for one in statuses]
    yield (
        "mesh_port_slo_state",
        "gauge",
        "1 for the state in which a promise is, 0 for the others.",
        [
            ({**promise, "state": state}, one.state == state)
            for promise, one in each
            for state in get_args(State)
        ],
    )
    yield (
        "mesh_port_error_budget_remaining_ratio",
        "gauge",
        "What is left of the error budget: 1 untouched, 0 spent, negative when overspent.",
        [
            (promise, one.budget_remaining)
            for promise, one in each
            if one.budget_remaining is not None
        ],
    )


def _batches(totals: Mapping[str, Totals]) -> Iterator[Family]:
    yield (
        "mesh_publications_total",
        "counter",
        "Batches that were published or refused.",
        [
            ({**_port(address), "outcome": outcome}, count)
            for address, known in totals.items()
            for outcome, count in (("published", known.published), ("refused", known.refused))
        ],
    )
    yield (
        "mesh_quality_checks_total",
        "counter",
        "Batches that kept, or broke, all rules of a family; published or refused.",
        [
            ({**_port(address), "check": check, "outcome": _OUTCOMES[passed]}, count)
            for address, known in totals.items()
            for (check, passed), count in known.checks.items()
        ],
    )


def _sizes(totals: Mapping[str, Totals]) -> Iterator[Family]:
    yield (
        "mesh_port_rows",
        "gauge",
        "Rows of the current version.",
        [(_port(a), known.rows) for a, known in totals.items() if known.rows is not None],
    )
    yield (
        "mesh_port_bytes",
        "gauge",
        "Size of the files of the current version.",
        [(_port(a), known.bytes) for a, known in totals.items() if known.bytes is not None],
    )


def _durations(totals: Mapping[str, Totals]) -> str:
    """Write the only histogram: its samples carry suffixes."""
    name = "mesh_publish_duration_seconds"
    about = "From the begin of a build to the commit of what it made."
    lines = [f"# HELP {name} {about}", f"# TYPE {name} histogram"]
    timed = [(_port(address), known) for address, known in totals.items() if known.timed]
    for port, known in timed:
        bounds = [*(f"{bound:g}" for bound in DURATIONS), "+Inf"]
        for bound, count in zip(bounds, (*known.within, known.timed), strict=True):
            lines.append(_sample(f"{name}_bucket", {**port, "le": bound}, count))
        lines.append(_sample(f"{name}_sum", port, known.seconds))
        lines.append(_sample(f"{name}_count", port, known.timed))
    return "\n".join(lines) + "\n" if timed else ""


def _alerts(vitals: Vitals, now: datetime) -> Iterator[Family]:
    oldest = vitals.oldest_pending
    yield (
        "mesh_alert_outbox_pending",
        "gauge",
        "Notices that wait to be delivered.",
        [({}, vitals.pending)],
    )
    yield (
        "mesh_alert_oldest_pending_seconds",
        "gauge",
        "How long the oldest of them has waited; 0 without any.",
        [({}, max((now - oldest).total_seconds(), 0) if oldest else 0)],
    )
    yield (
        "mesh_alert_deliveries_total",
        "counter",
        "Attempts to deliver a notice.",
        [
            ({"sink": sink, "outcome": outcome}, count)
            for (sink, outcome), count in vitals.deliveries.items()
        ],
    )


def _judges(vitals: Vitals) -> Family:
    judged = vitals.judged_at
    return (
        "mesh_slo_evaluator_last_success_timestamp_seconds",
        "gauge",
        "When a code location was judged last; 0 if none ever was. Alert when it stops growing.",
        [({"location": one}, at.timestamp()) for one, at in judged.items()] or [({}, 0)],
    )


def _port(address: str) -> dict[str, str]:
    domain, product, version, port = address.removeprefix("mesh://").split("/")
    return {"domain": domain, "product": product, "version": version, "port": port}


def _family(name: str, kind: str, about: str, samples: Sequence[Sample]) -> str:
    lines = [f"# HELP {name} {about}", f"# TYPE {name} {kind}"]
    lines += [_sample(name, labels, value) for labels, value in samples]
    return "\n".join(lines) + "\n" if samples else ""


def _sample(name: str, labels: Labels, value: float) -> str:
    return f"{name}{_written(labels)} {float(value):.15g}"


def _written(labels: Labels) -> str:
    inside = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{inside}}}" if inside else ""


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
