"""List what the mesh offers.

In:  the registry, which is all that is read; neither Dagster nor a frame is touched.
Out: one line for each port.
"""

from collections.abc import Sequence
from datetime import datetime, timezone
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import click

from mesh_dagster.cli.output import as_json_option, columns, span, write_json
from mesh_dagster.declare.lifecycle import ending_text
from mesh_dagster.errors import NoMatchError

if TYPE_CHECKING:
    from mesh_dagster.run.overview import PortStatus

_HEADER = ("ADDRESS", "OWNER", "ALIGNMENT", "VERSION", "ROWS", "AGE", "REFUSED OR FAILED SINCE")
_RIGHT = (3, 4, 5, 6)


@click.command()
@click.argument("pattern", required=False)
@click.option("--all", "also_retired", is_flag=True, help="Also ports that are retired.")
@as_json_option
def ls(*, pattern: str | None, also_retired: bool, as_json: bool) -> None:
    """List the ports of all registered products.

    PATTERN is a part of an address, or with * or ? the whole of one.
    """
    from mesh_dagster.cli.registry import nothing_registered, open_registry
    from mesh_dagster.run.overview import overview

    with open_registry() as registry:
        known = overview(registry)
    found = [port for port in known if pattern is None or matches(port.address, pattern)]
    if pattern and not found:
        raise NoMatchError(pattern, [port.address for port in known])
    retired = 0 if also_retired else sum(port.state == "retired" for port in found)
    found = [port for port in found if also_retired or port.state != "retired"]
    if as_json:
        write_json(found)
        return
    if not known:
        click.echo(nothing_registered(), err=True)
        return
    if found:
        click.echo(table(found, datetime.now(timezone.utc)))
    if retired:
        click.echo(f"Retired and not shown: {retired:,}. --all shows them.", err=True)


def table(found: "Sequence[PortStatus]", now: datetime) -> str:
    """Write how ports stand, one line each; their state only where one is not active."""
    header, lines = list(_HEADER), [_line(port, now) for port in found]
    if any(map(_state, found)):
        header.append("STATE")
        lines = [(*line, _state(port)) for line, port in zip(lines, found, strict=True)]
    return columns(header, lines, _RIGHT)


def matches(address: str, pattern: str) -> bool:
    """Say whether a pattern is a part of an address, or with * or ? the whole of one."""
    if any(sign in pattern for sign in "*?["):
        return fnmatchcase(address, pattern) or fnmatchcase(
            address.removeprefix("mesh://"), pattern
        )
    return pattern in address


def _line(port: "PortStatus", now: datetime) -> tuple[str, ...]:
    broken = [since for since in (port.refused_since, port.failed_since) if since]
    return (
        port.address,
        port.owner or "not declared",
        port.alignment or "",
        "" if port.version is None else str(port.version),
        "" if port.rows is None else f"{port.rows:,}",
        span(now - port.published_at) if port.published_at else "never",
        span(now - min(broken)) if broken else "",
    )


def _state(port: "PortStatus") -> str:
    if port.deprecated:
        return ending_text(port.deprecated)
    return port.state if port.state and port.state != "active" else ""
