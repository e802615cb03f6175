"""The shared part of planted panels: its rank, its coordinates, and each model's share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from hyle.engine.analysis import consensus
from hyle.engine.analysis.families import family_codes
from hyle.engine.analysis.maxvar import space, votes_of
from hyle.engine.analysis.shared_rank import family_orders, shared_rank
from hyle.engine.base import InputError


def planted(
    seed: int, *, n: int = 120, families: int = 3, shared: int = 0, siblings: int = 0, share: float = 0.5
) -> tuple[dict[str, np.ndarray], list[str], np.ndarray]:
    """Models whose variance is by a share that of shared coordinates, and else their own or their family's.

    The first family has as many more members as there are siblings, which differ by noise alone.
    """
    rng = np.random.default_rng([seed, n])
    z = rng.normal(size=(n, shared))
    models, names = {}, []
    for family in range(families):
        private = rng.normal(size=(n, 5))
        mixing = [np.linalg.qr(rng.normal(size=(12, 12)))[0] for _ in range(2)]
        signal = z @ mixing[0][:shared] * np.sqrt(share / shared) if shared else 0.0
        own = private @ mixing[1][:5] * np.sqrt((1 - share) / 5)
        for sibling in range(1 + (siblings if family == 0 else 0)):
            noise = rng.normal(size=(n, 12)) * 0.03
            models[f"m{family}{sibling}"] = signal + own + noise
            names.append(f"f{family}")
    return models, names, z


def rank_of(models: dict[str, np.ndarray], families: Sequence[str], seed: int) -> int:
    codes = family_codes(families)
    spaces = [space(rows) for rows in models.values()]
    orders = family_orders(np.arange(len(spaces[0].left)), len(set(families)), 39, seed)
    return shared_rank(spaces, codes, votes_of(codes), orders).rank


def test_the_shared_coordinates_are_found() -> None:
    """The rank of 19 of 20 panels is right, and one test in 20 counts one too many."""
    ranks = [rank_of(*planted(seed, shared=2)[:2], seed) for seed in range(20)]
    assert min(ranks) == 2
    assert sum(rank == 2 for rank in ranks) >= 16


def test_independent_models_share_nothing() -> None:
    """The rate is that of the level, 5 %: of 150 panels, 1 to 16 with a probability of 0.998."""
    found = sum(rank_of(*planted(seed, n=60, families=2, share=0.0)[:2], seed) > 0 for seed in range(150))
    assert 1 <= found <= 16


def test_siblings_do_not_vote_twice() -> None:
    """What four members of one family have in common is not shared; counted as four families, it would be."""
    panels = [planted(seed, n=80, siblings=3, share=0.0) for seed in range(20)]
    assert sum(rank_of(models, families, seed) > 0 for seed, (models, families, _) in enumerate(panels)) <= 4
    assert all(rank_of(models, list(models), seed) >= 5 for seed, (models, _, _) in enumerate(panels[:3]))


@pytest.fixture(scope="module")
def found() -> tuple[object, dict[str, np.ndarray], np.ndarray]:
    models, families, z = planted(1, n=240, families=5, shared=2, siblings=1, share=0.4)
    rng = np.random.default_rng(9)
    models["control"] = z @ rng.normal(size=(2, 3))
    votes = [True] * (len(models) - 1) + [False]
    return consensus(models, families=[*families, "controls"], votes=votes, permutations=39), models, z


def test_coordinates_shares_and_rests(found) -> None:
    result, models, z = found
    assert result.rank == 2
    assert list(result.families) == [0, 0, 1, 2, 3, 4, -1]
    # The coordinates are a rotation of the planted ones, of samples that were held out.
    design = np.column_stack([np.ones(len(z)), z])
    residual = result.coordinates - design @ np.linalg.lstsq(design, result.coordinates, rcond=None)[0]
    assert (residual.var(0) / result.coordinates.var(0)).max() < 0.05
    # A share of 0.4 of the variance of each model was planted, and all of the control's.
    np.testing.assert_allclose(result.explained[:-1], 0.4, atol=0.06)
    assert result.explained[-1] > 0.95
    assert result.recovered.min() > 0.9
    assert list(result.carriers) == [5, 5]
    for name, rest in result.private.items():
        others = rest - rest.mean(0)
        assert rest.shape == models[name].shape
        # Nothing of the planted coordinates is left but chance.
        assert ((z - z.mean(0)).T @ others / len(z) / max(others.std(), 0.05)).max() < 0.3


def test_scale_order_and_rotation_of_a_model_do_not_matter(found) -> None:
    result, models, _ = found
    changed = {name: rows * 1e6 if name == "m10" else rows for name, rows in models.items()}
    changed["m20"] = changed["m20"] @ np.linalg.qr(np.random.default_rng(0).normal(size=(12, 12)))[0] + 5
    families = ["f0", "f0", "f1", "f2", "f3", "f4", "c"]
    votes = [True] * 6 + [False]
    again = consensus(changed, families=families, votes=votes, rank=2)
    np.testing.assert_allclose(again.coordinates, result.coordinates, atol=1e-5)
    np.testing.assert_allclose(again.explained, result.explained, atol=1e-6)
    assert not again.tested
    assert len(again.p) == 0


def test_held_out_groups_and_permuted_groups_stay_whole() -> None:
    """Each sample is there twice: the copies are permuted and held out together."""
    models, families, _ = planted(3, n=60, families=2, share=0.0)
    doubled = {name: np.repeat(rows, 2, axis=0) for name, rows in models.items()}
    seen: list[float] = []
    copies = np.repeat(np.arange(60), 2)
    result = consensus(
        doubled, families=families, groups=copies, permutations=39, progress=lambda stage, share: seen.append(share)
    )
    assert seen == sorted(seen)
    assert 0 <= seen[0] < seen[-1] <= 1
    assert result.groups == 60
    assert (result.folds[::2] == result.folds[1::2]).all()
    orders = family_orders(np.repeat(np.arange(60), 2), 2, 5)
    assert (orders[:, :, 1::2] - orders[:, :, ::2] == 1).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"embeddings": {"a": np.ones((30, 2))}}, "two families"),
        ({"families": ["x", "x"]}, "two families of models at least; got 1"),
        ({"embeddings": {"a": np.eye(30), "b": np.ones((30, 2))}}, "b: all rows are equal"),
        ({"embeddings": {"a": np.eye(30), "b": np.eye(29)}}, r"b: an embedding \[30, d\] is needed"),
        ({"embeddings": {"a": np.eye(30), "b": np.full((30, 2), np.nan)}}, "b: row 0 contains NaN"),
        ({"embeddings": {"a": np.eye(9), "b": np.eye(9)}}, "9 groups of samples: at least 10"),
        ({"groups": [0] * 30}, "1 groups of samples"),
        ({"groups": [0] * 3}, "3 groups for 30 samples"),
        ({"permutations": 18}, "use at least 19"),
        ({"ridge": 0.0}, "a number above 0"),
        ({"rank": 0}, "a number from 1"),
        ({"rank": 1000}, "directions in all"),
    ],
)
def test_what_cannot_be_computed_is_refused(change: dict, message: str) -> None:
    options = {"embeddings": {"a": np.eye(30), "b": np.eye(30)[::-1]}} | change
    with pytest.raises(InputError, match=message):
        consensus(options.pop("embeddings"), **options)
