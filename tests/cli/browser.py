"""Open pages in a headless browser, if one is installed."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

BROWSER = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)
needed = pytest.mark.skipif(not BROWSER, reason="Chromium is not installed")


def opened(page: Path, size: str) -> tuple[dict[str, Any], list[str]]:
    """Open a page; return the JSON that its script wrote to #out, and the lines of the console."""
    options = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        f"--user-data-dir={page.parent}/profile",
    ]
    options += [f"--window-size={size}", "--virtual-time-budget=9000", "--enable-logging=stderr", "--v=0", "--dump-dom"]
    ran = subprocess.run([BROWSER, *options, page.as_uri()], capture_output=True, text=True, timeout=120, check=True)
    *_, found = re.findall(r'<pre id="out">(.*?)</pre>', ran.stdout, re.DOTALL)  # the script itself names it, too
    return json.loads(html.unescape(found)), [line for line in ran.stderr.splitlines() if "CONSOLE" in line]
