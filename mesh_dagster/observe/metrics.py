"""Write the state of all promises as text that Prometheus and its kin collect.

In:  assessed ports, counts of batches, the time of the last judgement, a clock reading.
Out: the text exposition format, one family after another; no label without bounds stands in it.

Source:
    Prometheus, text exposition format 0.0.4.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import get_args

from mesh_dagster.observe.status import SloStatus, State
from mesh_dagster.run.history import Totals

Labels = Mapping[str, str]
Sample = tuple[Labels, float]
Family = tuple[str, str, str, list[Sample]]


def metrics_text(
    statuses: Sequence[SloStatus], totals: Mapping[str, Totals], judged_at: datetime | None
) -> str:
    """Write every family.

    Args:
        statuses: Of all ports, at one clock reading.
        totals: Address to what was published and refused so far.
        judged_at: When the sensor judged last; `None` if it never did.
    """
    families = [*_ages(statuses), *_promises(statuses), *_batches(totals), _judge(judged_at)]
    return "".join(_family(*family) for family in families)


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
        "mesh_port_rows",
        "gauge",
        "Rows of the current version.",
        [(_port(a), known.rows) for a, known in totals.items() if known.rows is not None],
    )


def _judge(judged_at: datetime | None) -> Family:
    return (
        "mesh_slo_evaluator_last_success_timestamp_seconds",
        "gauge",
        "When all promises were judged last; 0 if never. Alert when it stops growing.",
        [({}, judged_at.timestamp() if judged_at else 0)],
    )


def _port(address: str) -> dict[str, str]:
    domain, product, version, port = address.removeprefix("mesh://").split("/")
    return {"domain": domain, "product": product, "version": version, "port": port}


def _family(name: str, kind: str, about: str, samples: Sequence[Sample]) -> str:
    lines = [f"# HELP {name} {about}", f"# TYPE {name} {kind}"]
    lines += [f"{name}{_written(labels)} {float(value):.15g}" for labels, value in samples]
    return "\n".join(lines) + "\n" if samples else ""


def _written(labels: Labels) -> str:
    inside = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{inside}}}" if inside else ""


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
