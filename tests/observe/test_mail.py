import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from mesh_dagster.observe import mail
from mesh_dagster.observe.mail import MailSink
from mesh_dagster.observe.sink import SendError
from tests.observe.receiver import certificate_for
from tests.observe.scenario import NOON, PLAYS, notice


class Inbox:
    """What a mail server on this machine took, and what it answers."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.recipients: list[list[str]] = []
        self.secure: list[bool] = []
        self.answer = "250 OK"

    async def handle_DATA(  # noqa: N802 - aiosmtpd looks for this name
        self, _server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        if self.answer.startswith("250"):
            content = envelope.content if isinstance(envelope.content, bytes) else b""
            self.mails.append(
                message_from_bytes(content, _class=EmailMessage, policy=policy.default)
            )
            self.recipients.append(list(envelope.rcpt_tos))
            self.secure.append(session.ssl is not None)
        return self.answer


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def plain(inbox: Inbox) -> Iterator[MailSink]:
    controller = Controller(inbox, hostname="127.0.0.1", port=free_port())
    controller.start()
    yield sink(controller, tls="none")
    controller.stop()


def sink(controller: Controller, **options: Any) -> MailSink:
    given = MailSink(
        host="127.0.0.1",
        port=controller.port,
        sender="mesh@example.com",
        recipients=("a@example.com", "b@example.com"),
    )
    return replace(given, **options)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def dripping() -> Iterator[int]:
    """Run a server whose greeting never ends; return its port."""
    over = threading.Event()

    def drip(server: socket.socket) -> None:
        client, _ = server.accept()
        with client, suppress(OSError):
            while not over.wait(0.1):
                client.send(b"220-not yet\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=drip, args=[server])
        thread.start()
        yield int(server.getsockname()[1])
        over.set()
        thread.join()


def test_a_mail_says_what_happened_to_everybody(inbox: Inbox, plain: MailSink) -> None:
    plain.send(notice(), NOON)

    mail = inbox.mails[0]
    assert inbox.recipients == [["a@example.com", "b@example.com"]]
    assert mail["Subject"] == f"[mesh] Promise broken: {PLAYS}"
    assert mail["Message-ID"] == f"<{'n' * 32}@mesh-dagster.invalid>"
    assert mail["References"] == "<media-player-plays@mesh-dagster.invalid>"
    assert mail["Date"] == "Sun, 01 Mar 2026 12:00:00 +0000"
    assert mail.get_content().splitlines() == [
        f"Promise broken: {PLAYS}",
        f"{PLAYS} freshness: 2 h old (owner team:x, id aaaaaaaaaaaa)",
    ]


@pytest.mark.parametrize(
    ("answer", "reason", "permanent"),
    [
        ("451 later", "answered 451", False),
        ("554 never", "answered 554", True),
    ],
)
def test_a_mail_that_is_refused_says_whether_to_try_again(
    inbox: Inbox, plain: MailSink, answer: str, reason: str, *, permanent: bool
) -> None:
    inbox.answer = answer

    with pytest.raises(SendError) as caught:
        plain.send(notice(), NOON)

    assert (caught.value.reason, caught.value.permanent) == (reason, permanent)


def test_a_server_that_is_not_there_cannot_be_reached(inbox: Inbox) -> None:
    controller = Controller(inbox, hostname="127.0.0.1", port=free_port())
    controller.start()
    given = sink(controller, tls="none")
    controller.stop()

    with pytest.raises(SendError) as caught:
        given.send(notice(), NOON)

    assert (caught.value.reason, caught.value.uncertain) == ("cannot be reached", False)


def test_a_server_that_drips_is_not_listened_to_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "LONGEST_SECONDS", 0.5)
    started = time.monotonic()

    with dripping() as port, pytest.raises(SendError) as caught:
        MailSink("127.0.0.1", port, "a@b.c", ("a@b.c",), tls="none").send(notice(), NOON)

    assert (caught.value.reason, caught.value.uncertain) == ("cannot be reached", False)
    assert time.monotonic() - started < 4


def test_a_login_that_smtp_cannot_carry_is_a_failure_to_try_again(inbox: Inbox) -> None:
    controller = Controller(inbox, hostname="127.0.0.1", port=free_port(), auth_require_tls=False)
    controller.start()
    given = sink(controller, tls="none", user="mesh", password="grün")  # noqa: S106 - for a test

    with pytest.raises(SendError) as caught:
        given.send(notice(), NOON)
    controller.stop()

    assert caught.value.reason == "offers no TLS or login that can be used"
    assert not caught.value.permanent


def test_a_server_without_tls_gets_no_mail(inbox: Inbox) -> None:
    controller = Controller(inbox, hostname="127.0.0.1", port=free_port())
    controller.start()

    with pytest.raises(SendError) as caught:
        sink(controller, tls="starttls").send(notice(), NOON)
    controller.stop()

    assert caught.value.reason == "offers no TLS or login that can be used"
    assert inbox.mails == []


def test_mail_and_password_travel_under_tls(inbox: Inbox, tmp_path: Path) -> None:
    certificate = certificate_for("localhost", tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    logins = []

    def allow(
        _s: object, _session: object, _e: object, _mechanism: str, data: object
    ) -> AuthResult:
        logins.append((data.login, data.password))  # type: ignore[attr-defined]
        return AuthResult(success=True)

    controller = Controller(
        inbox,
        hostname="127.0.0.1",
        port=free_port(),
        tls_context=context,
        require_starttls=True,
        authenticator=allow,
        auth_required=True,
    )
    controller.start()
    options = {"host": "localhost", "user": "mesh", "password": "pw", "ca_file": str(certificate)}
    sink(controller, **options).send(notice(), NOON)
    controller.stop()

    assert inbox.secure == [True]
    assert logins == [(b"mesh", b"pw")]
    assert "pw" not in repr(sink(controller, **options))
