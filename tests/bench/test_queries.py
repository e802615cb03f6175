"""The measurement of sampled queries."""

from __future__ import annotations

import numpy as np
import pytest
from click.testing import CliRunner

from bench import queries


def test_errors_and_coverage_are_counted_against_the_exact_value() -> None:
    values = {"": np.array([1.0, 3.0]), "_se": np.array([0.5, 1.5]), "_low": np.array([0.0, 2.5])}
    found = queries.summary("cka", 2.0, values | {"_high": np.array([2.0, 3.5])})
    assert found["rms_error"] == found["se"] == found["ratio"] == 1
    assert found["coverage"] == 0.5


def test_a_short_measurement_reports_every_metric_that_can_be_estimated(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path_factory.mktemp("results")
    monkeypatch.setattr(queries, "FOLDER", folder)
    done = CliRunner().invoke(queries.main, ["-n", "200", "--queries", "60", "--trials", "2"], catch_exceptions=False)
    assert done.exit_code == 0
    text = (folder / "queries.md").read_text()
    for name in ("cknna", "mutual_knn", "information_imbalance", "intrinsic_dimension_gride"):
        assert f"| {name} |" in text
    assert "60 of 200 planted samples" in text
