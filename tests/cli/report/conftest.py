"""One browser for all tests of this folder, and the pages that they open."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hyle.cli import report
from hyle.cli.analyses import AnalysisInput, run_analyses

from ..browser import BROWSER
from ..devtools import DevTools
from .panels import rich, two


@pytest.fixture(scope="session")
def devtools() -> Iterator[DevTools]:
    if not BROWSER:
        pytest.skip("Chromium is not installed")
    browser = DevTools()
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def page_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return the path of the page of 12 or of 2 models, rendered once."""
    folder = tmp_path_factory.mktemp("pages")

    def write(name: str) -> Path:
        path = folder / f"{name}.html"
        if not path.exists():
            comparison = {"rich": rich, "two": two}[name]()
            question = AnalysisInput(comparison, "cknna")
            names = ["factors", "tree", "dimension", "collapse", "scale"]
            results = run_analyses(question, names) if name == "rich" else {}
            report.write_report(comparison, path, results)
        return path

    return write
