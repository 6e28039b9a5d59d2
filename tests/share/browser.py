"""Drive a headless Chromium over its own protocol, with the standard library alone."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import IO, Any

PROGRAM = next(
    (found for name in ("chromium", "google-chrome") if (found := shutil.which(name))), ""
)
Json = dict[str, Any]  # Any: JSON


@dataclass
class Browser:
    """One page of a browser."""

    out: IO[bytes]
    back: IO[bytes]
    numbers: "count[int]"
    session: str | None = None

    def send(self, method: str, **parameters: object) -> Json:
        """Ask the browser for something, and wait for its answer."""
        number = next(self.numbers)
        asked: Json = {"id": number, "method": method, "params": parameters}
        if self.session:
            asked["sessionId"] = self.session
        self.out.write(json.dumps(asked).encode() + b"\0")
        self.out.flush()
        answer = self._until(lambda told: told.get("id") == number)
        assert "error" not in answer, answer["error"]
        result: Json = answer["result"]
        return result

    def open(self, url: str) -> None:
        """Open a page, and wait until it is loaded."""
        self.send("Page.navigate", url=url)
        self.loaded()

    def loaded(self) -> None:
        """Wait until the next page is loaded."""
        self._until(lambda told: told.get("method") == "Page.loadEventFired")

    def value(self, expression: str) -> Any:  # noqa: ANN401 - JSON
        """Evaluate an expression in the page."""
        found = self.send(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def click(self, selector: str) -> None:
        """Click in the middle of an element as a mouse does, and wait for the page behind it."""
        x, y = self.value(
            f"(e => {{ e.scrollIntoView({{block: 'center', inline: 'center'}});"
            " const b = e.getBoundingClientRect();"
            " return [b.x + b.width / 2, b.y + b.height / 2]; })"
            f"(document.querySelector({json.dumps(selector)}))"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
        self.loaded()

    def _until(self, wanted: Callable[[Json], bool]) -> Json:
        while True:
            told: Json = json.loads(self._message())
            if wanted(told):
                return told

    def _message(self) -> bytes:
        read = b""
        while not read.endswith(b"\0"):
            one = self.back.read(1)
            assert one, "The browser ended."
            read += one
        return read[:-1]


@contextmanager
def browser(profile: Path, *arguments: str) -> Iterator[Browser]:
    """Start a browser that is thrown away afterwards."""
    to_read, to_write = os.pipe()
    back_read, back_write = os.pipe()
    # The browser reads its orders from the third file and answers to the fourth.
    script = f'exec "$@" 3<&{to_read} 4>&{back_write}'
    command = ["bash", "-c", script, "bash", PROGRAM, "--headless=new", "--no-sandbox"]
    command += ["--remote-debugging-pipe", "--disable-gpu", "--no-first-run", "--disable-sync"]
    command += ["--disable-background-networking", "--disable-component-update", *arguments]
    command += [f"--user-data-dir={profile}", "about:blank"]
    process = subprocess.Popen(
        command,
        pass_fds=(to_read, back_write),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(to_read)
    os.close(back_write)
    with os.fdopen(to_write, "wb") as out, os.fdopen(back_read, "rb") as back:
        page = Browser(out, back, count(1))
        target = page.send("Target.createTarget", url="about:blank")["targetId"]
        attached = page.send("Target.attachToTarget", targetId=target, flatten=True)
        page.session = attached["sessionId"]
        page.send("Page.enable")
        try:
            yield page
        finally:
            process.kill()
            process.wait()
