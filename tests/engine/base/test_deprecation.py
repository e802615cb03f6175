"""Old names are accepted with a warning, and mean what the new ones mean."""

from __future__ import annotations

import importlib
import warnings

import numpy as np
import pytest
import xarray as xr

from hyle.engine import ResolutionWarning, compare, list_metrics, load_comparison, mutual_knn, save_comparison

from ..samples import K, single, views

OPTIONS = {"metrics": ["mutual_knn"], "k": K, "permutations": 5}


def pair() -> dict[str, np.ndarray]:
    return dict(zip("xy", map(single, views(0)), strict=True))


def test_arguments_of_compare() -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        warnings.simplefilter("ignore", ResolutionWarning)
        old = compare(pair(), intervals=5, draws=True, **OPTIONS)
    assert {str(one.message).split()[0] for one in told} == {"intervals=", "draws="}
    assert {(one.category, one.filename) for one in told} == {(FutureWarning, __file__)}
    xr.testing.assert_identical(old, compare(pair(), jackknife_groups=5, keep_resamples=True, **OPTIONS))


def test_arguments_of_functions() -> None:
    x, y = pair().values()
    with pytest.warns(FutureWarning, match="metric= is now called neighbour_metric="):
        old = mutual_knn(x, y, k=K, metric="euclidean")
    assert old == mutual_knn(x, y, k=K, neighbour_metric="euclidean")
    with pytest.raises(TypeError, match="both metric= and neighbour_metric="):
        mutual_knn(x, y, k=K, metric="euclidean", neighbour_metric="cosine")


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        ("hyle.engine", "AlignmentProbe", "AlignmentMonitor"),
        ("hyle.engine.training", "AlignmentProbe", "AlignmentMonitor"),
        ("hyle.engine.training", "distil", "distill"),
        ("hyle.engine.analysis", "place", "align_to"),
        ("hyle.engine.analysis", "Placement", "AlignmentProfile"),
    ],
)
def test_attributes(module: str, old: str, new: str) -> None:
    found = importlib.import_module(module)
    with pytest.warns(FutureWarning, match=f"{old} is now called {new}"):
        assert getattr(found, old) is getattr(found, new)
    with pytest.raises(AttributeError, match="nothing_of_this_name"):
        found.nothing_of_this_name  # noqa: B018


def test_files_of_the_old_names_are_read(tmp_path) -> None:
    new = compare(pair(), jackknife_groups=5, keep_resamples=True, **OPTIONS)
    names = {"mutual_knn_null_samples": "mutual_knn_draws", "mutual_knn_jackknife_values": "mutual_knn_parts"}
    old = new.rename({**names, "jackknife_group": "part"})
    for name, kind in zip(names.values(), ("draws", "parts"), strict=True):
        old[name].attrs["kind"] = kind
    for name in ("se", "low", "high"):
        attributes = old[f"mutual_knn_{name}"].attrs
        attributes["parts"] = attributes.pop("jackknife_groups")
    old.attrs["intervals"] = old.attrs.pop("jackknife_groups")
    found = load_comparison(save_comparison(old, tmp_path / "old.nc"))
    kept = load_comparison(save_comparison(new, tmp_path / "new.nc"))
    assert found.equals(kept)
    assert found.attrs == kept.attrs
    assert {name: found[name].attrs.keys() for name in found} == {name: kept[name].attrs.keys() for name in kept}


def test_options_are_named() -> None:
    with pytest.raises(TypeError, match="no option 'permutation'; did you mean 'permutations'"):
        compare(pair(), permutation=5)
    with pytest.raises(TypeError, match="given by its name"):
        compare(pair(), metrics=[3])
    metric = list_metrics()["mutual_knn"]
    xr.testing.assert_identical(
        compare(pair(), metrics=[metric, "mutual_knn"], k=K), compare(pair(), metrics="mutual_knn", k=K)
    )
