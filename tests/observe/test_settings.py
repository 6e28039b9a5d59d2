import base64
import json
import logging
import stat
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path

import pytest

from mesh_dagster.errors import (
    AlertSettingsError,
    MeshError,
    SecretMissingError,
    SinkRefusedError,
    SpanRefusedError,
)
from mesh_dagster.observe.cloudevent import cloud_event
from mesh_dagster.observe.plain_yaml import PlainYamlError, load_plain
from mesh_dagster.observe.routing import Routing, Tier
from mesh_dagster.observe.settings import Settings, load_settings, read_settings
from mesh_dagster.observe.sink import SendError
from mesh_dagster.observe.sinks import AppriseSink, FileSink, LogSink
from mesh_dagster.observe.spans import parse_span
from mesh_dagster.run.store import Store
from tests.observe.receiver import receiving
from tests.observe.scenario import NOON, PLAYS, notice

SECRET = "whsec_" + base64.b64encode(bytes(32)).decode()
ENVIRONMENT = {
    "HOOK": SECRET,
    "SLACK": "https://hooks.slack.com/services/T/B/secretpath",
    "PD": "pagerkey",
    "MAIL": "mailpassword",
}
WHOLE = """
default: [ops, file]
remind_after: 2h
allow_hosts: [hooks.slack.com, "*.example.com"]
tiers:
  - {after: 1h, sinks: boss}
  - {after: 30m, sinks: [pager]}
sinks:
  ops: {type: slack, url: env:SLACK}
  file: {type: file, path: /tmp/alerts.jsonl}
  hook: {type: webhook, url: https://a.example.com/x, secret: env:HOOK, old_secret: env:HOOK}
  pager: {type: pagerduty, routing_key: env:PD}
  boss:
    type: smtp
    host: mail.example.com
    from: mesh@example.com
    to: [boss@example.com]
    user: mesh
    password: env:MAIL
"""


def read(text: str, tmp_path: Path, environment: dict[str, str] | None = None) -> Settings:
    path = tmp_path / "alerts.yaml"
    path.write_text(text, encoding="utf-8")
    given = read_settings(path, ENVIRONMENT if environment is None else environment)
    given.require_sinks()
    return given


def refusal(text: str, tmp_path: Path) -> str:
    with pytest.raises(MeshError) as caught:
        read(text, tmp_path)
    return str(caught.value).replace(str(tmp_path), "HERE")


def test_a_whole_file_is_read(tmp_path: Path) -> None:
    given = read(WHOLE, tmp_path)

    assert sorted(given.sinks) == ["boss", "file", "hook", "log", "ops", "pager"]
    assert given.routing == Routing(
        default=("ops", "file"),
        sinks=frozenset({"boss", "file", "hook", "log", "ops", "pager"}),
        pagers=frozenset({"pager"}),
        tiers=(Tier(timedelta(minutes=30), ("pager",)), Tier(timedelta(hours=1), ("boss",))),
        remind_after=timedelta(hours=2),
    )


def test_settings_show_no_secret(tmp_path: Path) -> None:
    shown = repr(read(WHOLE, tmp_path))

    for secret in ("secretpath", "pagerkey", "mailpassword", SECRET, repr(bytes(32))):
        assert secret not in shown


def test_without_a_file_there_is_the_log(tmp_path: Path) -> None:
    assert load_settings(Store.at(tmp_path), {}) == Settings({"log": LogSink()}, Routing())


def test_the_file_in_the_root_is_found_and_a_named_one_comes_first(tmp_path: Path) -> None:
    (tmp_path / "alerts.yaml").write_text("sinks: {a: {type: log}}", encoding="utf-8")
    other = tmp_path / "other.yaml"
    other.write_text("sinks: {b: {type: log}}", encoding="utf-8")

    in_root = load_settings(Store.at(tmp_path), {})
    named = load_settings(Store.at(tmp_path), {"MESH_ALERTS": str(other)})

    assert sorted(in_root.sinks) == ["a", "log"]
    assert sorted(named.sinks) == ["b", "log"]


def test_a_named_file_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(AlertSettingsError) as caught:
        load_settings(Store.at(tmp_path), {"MESH_ALERTS": "/nowhere.yaml"})

    assert str(caught.value) == (
        "The alert settings '/nowhere.yaml' cannot be read. Correct MESH_ALERTS. "
        "No sink was configured."
    )


@pytest.mark.parametrize(
    ("sink", "option"),
    [
        ("type: slack, url: env:UNSET", "url"),
        ("type: webhook, url: https://h.io, secret: env:UNSET", "secret"),
        ("type: webhook, url: https://h.io, secret: env:HOOK, old_secret: env:UNSET", "old_secret"),
        ("type: pagerduty, routing_key: env:UNSET", "routing_key"),
        ("type: smtp, host: h, from: a@b.c, to: a@b.c, user: u, password: env:UNSET", "password"),
    ],
)
def test_a_missing_secret_names_its_sink_and_variable(
    tmp_path: Path, sink: str, option: str
) -> None:
    with pytest.raises(SecretMissingError) as caught:
        read(f"allow_hosts: [h.io]\nsinks: {{ops: {{{sink}}}}}", tmp_path)

    assert str(caught.value) == (
        f"Sink 'ops' takes '{option}' from the environment variable 'UNSET', which is not set. "
        "Set it wherever alerts are delivered. Nothing is sent to it."
    )


