"""Send notices to places that need no network: the log and a file; and through apprise.

In:  notices.
Out: a line for each in the log or the file; a message in whatever apprise reaches.
"""

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

from mesh_dagster.observe.cloudevent import cloud_event, compact
from mesh_dagster.observe.notice import Kind, Notice
from mesh_dagster.observe.sink import SendError

LOGGER = "mesh_dagster.alerts"
_LEVELS: Mapping[Kind, int] = {
    "recovery": logging.INFO,
    "acknowledged": logging.INFO,
    "deprecated": logging.INFO,
    "test": logging.INFO,
}
_LINE_END = b"\n"


@dataclass(frozen=True)
class LogSink:
    """The log of the process that delivers."""

    pager: ClassVar[bool] = False

    def send(self, notice: Notice, now: datetime) -> None:
        """Write one record."""
        del now
        level = _LEVELS.get(notice.kind, logging.WARNING)
        text = " | ".join((notice.title, *notice.lines))
        logging.getLogger(LOGGER).log(level, "%s [%s]", text, notice.notice_id)


@dataclass(frozen=True)
class UnableSink:
    """A sink whose settings cannot work; what it is sent waits until they do."""

    pager: ClassVar[bool] = False

    def send(self, notice: Notice, now: datetime) -> None:
        """Send nothing."""
        del notice, now
        raise SendError("has settings that cannot work")


@dataclass(frozen=True)
class FileSink:
    """A file of CloudEvents, one a line; only its owner may read it."""

    path: Path
    pager: ClassVar[bool] = False

    def send(self, notice: Notice, now: datetime) -> None:
        """Append one line, in one write that has reached the disk."""
        del now
        line = compact(cloud_event(notice)) + _LINE_END
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                torn = _ends_within_a_line(file)
                written = os.write(file, _LINE_END + line if torn else line)
                os.fsync(file)
            finally:
                os.close(file)
        except OSError as error:
            reason = f"cannot write its file: {os.strerror(error.errno or 0)}"
            raise SendError(reason, uncertain=True) from error
        if written < len(line):
            raise SendError("could write a part of a line only")


@dataclass(frozen=True)
class AppriseSink:
    """Whatever the library apprise reaches; its URL is a secret.

    The rules of `post.py` do not bind what apprise sends, so its URLs come from the operator alone.
    """

    url: str = field(repr=False)
    pager: ClassVar[bool] = False

    def send(self, notice: Notice, now: datetime) -> None:
        """Hand the message to apprise, which tries once."""
        del now
        apprise: Any = import_module("apprise")  # Any: it may be absent, and has no types
        service = apprise.Apprise()
        if not service.add(self.url):
            raise SendError("has a url that apprise does not know", permanent=True)
        if not service.notify(title=notice.title, body="\n".join(notice.lines) or " "):
            raise SendError("was not reached by apprise", uncertain=True)


def _ends_within_a_line(file: int) -> bool:
    """Say whether a writer was killed, or the disk full, within the last line."""
    size = os.fstat(file).st_size
    return size > 0 and os.pread(file, 1, size - 1) != _LINE_END
