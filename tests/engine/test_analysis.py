from __future__ import annotations

import io
from itertools import combinations

import jax
import numpy as np
import pytest
import xarray as xr

from hyle.engine import compare
from hyle.engine.analysis import (
    association,
    best_layers,
    blind_spots,
    convergence,
    degree_of_shift,
    energy_error,
    factors,
    probe,
    regimes,
    scale_trend,
    tree,
)
from hyle.engine.analysis.tree import _scikit_bio, profile_distances


def comparison(values: np.ndarray, names: list[str] | None = None, **facts: object) -> xr.Dataset:
    names = names or [f"m{i}" for i in range(len(values))]
    found = xr.Dataset(
        {"cknna": (("model", "other"), values, {"kind": "pair", "higher_is_better": "yes"})},
        coords={"model": names, "other": names},
    )
    for name, fact in facts.items():
        found[name] = ("model", fact)
    return found


# --- energies ---


def energies(n: int, elements: int, noise: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 6, size=(n, elements))
    true = counts @ rng.uniform(-2000, -5, elements) + rng.normal(size=n)
    return true + counts @ rng.normal(size=elements) * 50 + noise * rng.normal(size=n), true, counts


def test_the_error_beyond_composition_is_found_whatever_the_reference() -> None:
    predicted, true, counts = energies(400, 4, 0.1)
    found = energy_error(predicted, true, counts)
    assert found.mae == pytest.approx(0.1 * (2 / np.pi) ** 0.5, abs=4 * found.se)
    assert found.n == 400
    moved = energy_error(predicted + counts @ [1e3, -1e4, 7.0, 0.0] + 5e5, true, counts)
    assert moved.mae == pytest.approx(found.mae, rel=1e-4)


def test_many_elements_and_few_samples_flatter_only_the_fit_to_all() -> None:
    predicted, true, counts = energies(120, 80, 0.1)
    found = energy_error(predicted, true, counts)
    assert found.in_sample < 0.06
    assert found.mae > 0.08
    assert found.leverage.sum() == pytest.approx(81)
    assert ((found.leverage >= 0) & (found.leverage <= 1 + 1e-9)).all()


def test_samples_of_rare_elements_are_left_out() -> None:
    predicted, true, counts = energies(100, 3, 0.1)
    rare = np.zeros((100, 1))
    rare[[4, 60]] = 1
    # Two samples of an element that no others tell anything of, whose atoms have another energy in the other code.
    found = energy_error(predicted, true - 2700 * rare[:, 0], np.concatenate([counts, rare], 1))
    assert found.n == 98
    assert found.mae < 0.2
    assert np.flatnonzero(np.isnan(found.signed)).tolist() == [4, 60]


def test_samples_without_an_energy_are_left_out() -> None:
    predicted, true, counts = energies(100, 3, 0.1)
    predicted[::5] = np.nan
    assert energy_error(predicted, true, counts).n == 80
    with pytest.raises(ValueError, match="8 samples have both energies"):
        energy_error(predicted[:10], true[:10], counts[:10])
    with pytest.raises(ValueError, match="99 predicted and 100 reference"):
        energy_error(predicted[1:], true, counts)


# --- convergence ---


def planted(m: int, slope: float, seed: int = 0) -> xr.Dataset:
    """Models whose distance to a common centre grows with their error by so much, and controls without errors."""
    rng = np.random.default_rng(seed)
    error = np.sort(rng.uniform(0.1, 1, m))
    quality = 1 - slope * error
    values = np.outer(quality, quality) + 0.02 * rng.normal(size=(m, m))
    values = (values + values.T) / 2
    np.fill_diagonal(values, 1)
    return comparison(values, energy_mae=error, family=[f"f{i // 2}" for i in range(m)], modality=["atoms"] * m)


def test_planted_convergence_is_found_and_none_is_not() -> None:
    found = convergence(planted(16, 0.7))
    assert found.reference == ("m0",)
    assert "m1" not in found.models  # of the same family
    assert found.correlation < -0.8
    assert found.low <= found.correlation <= found.high < 0
    assert found.p < 0.01
    assert convergence(planted(16, 0.7), other_families=False).n == 15
    ps = [convergence(planted(10, 0.0, seed)).p for seed in range(40)]
    assert sum(p <= 0.05 for p in ps) <= 6


def test_few_models_prove_nothing() -> None:
    found = convergence(planted(5, 0.7))
    assert found.n == 3
    assert np.isnan(found.correlation)


def test_the_reference_can_be_chosen_or_averaged() -> None:
    data = planted(12, 0.5)
    assert convergence(data, reference="m4").reference == ("m4",)
    assert len(convergence(data, top=3, other_families=False).reference) == 3
    with pytest.raises(ValueError, match="no model is called 'x'"):
        convergence(data, reference="x")
    with pytest.raises(ValueError, match="no pair metric 'cka'"):
        convergence(data, "cka")
    with pytest.raises(ValueError, match="has no 'nothing'"):
        convergence(data, error="nothing")


