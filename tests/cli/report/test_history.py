"""`hyle report` of the history of a run."""

from __future__ import annotations

import numpy as np

from hyle.cli import figures
from hyle.engine import History, save_history


def history() -> History:
    run_history = History({"k": 10, "mutual_knn_chance": 0.1, "cka_chance": 0.0})
    for step in (0, 100, 200):
        pair = {"aimnet2": step / 400, "minilm": 0.1}
        run_history.add(step, {"cka": pair, "mutual_knn": pair, "participation_ratio": 3.0, "empty": np.nan}, loss=1.0)
    return run_history


def values(spec, layer):
    data = layer["data"]
    return data["values"] if "values" in data else spec["datasets"][data["name"]]


def test_emergence_curves_have_a_line_per_reference_and_the_chance_level():
    spec = figures.emergence_curves(history().dataset()).to_dict()
    assert len(spec["vconcat"]) == 5
    first = spec["vconcat"][0]
    rows = values(spec, first["layer"][-1])
    assert {row["other"] for row in rows} == {"aimnet2", "minilm"}
    assert [row["value"] for row in rows if row["other"] == "aimnet2"] == [0, 0.25, 0.5]
    assert values(spec, first["layer"][0]) == [{"value": 0.0}]
    assert "k = 10" in spec["vconcat"][1]["layer"][-1]["encoding"]["y"]["title"]


def test_report_recognises_a_history(run, tmp_path):
    save_history(history(), tmp_path / "history.nc")
    ran = run("report", "history.nc", "-o", "out")
    assert ran.code == 0, ran.err
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"history.html", "history.svg", "history.png"}
    page = (tmp_path / "out" / "history.html").read_text("utf-8")
    assert "http://" not in page.split("<body")[1].split("<script")[0]
    assert "cdn.jsdelivr" not in page
    svg = (tmp_path / "out" / "history.svg").read_text("utf-8")
    assert "debiased linear CKA" in svg
    assert "aimnet2" in svg
