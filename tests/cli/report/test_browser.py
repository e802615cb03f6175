"""The report in a browser: no console messages, tooltips, one selection for all figures and tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from hyle.cli import report
from hyle.cli.analyses import AnalysisInput, run_analyses

from .. import browser
from ..synthetic import build

SCRIPT = """
<script>
addEventListener("load", async () => {
  const wait = (ms) => new Promise((done) => setTimeout(done, ms));
  const count = (selector) => document.querySelectorAll(selector).length;
  const shown = (row) => row.offsetParent !== null;
  const rows = (table) => [...document.querySelectorAll(`${table} tbody tr`)].filter(shown).length;
  const out = {};
  await wait(1500);
  const boxes = [...document.querySelectorAll("[data-chart]")].filter(shown);
  out.empty = boxes.filter((box) => !box.querySelector("svg")).map((box) => box.dataset.chart);
  out.wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  const cell = document.querySelector('#chart-heat_map_cka svg [aria-roledescription="rect mark"]');
  const { x, y } = cell.getBoundingClientRect();
  for (const kind of ["pointermove", "mousemove"]) {
    const at = { bubbles: true, clientX: x + 3, clientY: y + 3 };
    cell.dispatchEvent(kind[0] === "p" ? new PointerEvent(kind, at) : new MouseEvent(kind, at));
  }
  await wait(200);
  out.tooltip = document.getElementById("vg-tooltip-element")?.textContent ?? "";
  out.pairs = rows("#pair-table");
  const chooser = document.getElementById("picked");
  out.choices = [...chooser.options].map((option) => option.textContent);
  chooser.selectedIndex = out.choices.indexOf("SELECT");
  chooser.dispatchEvent(new Event("change"));
  await wait(800);
  const faint = (box) => box.querySelectorAll('[opacity="0.08"]').length;
  out.faint = Object.fromEntries(boxes.map((box) => [box.dataset.chart, faint(box)]));
  out.picked_pairs = rows("#pair-table");
  out.status = document.getElementById("picked-status").textContent;
  document.body.insertAdjacentHTML("beforeend", `<pre id="out"></pre>`);
  document.getElementById("out").textContent = JSON.stringify(out);
});
</script>
"""


@browser.needed
@pytest.mark.parametrize("size", ["1280,1600", "500,1600"], ids=["desktop", "phone"])
def test_the_page_opens_hovers_and_follows_the_selection(tmp_path: Path, size: str) -> None:
    comparison = build()
    results = run_analyses(AnalysisInput(comparison, "cknna"), ["convergence", "factors", "tree", "dimension", "scale"])
    page = tmp_path / "report.html"
    start, _, end = report.render_report(comparison, results).rpartition("</body>")
    page.write_text(start + SCRIPT.replace("SELECT", "atoms") + end, encoding="utf-8")
    out, console = browser.opened(page, size)
    assert console == []
    assert out["empty"] == []
    assert out["wide"] <= 0
    assert "linear CKA" in out["tooltip"]
    assert {"all models", "atoms", "transformer", "minilm"} <= set(out["choices"])
    assert out["pairs"] == 66
    assert out["picked_pairs"] == 66 - 9 * 8 // 2  # of three picked models, with each other and with nine others
    assert out["status"].startswith("3 of 12 models")
    for chart in ("heat_map_cka", "intrinsic_dimension", "agreement", "tree", "scale"):
        assert out["faint"][chart] > 0, chart
    assert out["faint"]["convergence"] == 0  # only these have energies
