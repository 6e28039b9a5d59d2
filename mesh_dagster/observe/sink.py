"""Say what a sink is, and in which ways it can fail.

In:  nothing.
Out: the interface that every sink has, an attempt to send by it, the error that tells the delivery
loop what to do next.
"""

from datetime import datetime, timedelta
from typing import Protocol

from mesh_dagster.observe.notice import Notice


class Sink(Protocol):
    """Where notices go."""

    @property
    def pager(self) -> bool:
        """Whether it keeps incidents, opened and resolved under one key."""

    def send(self, notice: Notice, now: datetime) -> None:
        """Send a notice; returning says that it arrived.

        Raises:
            SendError: It did not, or may not have.
        """


class SendError(Exception):
    """A notice was not sent, as far as is known.

    Args:
        reason: A clause after the sink's name, such as "answered 500"; never a secret.
        permanent: Whether sending the same again is useless.
        gone: Whether the receiver wants nothing from us ever again.
        uncertain: Whether the notice may have arrived nevertheless.
        retry_after: How long the receiver asks us to wait.
    """

    def __init__(
        self,
        reason: str,
        *,
        permanent: bool = False,
        gone: bool = False,
        uncertain: bool = False,
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.permanent = permanent or gone
        self.gone = gone
        self.uncertain = uncertain
        self.retry_after = retry_after


def attempt(sink: Sink, notice: Notice, now: datetime) -> None:
    """Send a notice; whatever else a sink raises is a failure like any other.

    Else one sink that breaks down would stop the notices of all.

    Raises:
        SendError: The notice was not sent, or may not have been.
    """
    try:
        sink.send(notice, now)
    except SendError:
        raise
    except Exception as error:  # what SMTP, TLS and 180 plugins raise is not known
        raise SendError(f"broke down with {type(error).__name__}", uncertain=True) from error
