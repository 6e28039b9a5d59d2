"""Read how the platform tells people: sinks by name, the default, tiers, what is allowed.

In:  the YAML file that MESH_ALERTS names, else `alerts.yaml` in the root; the environment.
Out: `Settings`. Without a file there is one sink, the log. Domains name sinks and never see what
lies behind a name.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from mesh_dagster.errors import (
    AlertSettingsError,
    SinkRefusedError,
    SpanRefusedError,
    nearest,
)
from mesh_dagster.observe.configure import sink_of
from mesh_dagster.observe.options import Options
from mesh_dagster.observe.plain_yaml import Node, PlainYamlError, load_plain
from mesh_dagster.observe.post import Hosts
from mesh_dagster.observe.routing import LOG, Routing, Tier
from mesh_dagster.observe.sink import Sink
from mesh_dagster.observe.sinks import LogSink, UnableSink
from mesh_dagster.observe.spans import parse_span
from mesh_dagster.run.store import Store

VARIABLE = "MESH_ALERTS"
FILE_NAME = "alerts.yaml"
_KEYS = ("sinks", "default", "tiers", "remind_after", "allow_hosts", "allow_loopback")
_TIER_KEYS = {"after", "sinks"}
_BOOLEANS = {"true": True, "false": False}


@dataclass(frozen=True)
class Settings:
    """How the platform tells people."""

    sinks: Mapping[str, Sink] = field(default_factory=lambda: {LOG: LogSink()})
    routing: Routing = field(default_factory=Routing)
    refused: Mapping[str, SinkRefusedError] = field(default_factory=dict)
    """What is wrong with sinks that cannot work: notices wait for them, while others are told."""

    def require_sinks(self) -> None:
        """Raise what is wrong with the first sink that cannot work."""
        for error in self.refused.values():
            raise error


def load_settings(store: Store, environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings of a mesh.

    Raises:
        AlertSettingsError: The file is missing although it is named, or cannot be read.
    """
    environment = os.environ if environment is None else environment
    named = environment.get(VARIABLE)
    path = Path(named) if named else Path(store.root) / FILE_NAME
    if not named and (not store.local or not path.is_file()):
        return Settings()
    return read_settings(path, environment)


def read_settings(path: Path, environment: Mapping[str, str]) -> Settings:
    """Read one file of settings."""
    reader = _Reader(str(path))
    try:
        root = load_plain(path.read_bytes())
    except OSError as error:
        raise reader.refused("cannot be read", f"Correct {VARIABLE}.") from error
    except PlainYamlError as error:
        raise reader.refused(str(error), "Write plain YAML.") from error
    given = reader.mapping(root, "the file")
    for name in given:
        if name not in _KEYS:
            raise reader.refused(
                f"has an unknown key '{name}'", f"Remove it.{nearest(name, _KEYS)}"
            )
    loopback = reader.boolean(given.get("allow_loopback", "false"), "allow_loopback")
    hosts = Hosts(reader.texts(given.get("allow_hosts", []), "allow_hosts"), loopback)
    sinks: dict[str, Sink] = {LOG: LogSink()}
    refused: dict[str, SinkRefusedError] = {}
    for name, node in reader.mapping(given.get("sinks", {}), "sinks").items():
        options = Options(name, reader.mapping(node, f"sinks: {name}"), environment)
        try:
            sinks[name] = sink_of(options, hosts)
        except SinkRefusedError as error:
            refused[name] = error
            sinks.setdefault(name, UnableSink())
    return Settings(sinks, _routing(reader, given, sinks), refused)


def _routing(reader: "_Reader", given: Mapping[str, Node], sinks: Mapping[str, Sink]) -> Routing:
    default = reader.sink_names(given.get("default", LOG), "default", sinks)
    tiers = given.get("tiers", [])
    if not isinstance(tiers, list):
        raise reader.refused("has no list under 'tiers'", "Correct it.")
    made = []
    for tier in tiers:
        parts = reader.mapping(tier, "tiers")
        if set(parts) != _TIER_KEYS:
            raise reader.refused("has a tier without 'after' and 'sinks' alone", "Correct it.")
        names = reader.sink_names(parts["sinks"], "tiers", sinks)
        made.append(Tier(reader.span(parts["after"], "after"), names))
    return Routing(
        default=default,
        sinks=frozenset(sinks),
        pagers=frozenset(name for name, sink in sinks.items() if sink.pager),
        tiers=tuple(sorted(made, key=lambda tier: tier.after)),
        remind_after=reader.span(given.get("remind_after", "4h"), "remind_after"),
    )


@dataclass(frozen=True)
class _Reader:
    """Takes values out of the file, and names it when they are wrong."""

    path: str

    def refused(self, problem: str, remedy: str) -> AlertSettingsError:
        return AlertSettingsError(self.path, problem, remedy)

    def mapping(self, node: Node, where: str) -> dict[str, Node]:
        if not isinstance(node, dict):
            raise self.refused(f"has no names with values under '{where}'", "Correct it.")
        return node

    def texts(self, node: Node, where: str) -> tuple[str, ...]:
        nodes = node if isinstance(node, list) else [node]
        texts = tuple(one for one in nodes if isinstance(one, str) and one)
        if len(texts) != len(nodes):
            raise self.refused(f"has no list of texts under '{where}'", "Correct it.")
        return texts

    def sink_names(self, node: Node, where: str, sinks: Mapping[str, Sink]) -> tuple[str, ...]:
        names = self.texts(node, where)
        for name in names:
            if name not in sinks:
                raise self.refused(
                    f"names an unknown sink '{name}' under '{where}'",
                    f"Add it under 'sinks'.{nearest(name, sinks)}",
                )
        if not names:
            raise self.refused(f"names no sink under '{where}'", "Add one.")
        return names

    def boolean(self, node: Node, where: str) -> bool:
        if not isinstance(node, str) or node not in _BOOLEANS:
            raise self.refused(f"has neither true nor false under '{where}'", "Correct it.")
        return _BOOLEANS[node]

    def span(self, node: Node, where: str) -> timedelta:
        try:
            return parse_span(node if isinstance(node, str) else "")
        except SpanRefusedError as error:
            raise self.refused(
                f"has no span of time under '{where}'", "Write 30m, 4h or 7d."
            ) from error
