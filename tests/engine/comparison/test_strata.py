"""What models share beyond the strata of the samples, such as their formulas."""

from __future__ import annotations

import numpy as np
import pytest

from hyle.engine import compare, mutual_knn

FORMULAS, ISOMERS = 20, 6


def isomers(seed: int, common: float) -> tuple[dict[str, np.ndarray], list[int]]:
    """Draw two models that share the picture of the formulas, and of isomers a part or nothing."""
    generator = np.random.default_rng(seed)
    formula = np.repeat(np.arange(FORMULAS), ISOMERS)
    centres = generator.normal(size=(FORMULAS, 6))[formula]
    a, b = generator.normal(size=(2, len(formula), 6))
    return {"a": centres + a, "b": centres + common * a + (1 - common) * b}, formula.tolist()


@pytest.mark.parametrize("metric", ["cka", "mutual_knn"])
def test_models_that_share_formulas_alone_share_nothing_beyond(metric: str) -> None:
    p, beyond = [], []
    for seed in range(40):
        rows, formula = isomers(seed, 0.0)
        found = compare(rows, metrics=[metric], k=8, permutations=39, strata=formula)
        assert float(found[f"{metric}_p"][0, 1]) <= 0.05
        p.append(float(found[f"{metric}_strata_p"][0, 1]))
        beyond.append(float(found[f"{metric}_beyond"][0, 1]))
    # 5 % of 40 tests are 2; 7 or more have a probability of 0.3 %.
    assert np.sum(np.array(p) <= 0.05) <= 6
    assert abs(np.mean(beyond)) < 4 * np.std(beyond) / np.sqrt(40)


def test_the_share_beyond_follows_from_its_definition() -> None:
    rows, formula = isomers(0, 0.9)
    found = compare(rows, metrics=["mutual_knn"], k=8, permutations=200, strata=formula, seed=3)
    generator = np.random.default_rng(1)
    shuffled = []
    for _ in range(200):
        order = np.arange(len(formula))
        for start in range(0, len(formula), ISOMERS):
            order[start : start + ISOMERS] = start + generator.permutation(ISOMERS)
        shuffled.append(float(mutual_knn(rows["a"], rows["b"][order], k=8)))
    mean = np.mean(shuffled)
    score = float(mutual_knn(rows["a"], rows["b"], k=8))
    error = np.std(shuffled) / np.sqrt(200)
    assert float(found.mutual_knn_strata_null[0, 1]) == pytest.approx(mean, abs=6 * error)
    assert float(found.mutual_knn_beyond[0, 1]) == pytest.approx((score - mean) / (1 - mean), abs=0.02)
    assert float(found.mutual_knn_strata_p[0, 1]) == pytest.approx(1 / 201)
    assert found.attrs["strata"] == FORMULAS
    assert found.attrs["strata_permuted"] == len(formula)


def test_lower_is_better_has_the_same_scale() -> None:
    rows, formula = isomers(0, 0.9)
    found = compare(rows, metrics=["information_imbalance"], permutations=99, strata=formula)
    assert 0 < float(found.information_imbalance_beyond[0, 1]) < 1
    assert float(found.information_imbalance_strata_p[0, 1]) == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"strata": [0] * 120}, "strata are for permutations"),
        ({"strata": list(range(120)), "permutations": 9}, "separate"),
        ({"strata": [0] * 9, "permutations": 9}, "strata has 9 labels"),
        ({"permute": "whole", "permutations": 9}, "give groups"),
        ({"permute": "some", "permutations": 9}, "within, whole"),
    ],
)
def test_bad_options(options: dict[str, object], words: str) -> None:
    rows, _ = isomers(0, 0.5)
    with pytest.raises(ValueError, match=words):
        compare(rows, metrics=["cka"], **options)


@pytest.mark.parametrize("metric", ["mutual_knn", "cknna", "information_imbalance"])
@pytest.mark.parametrize("name", ["a", "z"])
def test_element_counts_share_nothing_beyond_formulas_in_files_sorted_by_structure(metric: str, name: str) -> None:
    """Ties of equal rows fall to the lowest index, and the order of these samples is that of the other model."""
    generator = np.random.default_rng(0)
    formula = np.repeat(np.arange(FORMULAS), ISOMERS)
    counts = generator.normal(size=(FORMULAS, 6))[formula]
    structure = np.concatenate([counts, np.arange(len(formula))[:, None] / 4], 1)
    found = compare({name: counts, "m": structure}, metrics=[metric], k=4, permutations=39, strata=formula.tolist())
    entry = {"model": name, "other": "m"}
    assert float(found[f"{metric}_strata_p"].sel(entry)) == 1
    assert float(found[f"{metric}_p"].sel(entry)) == 1 / 40
