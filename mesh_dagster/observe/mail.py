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

from mesh_dagster.observe.notice import Notice
from mesh_dagster.observe.sink import SendError

Tls = Literal["starttls", "implicit", "none"]
TIMEOUT_SECONDS = 5.0
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
        server = _opened(self)
        try:
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


def _opened(sink: MailSink) -> smtplib.SMTP:
    context = ssl.create_default_context(cafile=sink.ca_file)
    name = socket.gethostname()
    try:
        server = (
            smtplib.SMTP_SSL(sink.host, sink.port, name, timeout=TIMEOUT_SECONDS, context=context)
            if sink.tls == "implicit"
            else smtplib.SMTP(sink.host, sink.port, name, timeout=TIMEOUT_SECONDS)
        )
    except (smtplib.SMTPException, OSError) as error:
        raise SendError("cannot be reached") from error
    try:
        if sink.tls == "starttls":
            server.starttls(context=context)
        if sink.user is not None:
            server.login(sink.user, sink.password or "")
    except smtplib.SMTPResponseException as error:
        server.close()
        raise _answered(error) from error
    except (smtplib.SMTPException, OSError) as error:
        server.close()
        raise SendError("offers no TLS or login that can be used") from error
    return server


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