# --- the tree ---


def test_the_textbook_tree() -> None:
    skbio, nj = _scikit_bio()
    assert not jax.config.jax_enable_x64

    distances = np.zeros((5, 5))
    for (a, b), d in zip(combinations(range(5), 2), [5, 9, 9, 8, 10, 10, 9, 8, 7, 3], strict=True):
        distances[a, b] = distances[b, a] = d
    assert str(nj(skbio.DistanceMatrix(distances, list("abcde")))).startswith("(((a:2.0,b:3.0):3.0,c:4.0):2.0")


def test_profile_distances_by_the_oracle() -> None:
    found = profile_distances(np.array([[1, 0.6, 0.1], [0.6, 1, 0.2], [0.1, 0.2, 1]]))
    assert found[0, 1] == pytest.approx(0.219311, abs=1e-6)
    assert found[0, 2] == pytest.approx(0.671298, abs=1e-6)
    assert found[1, 2] == pytest.approx(0.590629, abs=1e-6)


def test_planted_families_are_branches_with_support() -> None:
    skbio, _ = _scikit_bio()
    families = np.repeat(np.arange(3), 4)
    rng = np.random.default_rng(0)
    values = np.where(families[:, None] == families[None, :], 0.7, 0.2) + 0.03 * rng.normal(size=(12, 12))
    values = (values + values.T) / 2
    np.fill_diagonal(values, 1)
    names = [f"model (x):{i}_'a'" for i in range(12)]
    found = tree(comparison(values, names))
    read = skbio.TreeNode.read(io.StringIO(found.newick), convert_underscores=False)
    assert {tip.name for tip in read.tips()} == set(names)
    clades = {frozenset(node.subset()): node.name for node in read.postorder() if not node.is_tip()}
    clades |= {frozenset(names) - part: name for part, name in clades.items()}
    for family in range(3):
        own = frozenset(name for name, one in zip(names, families, strict=True) if one == family)
        assert int(clades[own]) >= 95
    assert names[0] in found.drawn()
    with pytest.raises(ValueError, match="at least three models"):
        tree(comparison(np.eye(2)))
    with pytest.raises(ValueError, match="leave out m1"):
        tree(comparison(np.where(np.eye(3, dtype=bool), np.nan, 0.5) * [[1, np.nan, 1]] * 3 + np.diag([1, np.nan, 1])))


# --- what shapes a representation ---


def test_the_planted_factor_explains_and_the_other_does_not() -> None:
    rng = np.random.default_rng(1)
    modality = np.repeat(["atoms", "string"], 8)
    data = np.tile(["a", "b", "c", "d"], 4)
    values = np.where(modality[:, None] == modality[None, :], 0.6, 0.2) + 0.05 * rng.normal(size=(16, 16))
    values = (values + values.T) / 2
    np.fill_diagonal(values, 1)
    found = factors(comparison(values, modality=modality, training_data=data, family=[str(i) for i in range(16)]))
    assert [factor.name for factor in found] == ["modality", "training_data"]
    assert found[0].p < 0.01
    assert found[0].share > 0.3 > found[0].by_chance
    assert found[1].p > 0.05
    assert found[1].share < found[1].by_chance + 0.05


def test_shares_are_those_of_permanova() -> None:
    skbio, _ = _scikit_bio()
    rng = np.random.default_rng(2)
    points = rng.normal(size=(12, 3))
    distances = np.linalg.norm(points[:, None] - points[None, :], axis=2)
    groups = np.repeat(["a", "b", "c"], 4)
    found = factors(comparison(1 - distances, family=groups), facts=["family"])[0]
    f = skbio.stats.distance.permanova(skbio.DistanceMatrix(distances), groups, permutations=999, seed=0)
    statistic = f["test statistic"]
    assert found.share == pytest.approx(statistic * 2 / (statistic * 2 + 12 - 3), abs=1e-9)
    assert found.p == pytest.approx(f["p-value"], abs=0.06)


def test_controls_and_facts_that_say_nothing_are_left_out() -> None:
    values = np.full((6, 6), 0.5) + np.eye(6) / 2
    kinds = ["atoms"] * 4 + ["control"] * 2
    assert factors(comparison(values, modality=kinds, family=list("abcdef"))) == []


def test_a_metric_of_which_less_is_more_alike() -> None:
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(60, 4))
    models = {f"m{i}": shared @ rng.normal(size=(4, 6)) + i * rng.normal(size=(60, 6)) for i in range(4)}
    assert len(tree(compare(models, metrics=["information_imbalance"]), "information_imbalance").models) == 4


# --- in and out of distribution ---


