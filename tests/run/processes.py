"""Run functions in other processes that start at once.

A fork server imports what the tests need and never computes anything, so that its forks are safe.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Event

from mesh_dagster.run.read import read
from mesh_dagster.run.store import ROOT_VARIABLE
from tests.run.scenario import torn

CONTEXT = get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.run.processes"])

Seen = tuple[int, list[str]]
"""How often a reader read, and the batches that it saw torn."""


def start(function: Callable[..., object], *arguments: object) -> ForkServerProcess:
    """Start a process on the mesh of this one."""
    given = (os.environ[ROOT_VARIABLE], function, arguments)
    process = CONTEXT.Process(target=_run, args=given, daemon=True)
    process.start()
    return process


@contextmanager
def readers(count: int, addresses: list[str]) -> Iterator[list[Seen]]:
    """Let processes read while the block runs; what they saw is in the list after it."""
    stop, seen = CONTEXT.Event(), CONTEXT.SimpleQueue()
    processes = [start(_read_on, addresses, stop, seen) for _ in range(count)]
    reports: list[Seen] = []
    yield reports
    stop.set()
    reports += [seen.get() for _ in processes]
    for process in processes:
        process.join()


def _run(root: str, function: Callable[..., object], arguments: tuple[object, ...]) -> None:
    os.environ[ROOT_VARIABLE] = root
    function(*arguments)


def _read_on(addresses: list[str], stop: Event, seen: "SimpleQueue[Seen]") -> None:
    reads: int = 0
    faults: list[str] = []
    while not stop.wait(0.02):  # leaves the processors to the writers between two reads
        for address in addresses:
            faults += torn(read(address).collect())
            reads += 1
    seen.put((reads, faults))
