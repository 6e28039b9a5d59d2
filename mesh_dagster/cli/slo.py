"""Show and check promises without Dagster: from a terminal, from cron, from CI.

In:  the registry, a clock reading or `--as-of`.
Out: a table, an exit status, a chart, metrics. Nothing is judged for alerts and nobody is told.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mesh_dagster.cli.output import Command, as_json_option, columns, span, write_json
from mesh_dagster.declare.address import Address
from mesh_dagster.errors import NoMatchError, NoPromiseError, NotPublishedError
from mesh_dagster.observe.status import STALE_AFTER
from mesh_dagster.share.wording import budget, notes, silence, unheard

if TYPE_CHECKING:
    from mesh_dagster.observe.status import SloStatus
    from mesh_dagster.observe.timeline import Timeline

_HEADER = ("ADDRESS", "PROMISE", "STATE", "AGE", "LIMIT", "BUDGET", "FOR", "NOTE")
_RIGHT = (3, 4, 6)
_COLOURS = {"warn": "yellow", "breached": "red", "no_data": "red"}
_BAR = 10
_POINTS, _FINE_POINTS = 72, 960
_TIMES = ["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"]

as_of_option: Callable[[Command], Command] = click.option(
    "--as-of",
    type=click.DateTime(_TIMES),
    help="Judge as of a past time, UTC; what was published later counts by its data time.",
)
only_option: Callable[[Command], Command] = click.option(
    "--only", metavar="TEXT", help="Only promises whose address holds this text."
)


@click.group(invoke_without_command=True)
@only_option
@as_of_option
@as_json_option
@click.pass_context
def slo(context: click.Context, *, only: str | None, as_of: datetime | None, as_json: bool) -> None:
    """Show how every promise stands; see also its commands."""
    if context.invoked_subcommand is not None:
        return
    now, found = _judged(only, as_of)
    if as_json:
        write_json([plain(one) for one in found])
        return
    if not found:
        from mesh_dagster.cli.registry import nothing_registered

        click.echo(nothing_registered(), err=True)
        return
    click.echo(table(found, now))


@slo.command()
@only_option
@as_of_option
@as_json_option
@click.option(
    "--stale-after",
    "stale_minutes",
    type=click.IntRange(min=1),
    default=STALE_AFTER // timedelta(minutes=1),
    show_default=True,
    metavar="MINUTES",
    help="Fail when the sensor has not judged for so long.",
)
@click.pass_context
def check(
    context: click.Context,
    *,
    only: str | None,
    as_of: datetime | None,
    as_json: bool,
    stale_minutes: int,
) -> None:
    """Exit with 1 if a promise is broken, if there is none, or if the sensor stopped judging."""
    from mesh_dagster.cli.registry import nothing_registered, open_registry
    from mesh_dagster.observe.vitals import judged_at, silent, unwatched

    now, found = _judged(only, as_of)
    with open_registry() as registry:
        judged = judged_at(registry) if as_of is None else {}
        unseen = unwatched(registry) if as_of is None else []
    stale = silent(judged, now, timedelta(minutes=stale_minutes))
    broken = [one for one in found if one.broken]
    if as_json:
        sensors = [
            {"location": judge, "last_judged_at": at, "stale": judge in stale}
            for judge, at in judged.items()
        ]
        write_json({"broken": [plain(one) for one in broken], "sensors": sensors})
    else:
        if broken:
            click.echo(table(broken, now))
        for judge, length in stale.items():
            click.echo(silence(judge, length))
        if not found:
            # A wrong MESH_ROOT would else pass for ever.
            click.echo(f"{nothing_registered()} Nothing was checked.", err=True)
        elif not broken and not stale:
            click.echo(f"All {len(found)} promises are kept.")
    mine = {one.address for one in found}.intersection(unseen)
    if mine:
        click.echo(unheard(sorted(mine), judged=bool(judged)), err=True)
    context.exit(1 if broken or stale or not found else 0)


@slo.command()
@click.argument("address")
@as_of_option
@as_json_option
@click.option(
    "--html", type=click.Path(dir_okay=False, path_type=Path), help="Write a page with a plot."
)
def history(*, address: str, as_of: datetime | None, as_json: bool, html: Path | None) -> None:
    """Chart how the port at ADDRESS kept its freshness promise over its window."""
    from mesh_dagster.cli.chart import page, text_chart

    count = _POINTS if html is None else _FINE_POINTS
    drawn = _timeline(str(Address.parse(address)), as_of, count)
    if html is not None:
        html.write_text(page(drawn), encoding="utf-8")
        click.echo(f"Wrote {html}.", err=True)
    elif as_json:
        write_json(drawn)
    else:
        click.echo(text_chart(drawn))


@slo.command()
def metrics() -> None:
    """Write every promise's state as text for Prometheus."""
    from mesh_dagster.cli.registry import open_registry
    from mesh_dagster.observe.judgement import statuses
    from mesh_dagster.observe.metrics import metrics_text
    from mesh_dagster.observe.vitals import vitals
    from mesh_dagster.run.totals import totals

    now = datetime.now(timezone.utc)
    with open_registry() as registry:
        text = metrics_text(statuses(registry, now), totals(registry), vitals(registry), now)
    click.echo(text, nl=False)