def test_a_sink_that_cannot_work_leaves_the_others_alone(tmp_path: Path) -> None:
    path = tmp_path / "alerts.yaml"
    path.write_text("default: [a, b]\nsinks: {a: {type: slack, url: env:UNSET}, b: {type: log}}")

    given = read_settings(path, {})

    assert (list(given.refused), given.routing.default) == (["a"], ("a", "b"))
    assert given.sinks["b"] == LogSink()
    with pytest.raises(SendError, match="has settings that cannot work"):
        given.sinks["a"].send(notice(), NOON)


def test_a_bad_secret_is_not_repeated(tmp_path: Path) -> None:
    text = "allow_hosts: [h.io]\nsinks: {a: {type: webhook, url: https://h.io, secret: env:BAD}}"

    with pytest.raises(SinkRefusedError) as caught:
        read(text, tmp_path, {"BAD": "whsec_!!nope!!"})

    assert str(caught.value) == (
        "Sink 'a' has a 'secret' that is not whsec_ and 24 to 64 bytes in base64. "
        "Make one with: echo whsec_$(openssl rand -base64 32). Nothing is sent to it."
    )
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("sink", "message"),
    [
        (
            "type: slak",
            (
                "Sink 'a' has no known 'type'. Write one of log, file, webhook, slack, pagerduty, "
                "smtp, apprise. Did you mean 'slack'? Nothing is sent to it."
            ),
        ),
        (
            "type: slack, url: https://hooks.slack.com/x",
            (
                "Sink 'a' has 'url' in plain sight. Write 'url: env:NAME' and set NAME. "
                "Nothing is sent to it."
            ),
        ),
        (
            "type: file, path: x, colour: red",
            (
                "Sink 'a' has an unknown option 'colour'. Correct or remove it. "
                "Known: 'path', 'type'. Nothing is sent to it."
            ),
        ),
        (
            "type: file",
            "Sink 'a' needs one text under 'path'. Add the option. Nothing is sent to it.",
        ),
        (
            "type: file, path: ~nobody_of_this_name/x",
            "Sink 'a' has a 'path' in an unknown home. Write it in full. Nothing is sent to it.",
        ),
        (
            "type: webhook, url: https://10.0.0.1/, secret: env:HOOK",
            (
                "Sink 'a' has a url whose host is not under 'allow_hosts'. Write an https URL "
                "whose host is listed under 'allow_hosts'. Nothing is sent to it."
            ),
        ),
        (
            "type: smtp, host: h, from: a@b.c, to: a@b.c, tls: none",
            (
                "Sink 'a' asks for mail without TLS. Write 'tls: starttls' or 'implicit'. "
                "Nothing is sent to it."
            ),
        ),
        (
            'type: smtp, host: h, from: a@b.c, to: "a@b.c, x@y.z"',
            "Sink 'a' has no mail address under 'to'. Correct the option. Nothing is sent to it.",
        ),
        (
            "type: smtp, host: h, from: a@b.c, to: a@b.c, port: 0",
            "Sink 'a' has no port number under 'port'. Write 1 to 65535. Nothing is sent to it.",
        ),
    ],
)
def test_a_sink_that_cannot_work_is_refused_when_loaded(
    tmp_path: Path, sink: str, message: str
) -> None:
    assert refusal(f"sinks: {{a: {{{sink}}}}}", tmp_path) == message


