"""Send OpenLineage events to a file, to HTTP or to the console, and never stop a run for it.

In:  events, and where they go, such as `file:/var/log/lineage.jsonl`, `https://lineage.example.com`
or `console`.
Out: lines of JSON, or requests. Nothing is tried again: what is not sent in time is lost.
"""

import os
import sys
import time
from collections.abc import Callable
from threading import Thread

from openlineage.client.event_v2 import RunEvent
from openlineage.client.serde import Serde
from openlineage.client.transport.http import HttpConfig, HttpTransport

LONGEST_SECONDS = 2.0
_KEY_VARIABLE = "OPENLINEAGE_API_KEY"
_FILE = "file:"


class Sink:
    """Sends the events of one step, in two seconds altogether; once it failed, none is sent."""

    def __init__(self, where: str, seconds: float = LONGEST_SECONDS) -> None:
        """Say where to, and how long it may take."""
        self._where = where
        self._left = seconds
        self.problem: str | None = None
        """Why an event was not sent."""

    def send(self, event: Callable[[], RunEvent]) -> None:
        """Make and send an event, or note the problem."""
        if self.problem is not None:
            return
        begun = time.monotonic()
        # A name that does not resolve, or a file system that hangs, heeds no timeout of a library.
        thread = Thread(target=self._sending, args=[event], daemon=True, name="mesh_openlineage")
        thread.start()
        thread.join(self._left)
        self._left -= time.monotonic() - begun
        if thread.is_alive():
            self.problem = "no answer in time"

    def _sending(self, event: Callable[[], RunEvent]) -> None:
        try:
            _sender(self._where)(event())
        except Exception as error:  # noqa: BLE001 - whatever stops it, the run goes on
            self.problem = type(error).__name__


def _sender(where: str) -> Callable[[RunEvent], None]:
    if where == "console":
        return _to_console
    if where.startswith(_FILE):
        return lambda event: _to_file(event, where.removeprefix(_FILE).removeprefix("//"))
    if where.startswith(("http://", "https://")):
        return _to_http(where)
    raise ValueError(where)


def _to_console(event: RunEvent) -> None:
    sys.stderr.write(f"{Serde.to_json(event)}\n")


def _to_file(event: RunEvent, path: str) -> None:
    # One write to the end of the file, so that the lines of several processes stay whole.
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    file = os.open(path, flags, 0o644)
    try:
        os.write(file, f"{Serde.to_json(event)}\n".encode())
    finally:
        os.close(file)


def _to_http(url: str) -> Callable[[RunEvent], None]:
    settings = {"url": url, "timeout": LONGEST_SECONDS, "retry": {"total": 0}}
    if key := os.environ.get(_KEY_VARIABLE):
        settings["auth"] = {"type": "api_key", "apiKey": key}
    transport = HttpTransport(HttpConfig.from_dict(settings))

    def emit(event: RunEvent) -> None:
        transport.emit(event)

    return emit
