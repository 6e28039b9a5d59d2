"""Answer the four questions that everyone asks of a product.

In:  a `ProductEntry`, a clock reading.
Out: four short answers: is it fresh, is it broken, how did its schema change, what depends on what.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from mesh_dagster.declare.lifecycle import ending_text
from mesh_dagster.discover.entries import PortEntry, ProductEntry, Upstream
from mesh_dagster.observe.status import SloStatus
from mesh_dagster.run.registry import Refusal
from mesh_dagster.share.wording import MAY_BREAK, aged, span

Tone = Literal["ok", "warn", "breached", "plain"]
_MOST_DETAILS = 4


@dataclass(frozen=True)
class Answer:
    """The answer to one question."""

    question: str
    short: str
    tone: Tone
    details: tuple[str, ...]


def four_answers(entry: ProductEntry, now: datetime) -> tuple[Answer, Answer, Answer, Answer]:
    """Answer the four questions of one product."""
    alive = [port for port in entry.ports if port.withdrawn_at is None]
    return _fresh(alive, now), _broken(alive, now), _changed(entry.ports), _depends(entry)


def standing_refusals(port: PortEntry) -> list[Refusal]:
    """Return the refusals of a port that no later publication of their slice has made good."""
    made = {one.slice: one.published_at for one in reversed(port.publications)}
    return [
        one for one in port.refusals if one.slice not in made or made[one.slice] < one.refused_at
    ]


def _fresh(ports: Sequence[PortEntry], now: datetime) -> Answer:
    question = "Is it fresh?"
    promised = [(p, s) for p in ports for s in p.promises if s.objective == "freshness"]
    if not ports:
        return Answer(question, "Nothing is promised", "plain", ("No port is offered any more.",))
    if not promised:
        times = [port.current.published_at for port in ports if port.current]
        newest = f"Last published {span(now - max(times))} ago." if times else "Never published."
        return Answer(question, "Nothing is promised", "plain", (newest,))
    details = tuple(f"{port.name}: {aged(status)}" for port, status in promised)[:_MOST_DETAILS]
    late = [status for _, status in promised if status.broken]
    if late:
        of_all = f" for {len(late)} of {len(promised)} ports" if len(promised) > 1 else ""
        return Answer(question, f"No{of_all}", "breached", details)
    warned = any(status.state == "warn" for _, status in promised)
    return Answer(question, "Only just" if warned else "Yes", "warn" if warned else "ok", details)


def _broken(ports: Sequence[PortEntry], now: datetime) -> Answer:
    question = "Is it broken?"
    promises = [status for port in ports for status in port.promises if status.broken]
    refused = [port for port in ports if standing_refusals(port)]
    failed = [port for port in ports if port.failures]
    details = (*_breaks(promises, now), *_refused(refused, now), *_failed(failed, now))
    details = details[:_MOST_DETAILS]
    if promises:
        count = len(promises)
        return Answer(question, f"Yes, {count} promise{'s' * (count > 1)}", "breached", details)
    if refused:
        return Answer(question, "A batch was refused", "warn", details)
    if failed:
        return Answer(question, "A build crashed", "warn", details)
    judged = any(port.promises for port in ports)
    kept = "Every promise is kept." if judged else "Nothing is promised."
    return Answer(question, "No", "ok" if judged else "plain", (kept,))


def _breaks(promises: Sequence[SloStatus], now: datetime) -> Iterator[str]:
    for one in promises:
        cause = f", because of {one.caused_by}" if one.caused_by else ""
        name = one.address.rpartition("/")[2]
        yield f"{name}: {one.objective} broken for {span(now - one.since)}{cause}"


def _refused(ports: Sequence[PortEntry], now: datetime) -> Iterator[str]:
    for port in ports:
        last = standing_refusals(port)[0]
        yield f"{port.name}: a batch was refused {span(now - last.refused_at)} ago; {_serves(port)}"


def _failed(ports: Sequence[PortEntry], now: datetime) -> Iterator[str]:
    for port in ports:
        last = port.failures[0]
        crashed = f"crashed on {last.error} {span(now - last.failed_at)} ago"
        yield f"{port.name}: {crashed}, in run {last.run_id} of Dagster; {_serves(port)}"


def _serves(port: PortEntry) -> str:
    return f"version {port.current.version} stays current" if port.current else "no data yet"


def _changed(ports: Sequence[PortEntry]) -> Answer:
    question = "How did its schema change?"
    known = [(one, port) for port in ports for one in port.changes if one.differences]
    changes = [(one, port) for one, port in known if not one.unseen]
    if not changes:
        first = min((port.registered_at for port in ports), default=None)
        since = (f"Since it was first declared on {first:%Y-%m-%d}.",) if first else ()
        return Answer(question, "Not at all", "plain", since)
    last, port = max(changes, key=lambda pair: pair[0].declared_at)
    count = len(last.differences)
    details = tuple(
        f"{port.name}: {MAY_BREAK if one in last.breaking else ''}{one}"
        for one in last.differences[:_MOST_DETAILS]
    )
    short = f"{count} difference{'s' * (count > 1)} on {last.declared_at:%Y-%m-%d}"
    if last.breaking:
        short += f", {len(last.breaking)} may break readers"
    return Answer(question, short, "plain", details)


def _depends(entry: ProductEntry) -> Answer:
    products = sorted({one.name for one in entry.read_by if one.kind == "product"})
    readers = {one.name for one in entry.read_by if one.kind == "reader"}
    made, used = len(entry.reads_from), len(products)
    leaving = [one for one in entry.reads_from if one.deprecated]
    details = [
        *(_made_from(one) for one in leaving),
        *(_made_from(one) for one in entry.reads_from if not one.deprecated),
        *(f"used by {name}" for name in products),
        *([f"read by {len(readers)} others"] if readers else []),
    ]
    short = f"Used by {used} product{'s' * (used != 1)}" if used else "Used by no product"
    short = f"Made from {made} port{'s' * (made != 1)}. {short}" if made else short
    more = len(details) - _MOST_DETAILS
    shown = [*details[:_MOST_DETAILS], *([f"and {more} more"] if more > 0 else [])]
    tone: Tone = "warn" if leaving else "plain"
    return Answer("What depends on what?", short, tone, tuple(shown))


def _made_from(one: Upstream) -> str:
    ending = f": {ending_text(one.deprecated)}" if one.deprecated else ""
    return f"made from {one.address.removeprefix('mesh://')}{ending}"