def test_the_sink_that_takes_what_no_other_does_is_always_the_log(tmp_path: Path) -> None:
    assert read("sinks: {log: {type: log}}", tmp_path).sinks == {"log": LogSink()}
    assert refusal("sinks: {log: {type: file, path: /tmp/x}}", tmp_path) == (
        "Sink 'log' is always the log itself. Give this one another name. Nothing is sent to it."
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("sink: {}", "has an unknown key 'sink'. Remove it. Did you mean 'sinks'?"),
        ("sinks: [a]", "has no names with values under 'sinks'. Correct it."),
        ("default: opps", ("names an unknown sink 'opps' under 'default'. Add it under 'sinks'. "
                          "Known: 'log'.")),
        ("default: []", "names no sink under 'default'. Add one."),
        ("remind_after: soon", "has no span of time under 'remind_after'. Write 30m, 4h or 7d."),
        ("allow_loopback: yes", "has neither true nor false under 'allow_loopback'. Correct it."),
        ("tiers: [{after: 1h}]", "has a tier without 'after' and 'sinks' alone. Correct it."),
        ("a: &x 1", "has an anchor or alias in line 1. Write plain YAML."),
        ("a: *x", "has an anchor or alias in line 1. Write plain YAML."),
        ("a: !!python/object:os.system x", "has a tag in line 1. Write plain YAML."),
        ("default: log\ndefault: log", "repeats a key in line 2. Write plain YAML."),
        ("[" * 100_000, "is nested deeper than 32 levels in line 1. Write plain YAML."),
        ("{" * 100, "has a key that is no text in line 1. Write plain YAML."),
        ("? [a]\n: b", "has a key that is no text in line 1. Write plain YAML."),
        ("a: [", "is no YAML in line 1. Write plain YAML."),
        ("a: 1\n---\nb: 2", "has more than one document. Write plain YAML."),
        ("a: " + "1" * 300_000, "has more than 256 KiB. Write plain YAML."),
        ("a: [" + "1," * 20_001 + "]", "has more than 20000 parts. Write plain YAML."),
    ],
)  # fmt: skip
def test_a_hostile_or_mistaken_file_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    expected = f"The alert settings 'HERE/alerts.yaml' {problem} No sink was configured."

    assert refusal(text, tmp_path) == expected


def test_scalars_stay_what_was_written() -> None:
    assert load_plain(b"{a: NO, b: 12:30:00, c: 0x1F, d: ~, e: '1'}") == {
        "a": "NO",
        "b": "12:30:00",
        "c": "0x1F",
        "d": "~",
        "e": "1",
    }


def test_what_is_no_text_is_no_yaml() -> None:
    with pytest.raises(PlainYamlError) as caught:
        load_plain(b"\xff\xfe\x00")

    assert str(caught.value) == "is no UTF-8 text"


@pytest.mark.parametrize("text", ["0m", "-1h", "1", "h", "1.5h", "400d", "1h\n", "\u0661h", ""])
def test_a_span_is_a_number_and_a_unit(text: str) -> None:
    with pytest.raises(SpanRefusedError) as caught:
        parse_span(text)

    assert str(caught.value) == (
        f"The span {text!r} is not a number and a unit. "
        "Write 45s, 30m, 4h, 7d or 2w, at most 366 days. Nothing was changed."
    )


def test_the_log_has_a_line_for_each_notice(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="mesh_dagster.alerts"):
        LogSink().send(notice(), NOON)

    assert caplog.messages == [
        (
            f"Promise broken: {PLAYS} | {PLAYS} freshness: 2 h old "
            f"(owner team:x, id aaaaaaaaaaaa) [{'n' * 32}]"
        )
    ]


def test_a_file_has_a_line_for_each_notice_even_after_a_torn_one(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "alerts.jsonl"
    sink = FileSink(path)
    sink.send(notice(), NOON)
    with path.open("a", encoding="utf-8") as file:
        file.write('{"torn":')

    sink.send(notice(), NOON)

    lines = path.read_text("utf-8").splitlines()
    assert [json.loads(lines[0]), json.loads(lines[2])] == [cloud_event(notice())] * 2
    assert lines[1] == '{"torn":'
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.skipif(find_spec("apprise") is not None, reason="apprise is installed here")
def test_apprise_must_be_installed_before_it_is_named(tmp_path: Path) -> None:
    assert refusal("sinks: {a: {type: apprise, url: env:HOOK}}", tmp_path) == (
        "Sink 'a' needs the library apprise, which is not installed. "
        "Install mesh-dagster[alerts]. Nothing is sent to it."
    )


@pytest.mark.skipif(find_spec("apprise") is None, reason="apprise is not installed here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_apprise_reaches_what_it_knows() -> None:
    with receiving() as receiver:
        AppriseSink(f"json://127.0.0.1:{receiver.port}/?redirect=no").send(notice(), NOON)

    assert json.loads(receiver.requests[0].body)["title"] == f"Promise broken: {PLAYS}"


def test_a_file_that_cannot_be_written_is_a_failure_to_try_again(tmp_path: Path) -> None:
    with pytest.raises(SendError) as caught:
        FileSink(tmp_path).send(notice(), NOON)

    assert caught.value.reason == "cannot write its file: Is a directory"
    assert not caught.value.permanent


def test_a_certificate_file_must_be_there(tmp_path: Path) -> None:
    text = "sinks: {a: {type: smtp, host: h, from: a@b.c, to: a@b.c, ca_file: /nowhere}}"

    assert refusal(text, tmp_path) == (
        "Sink 'a' has no file at 'ca_file'. Correct the path. Nothing is sent to it."
    )


def test_apprise_is_told_to_fail_plainly() -> None:
    pytest.importorskip("apprise")

    with pytest.raises(SendError) as caught:
        AppriseSink("no-such-service://x").send(notice(), NOON)

    assert (caught.value.reason, caught.value.permanent) == (
        "has a url that apprise does not know",
        True,
    )
