"""Try a sink out.

In:  the name of a sink.
Out: a test notice, sent at once; one that arrives makes a stopped sink usable again.
"""

from datetime import datetime

from mesh_dagster.errors import SinkFailedError, UnknownSinkError
from mesh_dagster.observe import outbox
from mesh_dagster.observe.ledger import METADATA
from mesh_dagster.observe.notice import Item, Notice
from mesh_dagster.observe.settings import Settings
from mesh_dagster.observe.sink import SendError, attempt
from mesh_dagster.observe.telling import notice_id
from mesh_dagster.run.registry import Registry

_ADDRESS = "mesh://mesh/alerts/v1/test"
_THREAD = "mesh/alerts"


def try_sink(registry: Registry, settings: Settings, sink: str, now: datetime) -> Notice:
    """Send a test notice.

    Raises:
        UnknownSinkError: No sink has the name.
        SinkFailedError: The notice did not arrive.
    """
    if sink not in settings.sinks:
        raise UnknownSinkError(sink, settings.sinks)
    item = Item(
        key=notice_id("test", sink, _THREAD, [now.isoformat()]),
        address=_ADDRESS,
        product_key=_THREAD,
        owner="platform",
        subject="test",
        since=now,
        text="is a test; nothing is broken",
    )
    notice = Notice(item.key, sink, "test", _THREAD, item.key, (item,), now)
    try:
        attempt(settings.sinks[sink], notice, now)
    except SendError as error:
        raise SinkFailedError(sink, error.reason) from error
    registry.make(METADATA)
    with registry.begin() as connection:
        outbox.close_circuit(connection, sink)
    return notice
