"""Models that were trained on the samples are marked wherever they are compared."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hyle.cli.comparison import marked_names, print_comparison, trained_note, trained_on_samples
from hyle.cli.jobs import compare
from hyle.cli.options import CompareOptions
from hyle.cli.report import summary
from hyle.zoo import Representation, find_card


def of(dataset: str) -> Any:
    """Compare three models on rows that are said to be those of a data set."""
    representations = []
    for seed, model in enumerate(("sevennet-0", "aimnet2", "composition")):
        rows = np.random.default_rng(seed).normal(size=(40, 6)).astype("f4")
        recipe = {"model": model, "dataset": dataset, "dataset_version": "1"}
        representations.append(Representation(model, rows, [f"s{i}" for i in range(40)], recipe))
    return compare(representations, CompareOptions(metrics=["cka"], permutations=60))


def test_models_that_saw_the_samples_are_marked(capsys: pytest.CaptureFixture[str]) -> None:
    assert "MPtrj" in find_card("sevennet-0").trained_on
    comparison = of("mptrj")
    assert trained_on_samples(comparison) == ["sevennet-0"]
    assert "sevennet-0 †" in marked_names(comparison)
    assert "Trained on data that contain these samples: sevennet-0 (†)." in summary(comparison)
    print_comparison(comparison)
    printed = capsys.readouterr().out
    assert "sevennet-0 †" in printed
    assert "† trained on data that contain these samples: sevennet-0" in printed


def test_models_that_did_not_are_not() -> None:
    comparison = of("qm9")
    assert trained_on_samples(comparison) == []
    assert trained_note(comparison) == ""
    assert not any("†" in sentence for sentence in summary(comparison))
