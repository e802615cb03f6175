"""The roofline: every stage is measured, and the table adds up."""

from __future__ import annotations

import pytest

from bench.roofline import Stage, measure, table


def test_every_stage_is_measured_and_counted() -> None:
    n, widths = 300, (16, 16, 16)
    stages = {stage.name.split(",")[0].split(":")[0]: stage for stage in measure(n, widths)}
    assert all(stage.seconds > 0 for stage in stages.values())
    assert stages["Gram products"].flops == 2 * n * n * sum(widths)
    assert stages["median distance"].flops == stages["Gram products"].flops / 2
    assert stages["cosine neighbours"].bytes == pytest.approx(4 * n * n * len(widths))


def test_the_bound_is_the_longer_of_products_and_memory() -> None:
    lines = table([Stage("a", 2.0, flops=10e9, bytes=1e9), Stage("b", 2.0, bytes=5e9)], peak=10e9, bandwidth=5e9)
    assert lines[2] == "| a | 2.00 | 50 % | 10 | 1.0 | 1.00 | 50 % |"
    assert lines[-1] == "| all | 4.00 | 100 % | 10 | 6.0 | 2.00 | 50 % |"
