"""Send notices by HTTP: to a signed webhook, to Slack and its likes, to PagerDuty.

In:  notices.
Out: requests in the form that each receiver wants. How they travel safely lies in `post.py`.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import ClassVar, get_args

from mesh_dagster.observe.cloudevent import CONTENT_TYPE, cloud_event, compact
from mesh_dagster.observe.notice import Event, Kind, Notice
from mesh_dagster.observe.post import Endpoint, post

SECRET_PREFIX = "whsec_"  # noqa: S105 - the mark of a secret, not one
PAGERDUTY_URL = "https://events.pagerduty.com/v2/enqueue"
PAGERDUTY_HOSTS = ("events.pagerduty.com", "events.eu.pagerduty.com")
_JSON_TYPE = {"Content-Type": "application/json"}
_LONGEST_SLACK = 2900
"""A section of Slack takes 3000 characters."""
_LONGEST_SUMMARY = 1024
_NEVER_RECOVERS: tuple[Kind, ...] = tuple(kind for kind in get_args(Event) if kind != "test")
"""A test shall show that the pager rings."""
_MOST_DETAILS = 50
_ACTIONS: Mapping[Kind, str] = {"recovery": "resolve", "acknowledged": "acknowledge"}
_ENQUEUE, _CHANGE = "/enqueue", "/change/enqueue"


@dataclass(frozen=True)
class WebhookSink:
    """A receiver of CloudEvents, signed so that it can tell them from forged ones.

    Source:
        Standard Webhooks 1.0, symmetric signatures.
    """

    to: Endpoint
    keys: tuple[bytes, ...] = field(repr=False)
    """One, or two while a secret is replaced by another."""
    pager: ClassVar[bool] = False

    def send(self, notice: Notice, now: datetime) -> None:
        """Post the event."""
        body = compact(cloud_event(notice))
        stamp = str(int(now.timestamp()))
        headers = {
            "Content-Type": CONTENT_TYPE,
            "webhook-id": notice.notice_id,
            "webhook-timestamp": stamp,
            "webhook-signature": " ".join(
                signature(key, notice.notice_id, stamp, body) for key in self.keys
            ),
        }
        post(self.to, body, headers, now)


@dataclass(frozen=True)
class SlackSink:
    """A channel of Slack, or of whatever takes the same JSON; its URL is a secret."""

    to: Endpoint
    pager: ClassVar[bool] = False

    def send(self, notice: Notice, now: datetime) -> None:
        """Post the message."""
        post(self.to, compact(_slack(notice)), _JSON_TYPE, now)


@dataclass(frozen=True)
class PagerDutySink:
    """A service of PagerDuty; each thread is one incident.

    What never recovers is a change event, which wakes nobody and waits for nobody to resolve it.

    Source:
        PagerDuty Events API v2, and its change events.
    """

    to: Endpoint
    """Where alert events go; its path ends in `/enqueue`."""
    routing_key: str = field(repr=False)
    pager: ClassVar[bool] = True

    def send(self, notice: Notice, now: datetime) -> None:
        """Trigger, acknowledge or resolve an incident, or note a change."""
        to = self.to
        if notice.kind in _NEVER_RECOVERS:
            to = replace(to, target=f"{to.target.removesuffix(_ENQUEUE)}{_CHANGE}")
        post(to, compact(_pagerduty(notice, self.routing_key)), _JSON_TYPE, now)


def signing_key(secret: str) -> bytes:
    """Read a secret of the form `whsec_` and 24 to 64 bytes in base64.

    Raises:
        ValueError: It is none.
    """
    if not secret.startswith(SECRET_PREFIX):
        raise ValueError(SECRET_PREFIX)
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    if not 24 <= len(key) <= 64:  # noqa: PLR2004 - the bounds of the standard
        raise ValueError(len(key))
    return key


def signature(key: bytes, message_id: str, stamp: str, body: bytes) -> str:
    """Sign a message."""
    signed = f"{message_id}.{stamp}.".encode() + body
    return f"v1,{base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()}"


def _slack(notice: Notice) -> dict[str, object]:
    title = _escaped(notice.title)
    text = "\n".join(f"• {_escaped(line)}" for line in notice.lines)
    if len(text) > _LONGEST_SLACK:
        text = f"{text[:_LONGEST_SLACK]}..."
    blocks = [
        {"type": "section", "text": {"type": "mrkdwn", "text": given}}
        for given in (f"*{title}*", text)
        if given
    ]
    return {"text": title, "blocks": blocks}


def _escaped(text: str) -> str:
    """Escape what Slack would read as a link or a mention."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _pagerduty(notice: Notice, routing_key: str) -> dict[str, object]:
    event: dict[str, object] = {"routing_key": routing_key}
    if notice.kind not in _NEVER_RECOVERS:
        action = _ACTIONS.get(notice.kind, "trigger")
        event |= {"event_action": action, "dedup_key": notice.thread}
    if notice.kind in _ACTIONS:
        return event
    details: dict[str, object] = {
        "items": [item.line for item in notice.items[:_MOST_DETAILS]],
        "count": len(notice.items),
        "notice_id": notice.notice_id,
    }
    if notice.remark:
        details["remark"] = notice.remark
    payload: dict[str, object] = {
        "summary": notice.title[:_LONGEST_SUMMARY],
        "source": notice.items[0].address if notice.items else notice.product_key,
        "timestamp": notice.created_at.isoformat(),
        "custom_details": details,
    }
    if notice.kind in _NEVER_RECOVERS:
        details["class"] = notice.kind
    else:
        payload |= {"severity": "error", "component": notice.product_key, "class": notice.kind}
    return event | {"payload": payload}
