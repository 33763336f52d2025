"""A page in a headless Chromium, over the protocol of its own developer tools.

A page is waited for until it says what it should: Chromium's own `--screenshot` waits for a time.
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import httpx
from websockets.sync.client import connect
from websockets.sync.connection import Connection

from services.processes import reaped

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
    *("--no-first-run", "--remote-debugging-port=0", "--remote-allow-origins=*"),
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
"""Without a network."""
BEFORE = "try { localStorage.setItem('mlflow.assistant.panelOpen_v1', 'false'); \
localStorage.setItem('mlflow.assistant.fab.autoOpenedOnFirstLoad_v1', 'true'); } catch {}"
"""Run before each page: MLflow's assistant stays closed."""


def program() -> str | None:
    """The browser that is installed here."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


class Page:
    """One tab."""

    def __init__(self, socket: Connection) -> None:
        self._socket = socket
        self._numbers = count(1)

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """A command of the protocol, and its result.

        Raises:
            RuntimeError: the browser refuses it.
        """
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while (said := json.loads(self._socket.recv(timeout=120))).get("id") != number:
            pass  # an event
        if "error" in said:
            raise RuntimeError(f"{method}: {said['error']}")
        return dict(said["result"])

    def open(self, url: str, width: int, height: int) -> None:
        """Go there, in a window of that size."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.call("Page.enable")
        self.call("Emulation.setDeviceMetricsOverride", **size)
        self.call("Page.addScriptToEvaluateOnNewDocument", source=BEFORE)
        self.call("Page.navigate", url=url)

    def evaluate(self, script: str) -> Any:
        """What an expression of JavaScript is."""
        return self.call("Runtime.evaluate", expression=script)["result"].get("value")

    def resolve(self, script: str) -> Any:
        """What a promise in JavaScript resolves to.

        Raises:
            RuntimeError: the promise is rejected.
        """
        wait = {"awaitPromise": True, "returnByValue": True}
        said = self.call("Runtime.evaluate", expression=script, **wait)
        if "exceptionDetails" in said:
            raise RuntimeError(said["exceptionDetails"])
        return said["result"].get("value")

    def text(self) -> str:
        """What a reader sees, fields of forms included."""
        fields = "[...document.querySelectorAll('input, textarea')].map(f => f.value).join(' ')"
        return str(self.evaluate(f"(document.body?.innerText ?? '') + ' ' + {fields}"))

    def says(self, words: tuple[str, ...], seconds: float) -> bool:
        """Whether all of it stands there within that time."""
        deadline = time.monotonic() + seconds
        while not all(one in self.text() for one in words):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.5)
        return True

    def scroll_to(self, words: str) -> None:
        """Have the element of that text at the top of the window."""
        self.evaluate(f"{_element(words)}?.scrollIntoView()")

    def press(self, words: str) -> None:
        """Click on the element of that text."""
        self.evaluate(f"{_element(words)}?.click()")

    def picture(self) -> bytes:
        """The window as a PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])


def _element(words: str) -> str:
    """The innermost element of that text, in JavaScript."""
    return f"[...document.querySelectorAll('*')].findLast(e => e.textContent.trim() === {words!r})"


@contextmanager
def page(browser: str, *options: str) -> Iterator[Page]:
    """A new browser's page, until the context ends; the options come after :data:`OPTIONS`."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [browser, *OPTIONS, *options, f"--user-data-dir={profile}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        with reaped([process]):
            port = _port(Path(profile, "DevToolsActivePort"))
            tabs = httpx.get(
                f"http://127.0.0.1:{port}/json/list", timeout=60, trust_env=False
            ).json()
            address = next(tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page")
            with connect(address, max_size=None, open_timeout=60) as socket:
                yield Page(socket)


def _port(file: Path) -> int:
    """Where the browser listens; it says so in that file.

    Raises:
        RuntimeError: it did not start.
    """
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if file.exists() and (lines := file.read_text().split()):
            return int(lines[0])
        time.sleep(0.1)
    raise RuntimeError("the browser did not start within two minutes")
