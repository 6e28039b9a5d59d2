import base64
import hashlib
import hmac
import ipaddress
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import jsonschema
import pytest

from mesh_dagster.observe.cloudevent import cloud_event
from mesh_dagster.observe.notice import Kind, as_json, from_json
from mesh_dagster.observe.post import (
    Endpoint,
    EndpointRefusedError,
    Hosts,
    endpoint,
    is_public,
    post,
    resolved,
)
from mesh_dagster.observe.sink import SendError
from mesh_dagster.observe.webhooks import (
    PagerDutySink,
    SlackSink,
    WebhookSink,
    signature,
    signing_key,
)
from tests.observe.receiver import Receiver, certificate_for, receiving
from tests.observe.scenario import NOON, PLAYS, notice

HERE = Path(__file__).parent
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
ALLOWED = Hosts(("example.com", "*.example.org", "93.184.216.34"))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as state:
        yield state


def to(receiver: Receiver, path: str = "/hook") -> Endpoint:
    return endpoint(f"http://127.0.0.1:{receiver.port}{path}", Hosts(loopback=True))


def failure(receiver: Receiver, now: datetime = NOON) -> SendError:
    with pytest.raises(SendError) as caught:
        post(to(receiver), b"{}", {}, now)
    return caught.value


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://example.com/x", "has a url without https"),
        ("ftp://example.com/x", "has a url that is not https://host/path"),
        ("https://u:p@example.com/x", "has a url that is not https://host/path"),
        ("https://example.com@10.0.0.1/x", "has a url that is not https://host/path"),
        ("https://example.com/x#y", "has a url that is not https://host/path"),
        ("https://example.com:99999/", "has a url that cannot be read"),
        ("https://[::1/", "has a url that cannot be read"),
        ("https://exa mple.com/", "has a url with characters that no URL has"),
        ("https://example.com\\@10.0.0.1/", "has a url with characters that no URL has"),
        ("https://example.com/\n", "has a url with characters that no URL has"),
        ("https://\uff11\uff12\uff17.0.0.1/", "has a url with characters that no URL has"),
        ("https://0x7f000001/", "has a url whose host is no name"),
        ("https://0x7f.1/", "has a url whose host is no name"),
        ("https://2130706433/", "has a url whose host is no name"),
        ("https://127.1/", "has a url whose host is no name"),
        ("https://0177.0.0.1/", "has a url whose host is no name"),
        ("https://127.0.0.1./", "has a url whose host is no name"),
        ("https://example.com./", "has a url whose host is no name"),
        ("https://%31%32%37.0.0.1/", "has a url whose host is no name"),
        ("https:///x", "has a url whose host is no name"),
        ("https://127.0.0.1/", "has a url whose host is not under 'allow_hosts'"),
        ("https://169.254.169.254/", "has a url whose host is not under 'allow_hosts'"),
        ("https://[::ffff:127.0.0.1]/", "has a url whose host is not under 'allow_hosts'"),
        ("https://localhost/", "has a url whose host is not under 'allow_hosts'"),
        ("https://example.com.evil.net/", "has a url whose host is not under 'allow_hosts'"),
        ("https://example.org/", "has a url whose host is not under 'allow_hosts'"),
        ("https://evilexample.org/", "has a url whose host is not under 'allow_hosts'"),
    ],
)
def test_a_url_that_could_lead_elsewhere_is_refused(url: str, problem: str) -> None:
    with pytest.raises(EndpointRefusedError) as caught:
        endpoint(url, ALLOWED)

    assert str(caught.value) == problem


@pytest.mark.parametrize(
    "url", ["https://example.com/x?y=1", "https://a.b.example.org", "https://EXAMPLE.com:8443/"]
)
def test_a_url_on_the_list_is_taken(url: str) -> None:
    assert endpoint(url, ALLOWED).host.endswith(("example.com", "example.org"))


@pytest.mark.parametrize("url", ["http://10.0.0.1/", "http://example.com/", "http://[::]/"])
def test_allowing_this_machine_allows_no_other_without_tls(url: str) -> None:
    with pytest.raises(EndpointRefusedError) as caught:
        endpoint(url, replace(ALLOWED, loopback=True))

    assert str(caught.value) == "has a url without https"


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "0.0.0.1", "224.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "::1", "::",
        "fe80::1", "fc00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "64:ff9b::7f00:1",
        "2002:7f00:1::", "2001:0:1::1", "2001:db8::1",
    ],
)  # fmt: skip
def test_a_name_that_leads_inside_is_not_connected_to(address: str) -> None:
    given = endpoint("https://example.com/x", ALLOWED)

    with pytest.raises(SendError) as caught:
        post(given, b"{}", {}, NOON, resolve=lambda *_: ["93.184.216.34", address])

    assert caught.value.reason == "has a host with an address that is not public"
    assert not caught.value.uncertain


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1"])
def test_an_address_outside_is_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


def test_tricks_that_the_system_resolves_are_resolved_to_what_they_are() -> None:
    """Were such a host ever let through, its address would still be looked at."""
    assert set(resolved("2130706433", 80)) == {"127.0.0.1"}


