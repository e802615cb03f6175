from __future__ import annotations

import itertools
from types import SimpleNamespace

import jax
import numpy as np
import pytest
import xarray as xr

from hyle.engine import (
    cca,
    cka,
    cknna,
    compare,
    cycle_knn,
    distance_correlation,
    id_correlation,
    information_imbalance,
    intrinsic_dimension,
    jaccard_knn,
    linear_regression,
    list_metrics,
    metrics,
    multiscale_cka,
    mutual_knn,
    pnka,
    procrustes,
    pwcca,
    rank_similarity,
    reconstruction_error,
    rsa,
    second_order_cosine,
    svcca,
)

from ..samples import D, N, single, views

K, DIMENSION_K = 5, 20
IDS = [f"s{i:03d}" for i in range(N)]
VARIANTS = ("biased", "row_centred", "double_centred", "calibrated_form")
NEIGHBOUR_PAIRS = (
    *("mutual_knn", "jaccard_knn", "cycle_knn", "second_order_cosine", "rank_similarity"),
    *("cknna", *(f"cknna_{variant}" for variant in VARIANTS)),
)
SINGLE = (
    "intrinsic_dimension",
    "intrinsic_dimension_mle_arithmetic",
    "intrinsic_dimension_twonn",
    "intrinsic_dimension_twonn_ml",
    "intrinsic_dimension_gride",
)
HSIC_PAIRS = ("cka", "cka_rbf", "distance_correlation")
BIASED = tuple(f"{name}_biased" for name in HSIC_PAIRS)
PAIRS = (*HSIC_PAIRS, *BIASED, *NEIGHBOUR_PAIRS, "information_imbalance", "id_correlation", "pnka")


def panel():
    x, y = views(0)
    noise = np.random.default_rng(1).normal(size=x.shape)
    return {"x": single(x), "y": single(y), "noise": single(noise), "mixed": single(x + noise)}


def run(representations, **options):
    options = {"metrics": [*PAIRS, *SINGLE], "k": K, "dimension_k": DIMENSION_K, **options}
    return compare(representations, **options)


@pytest.fixture(scope="module")
def comparison():
    return run(panel())


FUNCTIONS = {
    "cka": cka,
    "cka_biased": lambda x, y: cka(x, y, debiased=False),
    "cka_rbf": lambda x, y: cka(x, y, kernel="rbf"),
    "cka_rbf_biased": lambda x, y: cka(x, y, kernel="rbf", debiased=False),
    "distance_correlation": distance_correlation,
    "distance_correlation_biased": lambda x, y: distance_correlation(x, y, debiased=False),
    "information_imbalance": information_imbalance,
    "mutual_knn": lambda x, y: mutual_knn(x, y, k=K),
    "jaccard_knn": lambda x, y: jaccard_knn(x, y, k=K),
    "cycle_knn": lambda x, y: cycle_knn(x, y, k=K),
    "cknna": lambda x, y: cknna(x, y, k=K),
    **{f"cknna_{v}": lambda x, y, v=v: cknna(x, y, k=K, variant=v) for v in VARIANTS},
    "intrinsic_dimension": lambda x: intrinsic_dimension(x, k=DIMENSION_K),
    "intrinsic_dimension_mle_arithmetic": lambda x: intrinsic_dimension(x, estimator="mle_arithmetic", k=DIMENSION_K),
    "intrinsic_dimension_twonn": lambda x: intrinsic_dimension(x, estimator="twonn"),
    "intrinsic_dimension_twonn_ml": lambda x: intrinsic_dimension(x, estimator="twonn_ml"),
    "intrinsic_dimension_gride": lambda x: intrinsic_dimension(x, estimator="gride", k=DIMENSION_K),
    "id_correlation": id_correlation,
    "procrustes": procrustes,
    **{
        name: lambda x, y, form=form: procrustes(x, y, form=form)
        for name, form in (("procrustes_root", "root"), ("procrustes_angular", "angular"), ("bures", "bures"))
    },
    "rsa": rsa,
    "rsa_cosine": lambda x, y: rsa(x, y, distance="cosine"),
    "rsa_correlation": lambda x, y: rsa(x, y, distance="correlation"),
    "rsa_pearson": lambda x, y: rsa(x, y, correlation="pearson"),
    "rsa_kendall": lambda x, y: rsa(x, y, correlation="kendall"),
    "cca": cca,
    "cca_squared": lambda x, y: cca(x, y, form="squared"),
    "svcca": svcca,
    "multiscale_cka": multiscale_cka,
    "pwcca": pwcca,
    "linear_regression": linear_regression,
    "linear_regression_in_sample": lambda x, y: linear_regression(x, y, held_out=False),
    "second_order_cosine": lambda x, y: second_order_cosine(x, y, k=K),
    "rank_similarity": lambda x, y: rank_similarity(x, y, k=K),
    "pnka": pnka,
    "reconstruction_error": reconstruction_error,
    "reconstruction_error_local": lambda x, y: reconstruction_error(x, y, scope="local", k=K),
}


