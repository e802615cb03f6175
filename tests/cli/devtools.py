"""One headless browser for many pages, driven through the pipe of the Chrome DevTools protocol."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from .browser import BROWSER

_OPTIONS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars"]

# The browser reads commands from its file descriptor 3 and writes to 4.
_START = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); os.execv(sys.argv[3], sys.argv[3:])"
)


def _high(descriptor: int) -> int:
    """Move a file descriptor away from 3 and 4."""
    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(descriptor)
    return moved


class DevTools:
    """A running browser; `open` yields pages."""

    def __init__(self) -> None:
        self._profile = tempfile.TemporaryDirectory(prefix="hyle-browser-", ignore_cleanup_errors=True)
        there, self._write, self._read, back = (_high(end) for end in (*os.pipe(), *os.pipe()))
        command = [
            BROWSER,
            *_OPTIONS,
            f"--user-data-dir={self._profile.name}",
            "--remote-debugging-pipe",
            "about:blank",
        ]
        self._process = subprocess.Popen(
            [sys.executable, "-c", _START, str(there), str(back), *command],
            pass_fds=(there, back),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(there)
        os.close(back)
        self._buffer, self._count = b"", 0
        self.events: list[dict[str, Any]] = []

    def send(self, method: str, parameters: Mapping[str, Any] | None = None, session: str = "") -> dict[str, Any]:
        """Send a command, and return its result."""
        self._count += 1
        message: dict[str, Any] = {"id": self._count, "method": method, "params": dict(parameters or {})}
        if session:
            message["sessionId"] = session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._count:
                assert "error" not in answer, (method, answer["error"])
                result: dict[str, Any] = answer["result"]
                return result

    def wait(self, method: str, session: str) -> None:
        """Wait for an event."""
        while not any(one["method"] == method and one.get("sessionId") == session for one in self.events):
            self._next()

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            received = os.read(self._read, 1 << 16)
            assert received, "the browser ended"
            self._buffer += received
        line, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        if "method" in message:
            self.events.append(message)
        return message

    @contextmanager
    def open(
        self, path: Path, *, width: int = 1280, height: int = 900, dark: bool = False, media: str = "", hash: str = ""
    ) -> Iterator[Page]:
        """Open a page at a width, in light or dark mode, on a screen or as ``media="print"``."""
        self.events.clear()
        target = self.send("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = self.send("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        page = Page(self, session)
        for domain in ("Page", "Runtime", "Log"):
            page.send(f"{domain}.enable")
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        page.send("Emulation.setDeviceMetricsOverride", size)
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        features.append({"name": "prefers-reduced-motion", "value": "reduce"})
        page.send("Emulation.setEmulatedMedia", {"media": media, "features": features})
        page.send("Page.navigate", {"url": path.as_uri() + hash})
        self.wait("Page.loadEventFired", session)
        try:
            yield page
        finally:
            self.send("Target.closeTarget", {"targetId": target})

    def close(self) -> None:
        """End the browser."""
        os.close(self._write)
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._read)
        time.sleep(0.1)
        self._profile.cleanup()


class Page:
    """An open page."""

    def __init__(self, browser: DevTools, session: str) -> None:
        self._browser, self._session = browser, session

    def send(self, method: str, parameters: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Send a command to this page."""
        return self._browser.send(method, parameters, self._session)

    def run(self, script: str) -> Any:
        """Return the value of an expression, or of what a function body in braces returns."""
        body = script if not script.lstrip().startswith("{") else f"(async () => {script})()"
        asked = {"expression": body, "returnByValue": True, "awaitPromise": True}
        answer = self.send("Runtime.evaluate", asked)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def console(self) -> list[str]:
        """Return what the page wrote to the console, and its uncaught errors."""
        kinds = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")
        return [json.dumps(one["params"])[:400] for one in self._browser.events if one["method"] in kinds]

    def box(self, selector: str) -> tuple[float, float, float, float]:
        """Return left, top, width and height of an element, scrolled to the middle of the window."""
        script = f"""{{
            const one = document.querySelector({json.dumps(selector)});
            one.scrollIntoView({{ block: "center", behavior: "instant" }});
            await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
            const {{ x, y, width, height }} = one.getBoundingClientRect();
            return [x, y, width, height];
        }}"""
        x, y, width, height = self.run(script)
        return x, y, width, height

    def move(self, x: float, y: float) -> None:
        """Move the pointer."""
        self.send("Input.dispatchMouseEvent", {"type": "mouseMoved", "x": x, "y": y})

    def click(self, selector: str) -> None:
        """Click in the middle of an element."""
        x, y, width, height = self.box(selector)
        for kind in ("mousePressed", "mouseReleased"):
            at = {"type": kind, "x": x + width / 2, "y": y + height / 2, "button": "left", "clickCount": 1}
            self.send("Input.dispatchMouseEvent", at)

    def press(self, key: str) -> None:
        """Press a key, by its name such as ArrowDown."""
        codes = {"Tab": 9, "Enter": 13, "Escape": 27, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}
        for kind in ("rawKeyDown", "keyUp"):
            self.send("Input.dispatchKeyEvent", {"type": kind, "key": key, "windowsVirtualKeyCode": codes[key]})

    def pixels(self, places: list[tuple[int, int]]) -> np.ndarray:
        """Return the colours of some pixels of the window, [places, 3]; places are (row, column)."""
        script = "return places.map(([row, column]) => [...at(row, column)]);"
        return np.array(self._on_picture(f"const places = {json.dumps(places)}; {script}"))

    def means(self, square: int) -> np.ndarray:
        """Return a picture of the window, [height / square, width / square, 3]: the means over squares of pixels."""
        script = f"""
            const square = {square}, rows = [];
            for (let y = 0; y + square <= height; y += square) {{
                const row = [];
                for (let x = 0; x + square <= width; x += square) {{
                    const sum = [0, 0, 0];
                    for (let i = 0; i < square; i++) for (let j = 0; j < square; j++) {{
                        const colour = at(y + i, x + j);
                        for (let k = 0; k < 3; k++) sum[k] += colour[k];
                    }}
                    row.push(sum.map((value) => value / square ** 2));
                }}
                rows.push(row);
            }}
            return rows;"""
        return np.array(self._on_picture(script))

    def _on_picture(self, script: str) -> Any:
        """Return what a script returns that knows `width`, `height` and `at(row, column)` of a screenshot."""
        picture = self.send("Page.captureScreenshot", {"format": "png"})["data"]
        return self.run(
            f"""{{
            const bytes = Uint8Array.from(atob("{picture}"), (letter) => letter.charCodeAt(0));
            const bitmap = await createImageBitmap(new Blob([bytes]));
            const {{ width, height }} = bitmap;
            const context = new OffscreenCanvas(width, height).getContext("2d", {{ willReadFrequently: true }});
            context.drawImage(bitmap, 0, 0);
            const {{ data }} = context.getImageData(0, 0, width, height);
            const at = (row, column) => data.subarray(4 * (row * width + column), 4 * (row * width + column) + 3);
            {script}
        }}"""
        )

    def pdf(self) -> bytes:
        """Return the page printed on A4."""
        asked = {"preferCSSPageSize": True, "printBackground": True}
        return base64.b64decode(self.send("Page.printToPDF", asked)["data"])