def test_the_very_address_that_was_checked_is_connected_to(tmp_path: Path) -> None:
    certificate = certificate_for("hooks.example.com", tmp_path)
    asked = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append((host, port))
        return ["127.0.0.1"]

    with receiving(certificate) as receiver:
        given = Endpoint(
            "hooks.example.com",
            receiver.port,
            secure=True,
            target="/x",
            loopback=True,
            ca_file=str(certificate),
        )
        post(given, b"{}", {}, NOON, resolve=resolve)

    assert asked == [("hooks.example.com", receiver.port)]
    assert receiver.names == ["hooks.example.com"]
    assert receiver.requests[0].headers["Host"] == f"hooks.example.com:{receiver.port}"


@pytest.mark.parametrize("trusted", [True, False])
def test_a_certificate_that_does_not_fit_is_refused(tmp_path: Path, *, trusted: bool) -> None:
    certificate = certificate_for("other.example.com", tmp_path)

    with receiving(certificate) as receiver:
        given = Endpoint(
            "hooks.example.com",
            receiver.port,
            secure=True,
            target="/",
            loopback=True,
            ca_file=str(certificate) if trusted else None,
        )
        with pytest.raises(SendError) as caught:
            post(given, b"{}", {}, NOON, resolve=lambda *_: ["127.0.0.1"])

    assert caught.value.reason == "offers no TLS connection that can be trusted"
    assert receiver.requests == []


def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    receiver.status = 302
    receiver.headers = {"Location": f"http://127.0.0.1:{receiver.port}/elsewhere"}

    error = failure(receiver)

    assert (error.reason, error.permanent, len(receiver.requests)) == ("answered 302", False, 1)


def test_a_large_answer_is_not_read_to_its_end(receiver: Receiver) -> None:
    receiver.body = bytes(64 * 1024 * 1024)

    started = time.monotonic()
    post(to(receiver), b"{}", {}, NOON)

    assert time.monotonic() - started < 5


def test_an_answer_that_drips_is_not_read_to_its_end(receiver: Receiver) -> None:
    receiver.body, receiver.pause = bytes(60), 0.5

    started = time.monotonic()
    post(to(receiver), b"{}", {}, NOON)

    assert time.monotonic() - started < 9


def test_a_receiver_that_says_nothing_may_have_understood(receiver: Receiver) -> None:
    receiver.silence = 8

    started = time.monotonic()
    error = failure(receiver)

    assert (error.reason, error.uncertain) == ("gave no answer in time", True)
    assert time.monotonic() - started < 7.9


def test_a_port_where_nobody_listens_cannot_be_reached() -> None:
    with receiving() as receiver:
        pass

    error = failure(receiver)

    assert (error.reason, error.uncertain) == ("cannot be reached", False)


@pytest.mark.parametrize(
    ("status", "permanent", "gone", "uncertain"),
    [
        (400, True, False, False),
        (401, False, False, False),
        (404, False, False, False),
        (410, True, True, False),
        (415, True, False, False),
        (429, False, False, False),
        (500, False, False, True),
        (503, False, False, False),
    ],
)
def test_an_answer_says_whether_to_try_again(
    receiver: Receiver, status: int, *, permanent: bool, gone: bool, uncertain: bool
) -> None:
    receiver.status = status

    error = failure(receiver)

    assert error.reason == f"answered {status}"
    assert (error.permanent, error.gone, error.uncertain) == (permanent, gone, uncertain)


@pytest.mark.parametrize(
    ("status", "text", "wait"),
    [
        (429, "120", timedelta(seconds=120)),
        (503, "Sun, 01 Mar 2026 12:10:00 GMT", timedelta(minutes=10)),
        (429, "Sun, 01 Mar 2026 11:00:00 GMT", None),
        (429, "soon", None),
        (500, "120", None),
    ],
)
def test_a_receiver_may_ask_for_time(
    receiver: Receiver, status: int, text: str, wait: timedelta | None
) -> None:
    receiver.status, receiver.headers = status, {"Retry-After": text}

    assert failure(receiver).retry_after == wait


def test_a_webhook_is_signed_as_the_standard_says(receiver: Receiver) -> None:
    WebhookSink(to(receiver), (signing_key(SECRET),)).send(notice(), NOON)

    got = receiver.requests[0]
    signed = f"{'n' * 32}.{int(NOON.timestamp())}.".encode() + got.body
    expected = base64.b64encode(hmac.new(bytes(range(32)), signed, hashlib.sha256).digest())
    assert got.headers["webhook-id"] == "n" * 32
    assert got.headers["webhook-timestamp"] == str(int(NOON.timestamp()))
    assert got.headers["webhook-signature"] == f"v1,{expected.decode()}"
    assert got.headers["Content-Type"] == "application/cloudevents+json"
    assert json.loads(got.body) == cloud_event(notice())


