"""Embedding arithmetic on planted compositions and on noise."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest

from hyle.engine.analysis import arithmetic

COUNTS = np.array([(i, j, k) for i in range(4) for j in range(4) for k in range(4)])
GENERATOR = np.random.default_rng(0)


def quadruples(limit: int = 120) -> np.ndarray:
    """Rows with D = A - B + C."""
    pairs = defaultdict(list)
    for i, a in enumerate(COUNTS):
        for j, b in enumerate(COUNTS):
            if i != j:
                pairs[tuple(a - b)].append((i, j))
    found = [
        (a, b, c, d)
        for each in pairs.values()
        for a, b in each
        for d, c in each
        if len({a, b, c, d}) == 4 and (a * 7 + d) % 5 == 0
    ]
    return np.array(found)[np.random.default_rng(1).permutation(len(found))[:limit]]


FOUR = quadruples()


@pytest.mark.parametrize("similarity", ["cosine", "euclidean"])
def test_a_linear_space_of_compositions_is_found(similarity):
    rows = COUNTS @ GENERATOR.normal(size=(3, 12)) + 50
    found = arithmetic(rows + 1e-3 * GENERATOR.normal(size=rows.shape), FOUR, similarity=similarity, permutations=99)
    assert found.percentile < 0.01
    assert found.p == 0.01
    assert found.null == pytest.approx(0.5, abs=0.05)
    assert found.gain_low > 0
    assert found.candidates == len(COUNTS) - 3


def test_ranks_are_those_of_the_definition():
    rows = GENERATOR.normal(size=(len(COUNTS), 5))
    found = arithmetic(rows, FOUR[:20], similarity="euclidean", permutations=0)
    for four, rank in zip(FOUR[:20], found.ranks, strict=True):
        a, b, c = rows[four[:3]]
        distances = np.linalg.norm(rows - (a - b + c), axis=1)
        others = np.setdiff1d(np.arange(len(rows)), four[:3])
        assert rank == 1 + (distances[others] < distances[four[3]]).sum()
    centred = rows - rows.mean(0)
    cosine = arithmetic(rows, FOUR[:20], permutations=0)
    for four, rank in zip(FOUR[:20], cosine.ranks, strict=True):
        a, b, c = centred[four[:3]]
        near = centred @ (a - b + c) / np.linalg.norm(centred, axis=1)
        others = np.setdiff1d(np.arange(len(rows)), four[:3])
        assert rank == 1 + (near[others] > near[four[3]]).sum()
    assert np.isnan(found.p)
    assert np.isnan(found.within_p)


def test_noise_is_significant_as_often_as_it_should_be():
    results = [
        arithmetic(np.random.default_rng(seed).normal(size=(len(COUNTS), 6)), FOUR, permutations=19, seed=seed)
        for seed in range(120)
    ]
    p = np.array([each.p for each in results])
    assert 0.01 <= (p <= 0.05).mean() <= 0.11
    assert np.mean([each.percentile for each in results]) == pytest.approx(0.5, abs=0.02)
    covered = np.mean([each.low <= 0.5 <= each.high for each in results])
    assert covered >= 0.9
    assert np.mean([each.reciprocal_rank for each in results]) == pytest.approx(results[0].reciprocal_chance, rel=0.1)


def test_what_strata_explain_is_not_beyond_them():
    """Three rows of each composition: the third column of the planted quadruples tells them apart, or nothing does."""
    copies = np.repeat(COUNTS, 3, 0)
    strata = [str(tuple(each)) for each in copies]
    form = np.tile(np.eye(3), (len(COUNTS), 1))
    one_form = FOUR * 3  # the first form of each composition
    knows_form = np.concatenate([copies, 2 * form], 1) @ GENERATOR.normal(size=(6, 12))
    only_counts = copies @ GENERATOR.normal(size=(3, 12)) + 0.3 * GENERATOR.normal(size=(len(copies), 12))
    beyond = arithmetic(knows_form, one_form, strata=strata, units=strata, permutations=49)
    assert beyond.within_p == 0.02
    assert beyond.within < 0.1
    nothing = arithmetic(only_counts, one_form, strata=strata, units=strata, permutations=49)
    assert nothing.p == 0.02
    assert nothing.within_p > 0.05
    assert nothing.within_null < 0.2
    assert nothing.within == pytest.approx(0.5, abs=0.15)


def test_a_row_that_is_near_anyway_is_no_gain():
    """D is near A whatever B and C are: subtracting B only adds noise."""
    latent = GENERATOR.normal(size=(30, 8))
    rows = np.concatenate([latent, latent + 0.05 * GENERATOR.normal(size=latent.shape)])
    i = np.arange(30)
    four = np.stack([i, (i + 7) % 30, (i + 11) % 30, i + 30], 1)
    found = arithmetic(rows, four, permutations=19)
    assert found.p == 0.05
    assert found.without_offset["A"] == 0
    assert found.gain < 0
    assert found.gain_low < 0


def test_equal_rows_share_their_rank():
    rows = np.repeat(GENERATOR.normal(size=(10, 4)), 2, 0)
    found = arithmetic(rows, [[0, 2, 4, 6], [1, 3, 5, 7], [8, 10, 12, 14], [9, 11, 13, 15]], permutations=0)
    assert (found.ranks % 1 == 0.5).all()


@pytest.mark.parametrize(
    ("rows", "four", "options", "words"),
    [
        (np.ones((5, 2)), [[0, 1, 2, 3]], {}, "at least 6"),
        (np.eye(8), [[0, 1, 2, 2]], {}, "must differ"),
        (np.eye(8), [[0, 1, 2, 8]], {}, "from 0 to 7"),
        (np.eye(8), np.zeros((0, 4), int), {}, "q at least 1"),
        (np.eye(8), [[0.0, 1, 2, 3]], {}, "integers"),
        (np.eye(8), [[0, 1, 2, 3]], {"strata": ["x"]}, "strata: 1 labels for 8 rows"),
        (np.eye(8), [[0, 1, 2, 3]], {"similarity": "dot"}, "cosine or euclidean"),
        (np.eye(8), [[0, 1, 2, 3]], {}, "4 units"),
        (np.full((8, 2), np.nan), [[0, 1, 2, 3]], {}, "row 0"),
    ],
)
def test_mistakes_are_named(rows, four, options, words):
    with pytest.raises(ValueError, match=words):
        arithmetic(rows, four, **options)