def test_the_degree_of_shift_grows_with_the_shift() -> None:
    rng = np.random.default_rng(0)
    inside, outside = rng.normal(size=(300, 6)), rng.normal(size=(150, 6))
    found = [degree_of_shift(inside, outside + far) for far in (0.0, 0.7, 2.0, 10.0)]
    aucs, ratios = [one.auc for one in found], [one.ratio for one in found]
    assert aucs[0] == pytest.approx(0.5, abs=0.06)
    assert ratios[0] == pytest.approx(1, abs=0.1)
    assert aucs == sorted(aucs)
    assert ratios == sorted(ratios)
    assert aucs[-1] == 1
    turned = degree_of_shift(5 * inside[:, ::-1], 5 * (outside + 0.7)[:, ::-1])
    assert turned.ratio == pytest.approx(ratios[1], rel=1e-4)
    assert turned.distance.shape == (150,)


def test_the_k_th_distance_by_hand() -> None:
    inside, outside = np.array([[0.0], [1.0], [3.0], [7.0]]), np.array([[2.0], [-1.0]])
    found = degree_of_shift(inside, outside, k=2)
    # Second nearest of each reference sample among the others: 3, 2, 3, 6.
    np.testing.assert_allclose(found.distance, np.array([1, 2]) / 3, rtol=1e-6)
    assert found.ratio == pytest.approx(0.5)
    assert found.auc == pytest.approx((0 + 0.5) / 8)


def test_what_has_no_shift_is_named() -> None:
    x = np.zeros((10, 2))
    with pytest.raises(ValueError, match="reference has 2 columns and shifted 3"):
        degree_of_shift(x, np.zeros((5, 3)))
    with pytest.raises(ValueError, match="no distance"):
        degree_of_shift(x, x, metric="inner_product")


def test_a_planted_fall_is_found_and_none_is_not() -> None:
    rng = np.random.default_rng(0)
    m = 12
    base = rng.uniform(0.3, 0.9, (m, m))
    noise = rng.normal(size=(m, m))
    inside, fallen, same = ((v + v.T) / 2 for v in (base, base * 0.6, base + 0.05 * noise))
    for values in (inside, fallen, same):
        np.fill_diagonal(values, 1)
    down = regimes(comparison(inside), comparison(fallen))[0]
    assert down.low <= down.outside - down.inside <= down.high < 0
    assert down.rising == 0
    assert down.correlation == pytest.approx(1)
    level = regimes(comparison(inside), comparison(same))[0]
    assert level.low < 0 < level.high


def test_the_part_beyond_chance_is_compared() -> None:
    values = np.full((3, 3), 0.2) + 0.8 * np.eye(3)
    one, other = comparison(values), comparison(values)
    for data, level in ((one, 0.2), (other, 0.0)):
        data["cknna_chance"] = (("model", "other"), np.full((3, 3), level))
    found = regimes(one, other)[0]
    assert found.inside == pytest.approx(0)
    assert found.outside == pytest.approx(0.2)
    assert np.isnan(found.correlation)
    with pytest.raises(ValueError, match="share 0 models"):
        regimes(one, comparison(values, ["x", "y", "z"]))


# --- layers ---