def test_the_example_of_the_standard_has_the_signature_of_the_standard() -> None:
    """Source: the test vector of the Standard Webhooks reference libraries."""
    key = signing_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    made = signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}')

    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_while_a_secret_is_replaced_both_sign(receiver: Receiver) -> None:
    keys = (bytes(24), bytes(range(24)))

    WebhookSink(to(receiver), keys).send(notice(), NOON)

    signatures = receiver.requests[0].headers["webhook-signature"].split(" ")
    assert len(set(signatures)) == 2
    assert all(one.startswith("v1,") for one in signatures)


@pytest.mark.parametrize("kind", ["breach", "recovery", "dead_letter", "refused"])
def test_an_event_is_a_cloud_event(kind: Kind) -> None:
    schema = json.loads((HERE / "cloudevents.json").read_text("utf-8"))

    event = cloud_event(replace(notice(), kind=kind))

    jsonschema.validate(json.loads(json.dumps(event)), schema)
    assert datetime.fromisoformat(str(event["time"])) == NOON
    assert event["type"] == f"mesh_dagster.alert.{kind}"
    assert event["source"] == "mesh://media_player/plays"


def test_a_notice_survives_json() -> None:
    assert from_json(json.loads(json.dumps(as_json(notice())))) == notice()


def test_slack_gets_text_that_it_reads_as_text(receiver: Receiver) -> None:
    item = replace(notice().items[0], text="late: <!channel> & more")

    SlackSink(to(receiver)).send(replace(notice(), items=(item,)), NOON)

    title, line = f"Promise broken: {PLAYS}", "late: &lt;!channel&gt; &amp; more"
    assert json.loads(receiver.requests[0].body) == {
        "text": title,
        "blocks": [
            {"type": "section", "text": {"type": "mrkdwn", "text": f"*{title}*"}},
            {
                "type": "section",
                "text": {
                    "type": "mrkdwn",
                    "text": f"• {PLAYS} {line} (owner team:x, id aaaaaaaaaaaa)",
                },
            },
        ],
    }


def test_slack_gets_no_more_than_it_takes(receiver: Receiver) -> None:
    many = tuple(replace(notice().items[0], key=f"{n:064}") for n in range(300))

    SlackSink(to(receiver)).send(replace(notice(), items=many), NOON)

    blocks = json.loads(receiver.requests[0].body)["blocks"]
    assert max(len(block["text"]["text"]) for block in blocks) <= 3000


def test_pagerduty_opens_and_resolves_one_incident(receiver: Receiver) -> None:
    sink = PagerDutySink(to(receiver), "key")
    breach = replace(notice(), thread="b" * 64)

    for kind in ("breach", "acknowledged", "recovery"):
        sink.send(replace(breach, kind=kind), NOON)

    bodies = [json.loads(request.body) for request in receiver.requests]
    ids = {"routing_key": "key", "dedup_key": "b" * 64}
    assert bodies[1:] == [
        {**ids, "event_action": "acknowledge"},
        {**ids, "event_action": "resolve"},
    ]
    assert bodies[0] == {
        **ids,
        "event_action": "trigger",
        "payload": {
            "summary": f"Promise broken: {PLAYS}",
            "source": PLAYS,
            "severity": "error",
            "timestamp": "2026-03-01T12:00:00+00:00",
            "component": "media_player/plays",
            "class": "breach",
            "custom_details": {
                "items": [f"{PLAYS} freshness: 2 h old (owner team:x, id aaaaaaaaaaaa)"],
                "count": 1,
                "notice_id": "n" * 32,
            },
        },
    }


@pytest.mark.parametrize("kind", ["refused", "failed", "budget", "unmet", "deprecated"])
def test_what_never_recovers_opens_no_incident_at_pagerduty(receiver: Receiver, kind: Kind) -> None:
    there = replace(to(receiver), target="/v2/enqueue")

    for one in (kind, "test"):
        PagerDutySink(there, "key").send(replace(notice(), kind=one), NOON)

    assert [request.path for request in receiver.requests] == ["/v2/change/enqueue", "/v2/enqueue"]
    change, test = (json.loads(request.body) for request in receiver.requests)
    assert (sorted(change), test["event_action"]) == (["payload", "routing_key"], "trigger")
    assert sorted(change["payload"]) == ["custom_details", "source", "summary", "timestamp"]


def test_no_sink_shows_its_secret() -> None:
    given = endpoint("https://example.com/services/T0/B0/secretpath", ALLOWED)

    shown = repr(
        [SlackSink(given), WebhookSink(given, (b"secretkey",)), PagerDutySink(given, "pd")]
    )

    assert "secret" not in shown
    assert "pd" not in shown


@pytest.mark.parametrize("secret", ["nope", "whsec_", "whsec_AAAA", "whsec_" + "A" * 99, "whsec_?"])
def test_a_secret_has_the_form_of_the_standard(secret: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        signing_key(secret)


@pytest.mark.parametrize("addresses", [[], ["no address"]])
def test_a_host_without_an_address_cannot_be_posted_to(addresses: list[str]) -> None:
    given = endpoint("https://example.com/x", ALLOWED)

    with pytest.raises(SendError) as caught:
        post(given, b"{}", {}, NOON, resolve=lambda *_: addresses)

    assert caught.value.reason == "has a host that has no address"
