"""Give up on notices that cannot be delivered, and tell another sink.

In:  a notice that just failed, how long it and its sink have been failing.
Out: dead letters, and one notice that carries what they said to the sink instead. Nothing is lost
as long as the log can be written.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from mesh_dagster.observe import outbox
from mesh_dagster.observe.notice import Item, Notice, from_json
from mesh_dagster.observe.routing import LOG, Routing
from mesh_dagster.observe.sink import SendError
from mesh_dagster.observe.telling import notice_id

PATIENCE = timedelta(hours=24)
"""How long a notice is tried before it is given up."""


def hopeless(
    connection: sa.Connection,
    notice: Notice,
    error: SendError,
    *,
    failing_since: datetime,
    sink_failing_since: datetime,
    now: datetime,
) -> list[Notice]:
    """Return the notices to give up after a failure, those that wait for them included.

    Args:
        connection: Of the transaction that notes the failure.
        notice: What could not be sent; it waits again.
        error: Why.
        failing_since: When this notice failed first.
        sink_failing_since: When its sink failed first since it last took something.
        now: Aware UTC.
    """
    old = now - PATIENCE
    # Unless the sink itself is given up, only what waits behind this very notice is looked at.
    threads = None if error.gone or sink_failing_since <= old else {notice.thread}
    rows = outbox.pending(connection, {notice.sink}, threads)
    waiting = [from_json(row["body"]) for row in rows]
    if error.gone:
        return waiting
    given_up = {
        one.notice_id
        for one in waiting
        if (sink_failing_since <= old and one.created_at <= old)
        or (one.notice_id == notice.notice_id and (error.permanent or failing_since <= old))
    }
    untold = {
        (one.thread, item.key) for one in waiting if one.notice_id in given_up for item in one.items
    }
    return [
        one
        for one in waiting
        if one.notice_id in given_up
        or (one.kind == "recovery" and untold >= {(one.thread, item.key) for item in one.items})
    ]


def give_up(
    connection: sa.Connection,
    notices: Sequence[Notice],
    routing: Routing,
    now: datetime,
    *,
    reason: str,
) -> Notice:
    """End notices of one sink as dead letters, and write what they said for another sink."""
    sink = notices[0].sink
    outbox.end(connection, [one.notice_id for one in notices], "dead", now)
    lost_itself = any(one.kind == "dead_letter" for one in notices)
    other = LOG if lost_itself else routing.instead_of(sink)
    thread = f"sink {sink}"
    # A letter that is lost itself goes on naming the sinks that lost it before.
    remarks = dict.fromkeys(one.remark for one in notices if one.kind == "dead_letter")
    said = f"Sink '{sink}' {reason}; {len(notices)} of its notices stand here instead."
    letter = Notice(
        notice_id=notice_id("dead_letter", other, thread, [one.notice_id for one in notices]),
        sink=other,
        kind="dead_letter",
        product_key=notices[0].product_key,
        thread=thread,
        items=tuple(_item(one, item) for one in notices for item in one.items),
        created_at=now,
        remark=" ".join((said, *remarks)),
    )
    outbox.put(connection, [letter])
    outbox.note_told(connection, [replace(letter, items=_still_open(notices))])
    return letter


def _item(notice: Notice, item: Item) -> Item:
    return replace(item, text=f"({notice.kind}) {item.text}")


def _still_open(notices: Sequence[Notice]) -> tuple[Item, ...]:
    """Return the breaches whose recovery is still to come, and has to be told there too."""
    over = {item.key for one in notices if one.kind == "recovery" for item in one.items}
    told = (one for one in notices if one.kind in ("breach", "escalation", "dead_letter"))
    items = {item.key: item for one in told for item in one.items}
    return tuple(item for key, item in items.items() if key not in over)
