"""Let people look after alerts: list, acknowledge, mute, deliver, test a sink.

In:  addresses and ids, the registry, the settings of alerts.
Out: one line for each thing done or open.
"""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import click

from mesh_dagster.cli.output import as_json_option, columns, moment, span, write_json
from mesh_dagster.declare.address import Address
from mesh_dagster.share.wording import silence, unheard

if TYPE_CHECKING:
    from mesh_dagster.observe.attention import OpenBreach
    from mesh_dagster.observe.settings import Settings
    from mesh_dagster.run.registry import Registry

_HEADER = ("ID", "ADDRESS", "PROMISE", "FOR", "CAUSED BY", "TOLD", "WAITING", "ANSWER")
_SHOWN_ID = 12


@click.group()
def alerts() -> None:
    """List, acknowledge, mute and deliver alerts.

    Sinks are configured in the file that MESH_ALERTS names (default: alerts.yaml in MESH_ROOT).
    """


@alerts.command()
@as_json_option
def ls(*, as_json: bool) -> None:
    """List the open breaches, as the sensors judged last, and say whom no sensor watches."""
    from mesh_dagster.cli.registry import open_registry
    from mesh_dagster.observe.attention import open_list
    from mesh_dagster.observe.vitals import judged_at, silent, unwatched

    now = _now()
    with open_registry() as registry:
        found, judged, unseen = open_list(registry, now), judged_at(registry), unwatched(registry)
    if as_json:
        write_json(found)
    elif found:
        click.echo(columns(_HEADER, [_line(one, now) for one in found], (3,)))
    elif judged:
        ago = span(now - min(judged.values()))
        click.echo(f"No promise is broken, as the sensors judged {ago} ago.", err=True)
    for judge, length in silent(judged, now).items():
        click.echo(silence(judge, length), err=True)
    if unseen or not judged:
        click.echo(unheard(unseen, judged=bool(judged)), err=True)


@alerts.command()
@click.argument("breach")
@click.option("--by", default=getpass.getuser, help="Who takes it on; default: you.")
def ack(*, breach: str, by: str) -> None:
    """Take a BREACH on, by its id or its port's address: no reminder and no escalation follows."""
    from mesh_dagster.observe.attention import acknowledge

    with _opened() as (registry, settings):
        keys = acknowledge(registry, breach, _now(), by=by, routing=settings.routing)
    for key in keys:
        click.echo(f"{key[:_SHOWN_ID]} acknowledged by {by}")


@alerts.command()
@click.argument("address")
@click.option("--for", "length", required=True, help="How long: 30m, 4h, 7d.")
@click.option("--because", required=True, help="Why, for whoever wonders.")
@click.option("--by", default=getpass.getuser, help="Who mutes; default: you.")
def mute(*, address: str, length: str, because: str, by: str) -> None:
    """Tell nothing of the port at ADDRESS for a while; what is broken then is told then."""
    from mesh_dagster.observe import attention
    from mesh_dagster.observe.spans import parse_span

    now = _now()
    port, until = str(Address.parse(address)), now + parse_span(length)
    with _opened() as (registry, _):
        attention.mute(registry, port, now, until=until, because=because, by=by)
    click.echo(f"{port} is muted until {moment(until)}")


@alerts.command()
@click.argument("address")
def unmute(*, address: str) -> None:
    """Tell of the port at ADDRESS again."""
    from mesh_dagster.observe import attention

    port = str(Address.parse(address))
    with _opened() as (registry, _):
        ended = attention.unmute(registry, port, _now())
    click.echo(f"{port} is no longer muted" if ended else f"{port} was not muted")


@alerts.command()
@as_json_option
def deliver(*, as_json: bool) -> None:
    """Send what waits, as the daemon does by itself; for cron."""
    from mesh_dagster.observe import delivery

    with _opened() as (registry, settings):
        done = delivery.deliver(registry, settings, _now())
    if as_json:
        write_json(done)
    else:
        click.echo(f"{done.sent} sent, {done.kept} kept for later, {done.dead} given up")
    settings.require_sinks()


@alerts.command()
@click.argument("sink")
def test(*, sink: str) -> None:
    """Send a test notice to SINK; one that was given up on is used again."""
    from mesh_dagster.observe.trial import try_sink

    with _opened() as (registry, settings):
        if sink in settings.refused:
            raise settings.refused[sink]
        try_sink(registry, settings, sink, _now())
    click.echo(f"The test notice arrived at sink '{sink}'")


@contextmanager
def _opened() -> Iterator[tuple["Registry", "Settings"]]:
    """Open the registry for writing, and read the settings."""
    from mesh_dagster.observe.settings import load_settings
    from mesh_dagster.run.registry import Registry
    from mesh_dagster.run.store import Store

    store = Store.at()
    settings = load_settings(store)
    registry = Registry(store.registry_url)
    try:
        yield registry, settings
    finally:
        registry.close()


def _line(breach: "OpenBreach", now: datetime) -> tuple[str, ...]:
    return (
        breach.key[:_SHOWN_ID],
        breach.address,
        breach.objective,
        span(now - breach.since),
        breach.caused_by or "",
        ", ".join(breach.told),
        ", ".join(breach.waiting),
        _answer(breach),
    )


def _answer(breach: "OpenBreach") -> str:
    answers = []
    if breach.acknowledged_by:
        answers.append(f"acknowledged by {breach.acknowledged_by}")
    if breach.muted_until:
        answers.append(f"muted until {moment(breach.muted_until)}")
    return "; ".join(answers)


def _now() -> datetime:
    return datetime.now(timezone.utc)