def decode_png(data: bytes) -> np.ndarray:
    """Return a PNG of 8 bits per channel as an array [height, width, 3]."""
    at, packed, width, height, channels = 8, b"", 0, 0, 3
    while at < len(data):
        size, kind = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        body = data[at + 8 : at + 8 + size]
        if kind == b"IHDR":
            width, height, channels = int.from_bytes(body[:4]), int.from_bytes(body[4:8]), {2: 3, 6: 4}[body[9]]
        elif kind == b"IDAT":
            packed += body
        at += size + 12
    rows = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(height, 1 + width * channels)
    above, picture = np.zeros((width, channels), np.int64), np.zeros((height, width, channels), np.uint8)
    for row, line in enumerate(rows):
        value = line[1:].reshape(width, channels).astype(np.int64)
        if line[0] == 1:
            value = np.cumsum(value, axis=0)
        elif line[0] == 2:
            value = value + above
        elif line[0] > 2:
            value = _unfilter(value, above, paeth=line[0] == 4)
        above = value & 255
        picture[row] = above
    return picture[..., :3]


def _unfilter(value: np.ndarray, above: np.ndarray, *, paeth: bool) -> np.ndarray:
    lines, up, result = value.tolist(), above.tolist(), []
    left = corner = [0] * len(lines[0])
    for now, over in zip(lines, up, strict=True):
        if paeth:
            made = []
            for v, a, b, c in zip(now, left, over, corner, strict=True):
                pa, pb, pc = abs(b - c), abs(a - c), abs(a + b - 2 * c)
                made.append((v + (a if pa <= pb and pa <= pc else b if pb <= pc else c)) & 255)
        else:
            made = [(v + (a + b) // 2) & 255 for v, a, b in zip(now, left, over, strict=True)]
        result.append(made)
        left, corner = made, over
    return np.array(result)
