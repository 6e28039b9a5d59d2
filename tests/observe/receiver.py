"""A real HTTP receiver on this machine, and certificates for it."""

import shutil
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest


@dataclass
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """What the receiver answers, and what it was sent."""

    port: int = 0
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"ok"
    pause: float = 0.0
    """Seconds before each byte of the body."""
    silence: float = 0.0
    """Seconds before the answer."""
    requests: list[Received] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)
    """The server names that TLS clients asked for."""


@contextmanager
def receiving(certificate: Path | None = None) -> Iterator[Receiver]:
    """Run a receiver, with TLS if there is a certificate."""
    state = Receiver()
    server = _Server(("127.0.0.1", 0), _handler(state))
    state.port = server.server_address[1]
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        context.sni_callback = lambda _s, name, _c: state.names.append(name)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        return


def _handler(state: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            state.requests.append(Received(self.path, dict(self.headers), body))
            time.sleep(state.silence)
            self.send_response(state.status)
            for name, value in state.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(state.body)))
            self.end_headers()
            for byte in state.body if state.pause else ():
                time.sleep(state.pause)
                try:
                    self.wfile.write(bytes([byte]))
                except OSError:
                    return
            if not state.pause:
                self.wfile.write(state.body)

        def log_message(self, *_: object) -> None:
            return

    return Handler


def certificate_for(name: str, folder: Path) -> Path:
    """Make a certificate that trusts itself, with its key in the same file."""
    if shutil.which("openssl") is None:
        pytest.skip("No openssl here, so no certificate can be made.")
    key, made, both = folder / "key.pem", folder / "made.pem", folder / f"{name}.pem"
    form = ["req", "-x509", "-nodes", "-days", "2", "-newkey", "ec"]
    curve = ["-pkeyopt", "ec_paramgen_curve:prime256v1"]
    whom = ["-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"]
    where = ["-keyout", str(key), "-out", str(made)]
    subprocess.run(["openssl", *form, *curve, *whom, *where], check=True, capture_output=True)
    both.write_text(key.read_text("utf-8") + made.read_text("utf-8"), encoding="utf-8")
    return both
