"""Write a notice as a CloudEvent, for machines.

In:  a notice.
Out: JSON. The id of the event is the notice's, so that a receiver can drop a duplicate.

Source:
    CloudEvents 1.0, JSON event format, structured mode.
"""

import json
from dataclasses import asdict

from mesh_dagster.observe.notice import Notice

CONTENT_TYPE = "application/cloudevents+json"
_TYPES = "mesh_dagster.alert"


def cloud_event(notice: Notice) -> dict[str, object]:
    """Return a notice as a CloudEvent."""
    items = [{**asdict(item), "since": item.since.isoformat()} for item in notice.items]
    return {
        "specversion": "1.0",
        "id": notice.notice_id,
        "source": f"mesh://{notice.product_key}",
        "type": f"{_TYPES}.{notice.kind}",
        "subject": notice.items[0].address if notice.items else notice.product_key,
        "time": notice.created_at.isoformat(),
        "datacontenttype": "application/json",
        "data": {
            "kind": notice.kind,
            "title": notice.title,
            "product": notice.product_key,
            "thread": notice.thread,
            "items": items,
            "remark": notice.remark,
        },
    }


def compact(value: object) -> bytes:
    """Write JSON without blanks, as UTF-8."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
