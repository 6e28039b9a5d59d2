"""Send notices by e-mail.

In:  notices.
Out: messages that an inbox shows as one thread for each product; the same notice has the same
Message-ID however often it is sent.

Source:
    RFC 5322, RFC 8314 for the ways to TLS.
"""

import smtplib
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import ClassVar, Literal

from mesh_dagster.observe.hanging_up import closed_in_time
from mesh_dagster.observe.notice import Notice
from mesh_dagster.observe.sink import SendError

Tls = Literal["starttls", "implicit", "none"]
TIMEOUT_SECONDS = 5.0
LONGEST_SECONDS = 20.0
"""A mail takes no longer, however slowly the server speaks."""
_READY = 220
_PERMANENT = range(500, 600)
_LOGIN_FAILURES = range(530, 540)
"""Whoever runs the sink can repair these, so they are tried again."""


@dataclass(frozen=True)
class MailSink:
    """A mail server and the people behind it."""

    host: str
    port: int
    sender: str
    recipients: tuple[str, ...]
    tls: Tls = "starttls"
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: str | None = None
    pager: ClassVar[bool] = False

    def send(self, notice: Notice, now: datetime) -> None:
        """Send the message; recipients that the server refuses are no reason to send again."""
        message = _message(self, notice, now)
        raw = _connected(self)
        server = smtplib.SMTP(local_hostname=socket.gethostname())
        with closed_in_time(raw, LONGEST_SECONDS):
            try:
                _greet(server, self, raw)
                _log_in(server, self)
                server.send_message(message)
            except smtplib.SMTPRecipientsRefused as error:
                codes = [code for code, _ in error.recipients.values()]
                refused = all(code in _PERMANENT for code in codes)
                raise SendError("refused every recipient", permanent=refused) from error
            except smtplib.SMTPResponseException as error:
                raise _answered(error) from error
            except (smtplib.SMTPException, OSError, ValueError) as error:
                raise SendError("broke off", uncertain=True) from error
            finally:
                with suppress(smtplib.SMTPException, OSError):
                    server.quit()


def _connected(sink: MailSink) -> socket.socket:
    try:
        return socket.create_connection((sink.host, sink.port), TIMEOUT_SECONDS)
    except (OSError, ValueError) as error:
        raise SendError("cannot be reached") from error


def _greet(server: smtplib.SMTP, sink: MailSink, raw: socket.socket) -> None:
    """Begin on a connection made here, so that what the server may take is limited from then on."""
    server.sock = raw
    try:
        if sink.tls == "implicit":
            server.sock = _context(sink).wrap_socket(raw, server_hostname=sink.host)
        code, text = server.getreply()
    except (smtplib.SMTPException, OSError, ValueError) as error:
        raise SendError("cannot be reached") from error
    if code != _READY:
        raise smtplib.SMTPConnectError(code, text)


def _log_in(server: smtplib.SMTP, sink: MailSink) -> None:
    try:
        if sink.tls == "starttls":
            # The name that the certificate has to bear; `connect` would note it.
            server._host = sink.host  # type: ignore[attr-defined]  # noqa: SLF001
            server.starttls(context=_context(sink))
        if sink.user is not None:
            server.login(sink.user, sink.password or "")
    except smtplib.SMTPResponseException:
        raise
    except (smtplib.SMTPException, OSError, ValueError) as error:
        raise SendError("offers no TLS or login that can be used") from error


def _context(sink: MailSink) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=sink.ca_file)


def _answered(error: smtplib.SMTPResponseException) -> SendError:
    code = error.smtp_code
    permanent = code in _PERMANENT and code not in _LOGIN_FAILURES
    return SendError(f"answered {code}", permanent=permanent)


def _message(sink: MailSink, notice: Notice, now: datetime) -> EmailMessage:
    message = EmailMessage()
    message["From"] = sink.sender
    message["To"] = ", ".join(sink.recipients)
    message["Subject"] = f"[mesh] {' '.join(notice.title.split())}"
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<{notice.notice_id}@mesh-dagster.invalid>"
    thread = "".join(c if c.isalnum() else "-" for c in notice.thread)
    message["References"] = f"<{thread}@mesh-dagster.invalid>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(f"{notice.text}\n")
    return message