def test_every_metric_has_a_reference_function():
    assert set(list_metrics()) == set(FUNCTIONS)


@pytest.mark.parametrize("name", PAIRS)
def test_pair_metrics_agree_with_their_functions(name, comparison):
    for (a, x), (b, y) in itertools.product(panel().items(), repeat=2):
        value = comparison[name].sel(model=a, other=b).item()
        assert value == pytest.approx(float(FUNCTIONS[name](x, y)), rel=1e-5, abs=1e-6), (a, b)


@pytest.mark.parametrize("name", SINGLE)
def test_single_metrics_agree_with_their_functions(name, comparison):
    for a, x in panel().items():
        assert comparison[name].sel(model=a).item() == pytest.approx(float(FUNCTIONS[name](x)), rel=1e-5)


def test_with_ids_the_order_of_rows_changes_no_bit(comparison):
    rng = np.random.default_rng(2)
    orders = {name: rng.permutation(N) for name in panel()}
    shuffled = run(
        {
            name: SimpleNamespace(embedding=x[orders[name]], ids=[IDS[i] for i in orders[name]])
            for name, x in panel().items()
        }
    )
    for name in comparison.data_vars:
        np.testing.assert_array_equal(shuffled[name], comparison[name], err_msg=str(name))


def test_the_order_of_models_does_not_matter(comparison):
    reordered = run(dict(reversed(panel().items()))).sel(model=comparison.model, other=comparison.other)
    for name in comparison.data_vars:
        if comparison[name].dtype.kind == "f":
            np.testing.assert_allclose(reordered[name], comparison[name], rtol=1e-5, atol=1e-6, err_msg=str(name))
        else:
            np.testing.assert_array_equal(reordered[name], comparison[name])


def test_chance_levels(comparison):
    for name in PAIRS:
        assert comparison[f"{name}_chance"].dims == ("model", "other")
    for name in HSIC_PAIRS:
        assert (comparison[f"{name}_chance"] == 0).all()
    for name in BIASED:
        chance = comparison[f"{name}_chance"].values
        np.testing.assert_allclose(chance, chance.T)
        assert ((chance > 0) & (chance < 1)).all()
    assert (comparison.information_imbalance_chance == 1).all()
    np.testing.assert_allclose(comparison.mutual_knn_chance, K / (N - 1))
    for variant in VARIANTS:
        chance = comparison[f"cknna_{variant}_chance"]
        np.testing.assert_allclose(chance, chance.T, rtol=1e-6)
    assert 0 < float(comparison.cknna_chance.mean()) < 2 * K / (N - 1)
    assert not any(f"{name}_chance" in comparison for name in SINGLE)


def test_settings_and_facts_are_in_the_attributes(comparison):
    assert comparison.attrs["n"] == N
    assert comparison.attrs["dtype"] == "float32"
    assert comparison.attrs["seed"] == 0
    assert {"sample_hash", "hyle_version", "jax_version", "device"} <= set(comparison.attrs)
    for name in (*PAIRS, *SINGLE):
        metric, attributes = list_metrics()[name], comparison[name].attrs
        assert attributes["n"] == N
        assert attributes["citation"] == metric.citation
        assert attributes["kind"] == metric.kind
        assert attributes["estimator"]
    for name in NEIGHBOUR_PAIRS:
        assert comparison[name].attrs["k"] == K
        assert comparison[name].attrs["neighbour_metric"] == "cosine"
    assert comparison.intrinsic_dimension.attrs["k"] == DIMENSION_K
    assert comparison.intrinsic_dimension_twonn.attrs["k"] == 2
    assert comparison.cka.attrs["kernel"] == "linear"
    assert "median" in comparison.cka_rbf.attrs["sigma"]


def test_each_model_has_its_size_duplicates_and_largest_variance_share(comparison):
    x = panel()["x"]
    assert comparison.n_model.values.tolist() == [N] * 4
    assert comparison.duplicates.values.tolist() == [0] * 4
    assert comparison.dim.values.tolist() == [D] * 4
    variance = x.astype(np.float64).var(0)
    assert comparison.top_column_share.sel(model="x").item() == pytest.approx(variance.max() / variance.sum(), rel=1e-5)