def table(found: Iterable["SloStatus"], now: datetime) -> str:
    """Write statuses as lines, the broken ones in colour."""
    return columns(_HEADER, [_line(one, now) for one in found], _RIGHT)


def bar(remaining: float | None) -> str:
    """Draw what is left of a budget."""
    if remaining is None:
        return ""
    full = round(max(0.0, min(1.0, remaining)) * _BAR)
    return f"{'█' * full}{'░' * (_BAR - full)} {budget(remaining)}"


def _line(one: "SloStatus", now: datetime) -> tuple[str, ...]:
    return (
        one.address,
        one.objective,
        one.state,
        "" if one.age is None else span(one.age),
        "" if one.limit is None else span(one.limit),
        bar(one.budget_remaining),
        span(now - one.since),
        "; ".join([*notes(one, now), *_cause(one)]),
    )


def _cause(one: "SloStatus") -> list[str]:
    return [f"because of {one.caused_by}"] if one.caused_by else []


def _judged(only: str | None, as_of: datetime | None) -> tuple[datetime, list["SloStatus"]]:
    from mesh_dagster.cli.registry import open_registry
    from mesh_dagster.observe.judgement import statuses

    now = _reading(as_of)
    with open_registry() as registry:
        known = statuses(registry, now, historic=as_of is not None)
    found = [one for one in known if only is None or only in one.address]
    if only and not found:
        raise NoMatchError(only, {one.address for one in known})
    return now, found


def _timeline(address: str, as_of: datetime | None, count: int) -> "Timeline":
    from mesh_dagster.cli.registry import open_registry
    from mesh_dagster.observe.judgement import assessed
    from mesh_dagster.observe.timeline import timeline

    now = _reading(as_of)
    with open_registry() as registry:
        known = {a.port.address: a for a in assessed(registry, now, historic=as_of is not None)}
        registered = bool(registry.ports(address))
    one = known.get(address)
    if one is None and not registered:
        raise NotPublishedError(address, known)
    if one is None or one.timing is None or one.judged is None:
        raise NoPromiseError(address)
    return timeline(one.port, one.timing, one.judged, now, count)


def _reading(as_of: datetime | None) -> datetime:
    return as_of.replace(tzinfo=timezone.utc) if as_of else datetime.now(timezone.utc)


def plain(one: "SloStatus") -> dict[str, object]:
    """Return a status as JSON has it, spans in seconds."""
    from dataclasses import asdict

    spans = {
        name: None if span is None else span.total_seconds()
        for name, span in (("age", one.age), ("limit", one.limit), ("window", one.window))
    }
    seconds = {f"{name}_seconds": value for name, value in spans.items()}
    rest = {name: value for name, value in asdict(one).items() if name not in spans}
    return {**rest, **seconds, "breach_id": one.breach_id}
