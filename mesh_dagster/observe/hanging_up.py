"""Hang up on receivers that keep a connection open without end.

In:  a socket, how long it may take.
Out: nothing; whoever reads from the socket afterwards finds it closed.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def closed_in_time(sock: socket.socket, seconds: float) -> Iterator[None]:
    """Hang up after a while; else a byte now and then would outlive the timeout of each read."""
    guard = sock.dup()
    limit = threading.Timer(seconds, _hang_up, [guard])
    limit.start()
    try:
        yield
    finally:
        limit.cancel()
        limit.join()
        guard.close()
        sock.close()


def _hang_up(sock: socket.socket) -> None:
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the other side was first