def test_only_cosine_metrics_ignore_a_sum_in_place_of_a_mean():
    """CHGNet documents its crystal vector as a mean over atoms, but it is a sum."""
    x = panel()["x"]
    atoms = np.random.default_rng(3).integers(2, 40, size=(N, 1)).astype("float32")
    found = run({"mean": x, "sum": x * atoms}, metrics=["mutual_knn", "cknna", "cka"])
    pair = found.sel(model="mean", other="sum")
    assert pair.mutual_knn.item() == pytest.approx(1)
    assert pair.cknna.item() == pytest.approx(1, abs=1e-5)
    assert pair.cka.item() < 0.8


@pytest.mark.parametrize("centre", [False, True])
def test_dead_columns_are_counted(centre):
    x = panel()["x"].copy()
    x[:, 0] = 0.1  # its mean in float32 is not 0.1
    x[:, 2] = 0
    x[0, 3] += 1e-6
    found = run({"x": x, "y": panel()["y"]}, centre=centre)
    assert found.dead_columns.values.tolist() == [2, 0]


def test_repeated_rows_and_ties_are_counted():
    x, y = (v.copy() for v in itertools.islice(panel().values(), 2))
    x[[3, 4, 5]] = x[2]
    found = run({"x": x, "y": y})
    assert found.duplicates.values.tolist() == [3, 0]
    assert found.intrinsic_dimension_n_used.values.tolist() == [N - 3, N]
    assert found.mutual_knn_ties.sel(model="y") == 0


def test_joined_rows_are_counted():
    x, y = itertools.islice(panel().values(), 2)
    found = compare(
        {"x": SimpleNamespace(embedding=x, ids=IDS), "y": SimpleNamespace(embedding=y[:-8], ids=IDS[:-8])},
        metrics=["cka"],
    )
    assert found.n_model.values.tolist() == [N, N - 8]
    assert found.attrs["n"] == found.cka.attrs["n"] == N - 8


def test_only_the_requested_metrics_are_computed_each_once():
    found = compare(panel(), metrics=["cka", "cka"])
    assert "cka" in found
    assert not set(found.data_vars) & (set(FUNCTIONS) - {"cka"})


def test_cka_needs_no_neighbours():
    assert "cka" in compare({"x": panel()["x"][:8], "y": panel()["y"][:8]}, metrics=["cka"])


@pytest.mark.parametrize(
    "options",
    [
        {"metrics": ["cka", "cka_rbf", "mutual_knn", "cknna"], "permutations": 20},
        {"metrics": ["cka", "cka_biased", "intrinsic_dimension"], "permutations": 20},
        {"metrics": ["intrinsic_dimension", "mutual_knn"], "permutations": 2 * N, "jackknife_groups": 5},
        {"metrics": ["mutual_knn", "intrinsic_dimension"], "jackknife_groups": 5},
        {"metrics": ["cka", "mutual_knn"], "permutations": 5, "strata": [str(i % 3) for i in range(N)]},
        {"metrics": ["cka", "cknna"], "permutations": 5, "groups": [str(i % 3) for i in range(N)]},
    ],
    ids=lambda options: " ".join([*options["metrics"], *list(options)[1:]]),
)
def test_the_share_of_work_never_falls_and_ends_at_one(options):
    steps = []
    compare(panel(), k=K, progress=lambda *step: steps.append(step), **options)
    shares = [share for _, share in steps]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    # The last stage is not a rest: the share does not jump to its end before most of the stages are through.
    stages = list(dict.fromkeys(stage for stage, _ in steps))
    assert all(min(share for name, share in steps if name == stage) < 1 for stage in stages[:-1])


def test_progress_is_reported():
    steps = []
    compare(panel(), metrics=["cka", "mutual_knn"], k=K, progress=lambda *step: steps.append(step))
    shares = [share for _, share in steps]
    assert {"all pairs of samples", "linear CKA, debiased", "mutual k-NN overlap"} <= {stage for stage, _ in steps}
    assert shares == sorted(shares)
    assert shares[-1] == 1


@pytest.mark.parametrize(
    "name", ["information_imbalance", "procrustes", "id_correlation", "reconstruction_error", "rsa"]
)
def test_progress_is_reported_within_slow_metrics(name):
    steps = []
    compare(panel(), metrics=[name], permutations=5, progress=lambda *step: steps.append(step))
    shares = [share for _, share in steps]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    long_name = list_metrics()[name].long_name
    stages = [long_name] * (name in ("id_correlation", "reconstruction_error", "rsa"))
    stages += [f"{long_name}, permutations"] * (name != "rsa")  # its few diagonals are one step here
    for stage in stages:
        assert len({share for name, share in steps if name == stage}) > 2, stage