def layered(seed: int, shared: float) -> dict[str, np.ndarray]:
    """Two models of four layers, of which one of each sees the same."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(40, 4))
    found = {f"{model}@{layer}": rng.normal(size=(40, 6)) for model in "ab" for layer in range(4)}
    for name in ("a@2", "b@1"):
        found[name] = shared * common @ rng.normal(size=(4, 6)) + found[name]
    return found


def test_the_layers_that_see_the_same_are_found() -> None:
    for metric in ("cka", "information_imbalance"):
        found = best_layers(compare(layered(0, 2.0), metrics=[metric], permutations=39, draws=True), metric)
        assert [(one.model, one.other, one.layer, one.other_layer) for one in found] == [("a", "b", "a@2", "b@1")]
        assert found[0].p == pytest.approx(1 / 40)
        assert found[0].calibrated > 0.1
        assert found[0].pairs == 16


def test_the_best_of_many_layers_of_noise_is_no_discovery() -> None:
    ps, smallest = [], []
    for seed in range(60):
        data = compare(layered(seed, 0.0), metrics=["cka"], permutations=39, draws=True)
        ps.append(best_layers(data)[0].p)
        smallest.append(data.cka_p.values[:4, 4:].min())
    assert np.mean(np.array(ps) <= 0.05) <= 0.14
    assert np.mean(np.array(smallest) <= 0.05) > 0.3  # what one pair alone would claim


def test_layers_need_draws() -> None:
    with pytest.raises(ValueError, match="keeps no permutations of cka"):
        best_layers(compare(layered(0, 0.0), metrics=["cka"], permutations=9))


# --- shared errors ---


def test_planted_shared_errors_are_found() -> None:
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(2, 400))
    errors = np.stack([1.5 * shared[i // 3] + rng.normal(size=400) for i in range(6)])
    errors[:, 5] = np.nan
    found = blind_spots(errors)
    together = np.equal.outer(np.arange(6) // 3, np.arange(6) // 3) & ~np.eye(6, dtype=bool)
    assert found.n == 399
    assert found.correlation[together].min() > 0.3 > np.abs(found.correlation[~together & ~np.eye(6, dtype=bool)]).max()
    assert found.kappa[together].min() > 0.1
    assert np.abs(found.kappa[~together & ~np.eye(6, dtype=bool)]).max() < 0.15
    assert (found.by_difficulty[:, together] > 0.2).all()
    seen = association(np.where(together, 0.8, 0.2) + 0.01 * rng.normal(size=(6, 6)), found.correlation)
    assert seen.correlation > 0.5
    assert seen.p < 0.15  # six models have few orders


def test_kappa_by_hand() -> None:
    # Wrong on 2 of 8 and 4 of 8, both on 2: c = 6 / 8, e = 6 / 8 4 / 8 + 2 / 8 4 / 8 = 1 / 2.
    errors = np.array([[9, 9, 1, 1, 1, 1, 1, 1], [-9, 9, 9, 9, 1, 1, 1, 1]], float)
    found = blind_spots(errors, threshold=5)
    assert found.kappa[0, 1] == pytest.approx(0.5)
    assert found.kappa[0, 0] == 1
    assert np.isnan(found.by_difficulty).all()


def test_independent_similarities_are_seldom_associated() -> None:
    ps = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        points, others = rng.normal(size=(8, 2)), rng.normal(size=(8, 2))
        near = [-np.linalg.norm(v[:, None] - v[None, :], axis=2) for v in (points, others)]
        ps.append(association(*near, permutations=99, seed=seed).p)
    assert np.mean(np.array(ps) <= 0.05) <= 0.14


def test_what_has_no_shared_errors_is_named() -> None:
    with pytest.raises(ValueError, match="at least two models"):
        blind_spots(np.zeros((1, 20)))
    with pytest.raises(ValueError, match="7 samples have an error"):
        blind_spots(np.zeros((2, 7)))
    with pytest.raises(ValueError, match="at least four models"):
        association(np.eye(3), np.eye(3))


# --- scale ---


def test_a_planted_power_law() -> None:
    rng = np.random.default_rng(0)
    size = np.geomspace(1e5, 1e9, 9)
    error = 3 * size**-0.2 * np.exp(0.05 * rng.normal(size=9))
    found = scale_trend([*size, np.nan], [*error, 1.0], logarithmic=True)
    assert found.low < -0.2 < found.high
    assert found.p < 1e-4
    assert found.n == 9
    flat = scale_trend(size, rng.normal(size=9))
    assert flat.low < 0 < flat.high


def test_three_models_have_no_interval() -> None:
    assert np.isnan(scale_trend([1, 10, 100], [1, 2, 4]).low)
    for size, value, wrong in (
        ([1, 2], [1, 2], "2 models of 2 sizes"),
        ([5, 5, 5], [1, 2, 3], "3 models of 1 sizes"),
        ([0, 1, 2], [1, 2, 3], "above 0"),
    ):
        with pytest.raises(ValueError, match=wrong):
            scale_trend(size, value)


# --- probes ---


@pytest.mark.parametrize("kind", ["ridge", "knn"])
def test_a_probe_finds_what_is_there_and_nothing_in_noise(kind: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 4))
    label = x[:, 0] + 0.1 * rng.normal(size=300)
    label[:20] = np.nan
    found = probe(x, label, kind=kind, train=150)
    assert (found.train, found.test) == (150, 130)
    assert found.r2 > (0.95 if kind == "ridge" else 0.6)
    assert found.mae < found.baseline / 2
    nothing = probe(rng.normal(size=(300, 40)), label, kind=kind, train=150)
    assert nothing.r2 < 0.1
    assert nothing.mae > 0.9 * nothing.baseline


def test_draws_are_the_same_for_every_embedding_of_the_samples() -> None:
    label = np.random.default_rng(1).normal(size=60)
    first, second = (probe(np.random.default_rng(seed).normal(size=(60, 3)), label) for seed in (2, 3))
    assert first.baseline == second.baseline
    assert first.mae != second.mae


def test_what_cannot_be_probed() -> None:
    for arguments, wrong in (
        ((np.zeros((30, 2)), np.zeros(29)), "got shapes"),
        ((np.zeros((30, 2)), np.zeros(30)), "24 to fit on and 6 to test"),
    ):
        with pytest.raises(ValueError, match=wrong):
            probe(*arguments)
    with pytest.raises(ValueError, match="unknown probe 'tree'"):
        probe(np.zeros((30, 2)), np.zeros(30), kind="tree")
