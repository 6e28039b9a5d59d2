"""A mesh as it runs: Dagster's daemon, a receiver and a mail server on this machine.

It takes some three minutes, so it runs only where MESH_LIVE is set.
"""

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller

from tests.observe.receiver import Receiver, receiving
from tests.observe.test_mail import Inbox, free_port

PORT = "mesh://shop/orders/v1/rows"
PROMISE_SECONDS, TICK_SECONDS, SLACK_SECONDS = 60, 30, 10
DEFINITIONS = """
from datetime import timedelta

import mesh_dagster as md
import pandera.polars as pa
import polars as pl


class Order(pa.DataFrameModel):
    order_id: int


orders = md.DataProduct(
    domain="shop", name="orders", owner="team:shop", alignment="source", purpose="Orders."
)


@orders.port(
    contract=Order, freshness=md.Freshness(within=timedelta(minutes=1), alert=["hook", "mail"])
)
def rows() -> pl.LazyFrame:
    return pl.LazyFrame({"order_id": [1, 2]})


defs = md.definitions(orders)
"""
SETTINGS = """
allow_loopback: true
sinks:
  hook: {{type: webhook, url: http://127.0.0.1:{hook}/alerts, secret: env:HOOK_SECRET}}
  mail:
    type: smtp
    host: 127.0.0.1
    port: {mail}
    tls: none
    from: mesh@example.com
    to: [ops@example.com]
"""


@pytest.mark.timeout(400)
@pytest.mark.skipif("MESH_LIVE" not in os.environ, reason="Set MESH_LIVE to wait for it.")
def test_a_port_that_goes_stale_is_told_once_and_so_is_its_recovery(
    tmp_path: Path, mesh_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOOK_SECRET", "whsec_" + base64.b64encode(bytes(32)).decode())
    Path("shop.py").write_text(DEFINITIONS, encoding="utf-8")
    Path("workspace.yaml").write_text(
        "load_from:\n  - python_file: {relative_path: shop.py, location_name: shop}\n",
        encoding="utf-8",
    )
    inbox = Inbox()
    mails = Controller(inbox, hostname="127.0.0.1", port=free_port())
    mails.start()
    with receiving() as hook:
        mesh_root.mkdir(exist_ok=True)
        settings = SETTINGS.format(hook=hook.port, mail=mails.port)
        (mesh_root / "alerts.yaml").write_text(settings, encoding="utf-8")
        publish()
        published = time.monotonic()
        with daemon():
            within(
                PROMISE_SECONDS + TICK_SECONDS + SLACK_SECONDS - (time.monotonic() - published),
                lambda: kinds(hook) == ["breach"] and len(inbox.mails) == 1,
            )
            time.sleep(TICK_SECONDS + SLACK_SECONDS)
            assert (kinds(hook), len(inbox.mails)) == (["breach"], 1)
            publish()
            within(
                TICK_SECONDS + SLACK_SECONDS,
                lambda: kinds(hook) == ["breach", "recovery"] and len(inbox.mails) == 2,
            )
    mails.stop()
    assert PORT in str(inbox.mails[0]["Subject"])


def publish() -> None:
    command = [str(Path(sys.executable).with_name("mesh")), "run", "shop"]
    subprocess.run(command, check=True, capture_output=True)


@contextmanager
def daemon() -> Iterator[None]:
    """Run Dagster as people do, until the sensor is there; end it with all its children."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).with_name("dagster")), "dev", "-w", "workspace.yaml"]
    process = subprocess.Popen(
        [*command, "-h", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def within(seconds: float, holds: Callable[[], bool]) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "too late"
        time.sleep(0.2)


def kinds(hook: Receiver) -> list[str]:
    """Return the kind of each event that the receiver was sent."""
    events = [json.loads(request.body) for request in hook.requests]
    return [event["type"].rpartition(".")[2] for event in events]