def test_a_constant_model_has_nan_scores_and_does_not_affect_others(comparison):
    found = run({**panel(), "noise": np.full((N, D), 3.3, np.float32)})
    others = ["x", "y", "mixed"]
    for name in PAIRS:
        assert found[name].sel(model="noise").isnull().all(), name
        assert found[name].sel(other="noise").isnull().all(), name
        kept = found[name].sel(model=others, other=others)
        xr.testing.assert_allclose(kept, comparison[name].sel(model=others, other=others), rtol=1e-5, atol=1e-6)
    assert found.intrinsic_dimension.sel(model="noise").isnull()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metrics": ["mutual_kn"]}, "'mutual_kn'; did you mean 'mutual_knn'\\? \\(there are: cca, "),
        ({"metrics": ["zzzzzz"]}, "no metric is called 'zzzzzz' \\(there are"),
        ({"metrics": []}, "no metric was asked for"),
        ({"k": N}, f"k={N} neighbours are not possible with {N} samples: use k from 2 to {N - 1}"),
        ({"dimension_k": N}, f"k={N} neighbours"),
        ({"neighbour_metric": "manhattan"}, "unknown neighbour metric 'manhattan'"),
    ],
)
def test_invalid_options_raise_clear_errors(options, message):
    with pytest.raises(ValueError, match=message):
        run(panel(), **options)


def test_rows_that_are_not_finite_are_named_by_id():
    x = panel()["x"].copy()
    x[7, 0] = np.nan
    with pytest.raises(ValueError, match=r"x: 1 of 64 rows .* s007"):
        run({"x": SimpleNamespace(embedding=x, ids=IDS), "y": SimpleNamespace(embedding=panel()["x"], ids=IDS)})


def test_a_second_run_of_the_same_shapes_compiles_nothing(comparison):
    compiled = []
    jax.monitoring.register_event_duration_secs_listener(lambda event, *_, **__: compiled.append(event))
    for shift in range(4):  # whatever the alignment of the buffers in memory
        run({name: np.concatenate([np.zeros((shift, D), np.float32), x])[shift:] for name, x in panel().items()})
    assert not [event for event in compiled if "backend_compile" in event]


def test_a_new_file_is_a_new_metric(tmp_path, monkeypatch):
    (tmp_path / "rows.py").write_text(
        """
from hyle.engine.metrics import Metric, Result
import numpy as np

METRICS = (
    Metric(
        name="rows", long_name="rows", kind="single",
        evaluate=lambda panel: Result(np.full(panel.m, panel.n), None, {"estimator": "count"}), needs=(),
        symmetric=True, bounds=(0.0, 1e9), higher_is_better=None, chance="none", meaning="How many?", citation="none",
    ),
)
"""
    )
    before = set(list_metrics())
    monkeypatch.setattr(metrics, "__path__", [*metrics.__path__, str(tmp_path)])
    list_metrics.cache_clear()
    try:
        assert "rows" in list_metrics()
        assert compare(panel(), metrics=["rows"]).rows.values.tolist() == [N] * 4
    finally:
        monkeypatch.undo()
        list_metrics.cache_clear()
    assert set(list_metrics()) == before


def test_the_smallest_k_depends_on_the_metrics() -> None:
    rows = panel()
    found = compare(rows, metrics=["mutual_knn"], k=1)
    x, y = itertools.islice(rows, 2)
    assert found.mutual_knn.sel(model=x, other=y) == pytest.approx(float(mutual_knn(rows[x], rows[y], k=1)))
    with pytest.raises(ValueError, match="k=1"):
        compare(rows, metrics=["mutual_knn", "cknna"], k=1)


@pytest.mark.parametrize("metrics", [["mutual_knn"], ["cka_rbf"], ["cka", "cka_rbf"], ["cka"]])
def test_the_effective_rank_is_that_of_the_covariance_for_all_metrics(metrics):
    rng = np.random.default_rng(0)
    scales = {"a": rng.random(30) * 1e6, "b": rng.random(9), "flat": np.zeros(4)}
    found = compare({name: rng.normal(size=(200, len(s))) * s + 3 for name, s in scales.items()}, metrics=metrics)
    rng = np.random.default_rng(0)
    scales = {"a": rng.random(30) * 1e6, "b": rng.random(9)}
    for name, s in scales.items():
        values = np.linalg.eigvalsh(np.cov((rng.normal(size=(200, len(s))) * s).T))
        assert float(found.effective_rank.sel(model=name)) == pytest.approx(
            values.sum() ** 2 / (values**2).sum(), rel=1e-5
        )
    assert float(found.effective_rank.sel(model="flat")) == 0
