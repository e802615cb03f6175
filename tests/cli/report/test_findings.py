"""What the report says first: the headline has the strongest control in it, and null results are apart."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

from hyle import engine
from hyle.cli import report
from hyle.cli.analyses import NotSignificant

Make = Callable[..., xr.Dataset]


def planted(control: float, within: float = 0.8, *, q: float | None = 0.001) -> xr.Dataset:
    """Return three atom models, two string models and composition, which reaches `control` with the atom models."""
    names = ["a1", "a2", "a3", "s1", "s2", "composition"]
    values = np.full((6, 6), 0.3)
    values[:3, :3], values[3:5, 3:5] = within, 0.6
    values[5, :3] = values[:3, 5] = control
    values[5, 3:5] = values[3:5, 5] = 0.1
    np.fill_diagonal(values, 1)
    attrs = {"kind": "pair", "long_name": "linear CKA, debiased", "limits": "[0, 1]", "higher_is_better": 1}
    data = xr.Dataset({"cka": (("model", "other"), values, attrs)}, {"model": names, "other": names})
    data["cka_chance"] = (("model", "other"), np.zeros((6, 6)))
    if q is not None:
        for name in ("p", "q"):
            tested = {"permutations": 400, "alpha": 0.05, "fdr": "bh"}
            data[f"cka_{name}"] = (("model", "other"), np.full((6, 6), q), tested)
    data["modality"] = ("model", ["atoms"] * 3 + ["string"] * 2 + ["control"])
    data.attrs |= {"n": 500, "domain": "molecules", "dataset": "qm9", "title": "Models of QM9"}
    return data


@pytest.mark.parametrize(
    ("control", "expected"),
    [
        (0.8, "but element counts (composition) agree with the atom models as well as they do with each other"),
        (0.95, "but element counts (composition) agree with the atom models at least as well as they do with"),
        (0.5, "but element counts (composition) reach 0.50 with the atom models, which have a mean linear CKA of 0.80"),
        (0.2, "and element counts (composition) only reach 0.20 with the atom models, which have a mean linear CKA"),
    ],
)
def test_the_headline_has_the_strongest_control(control: float, expected: str) -> None:
    line = report.answer(planted(control)).headline
    assert line.startswith("On 500 molecules all 10 pairs of models are more similar than chance")
    assert expected in line


def test_without_a_claim_of_similarity_there_is_no_but() -> None:
    line = report.answer(planted(0.8, q=0.4)).headline
    assert line.startswith("On 500 molecules none of 10 pairs of models is significantly more similar than chance; ")


def test_some_significant_pairs_are_counted() -> None:
    data = planted(0.2)
    data["cka_q"].values[0, 3] = data["cka_q"].values[3, 0] = 0.2
    assert "9 of 10 pairs of models are significantly more similar than chance" in report.answer(data).headline


def test_too_few_permutations_are_no_result() -> None:
    data = planted(0.8)
    for name in ("p", "q"):
        data[f"cka_{name}"].values[:] = 0.25
        data[f"cka_{name}"].attrs["permutations"] = 3
    assert "3 permutations are too few to test 10 pairs of models" in report.answer(data).headline


def test_without_permutations_the_range_is_stated_and_without_controls_that() -> None:
    data = planted(0.8, q=None).isel(model=slice(5), other=slice(5))
    line = report.answer(data).headline
    assert "linear CKA between models ranges from 0.30 to 0.80, highest between modalities for a1 and s1" in line
    assert line.endswith("no control was measured for scale.")


def test_key_figures_are_the_best_pair_and_the_best_control() -> None:
    top = report.answer(planted(0.5))
    assert [(one.value, one.note) for one in top.figures[:2]] == [
        ("0.30", "a1 (atoms) and s1 (string)"),
        ("0.50", "element counts (composition) with a1"),
    ]
    assert top.figures[2].value == "10"
    assert "of 10 pairs; above chance with q" in top.figures[2].note
    assert top.panel == "5 models and 1 control, 500 molecules of QM9."  # spelt as in the title


def test_null_results_are_apart() -> None:
    top = report.answer(planted(0.5), None, ["A finding.", NotSignificant("No finding.")])
    assert top.points == ["A finding."]
    assert top.nulls == ["No finding."]


def test_the_best_pair_is_compared_with_the_best_control_by_intervals_and_not_by_p() -> None:
    data = planted(0.5)
    data["cka_se"] = (("model", "other"), np.full((6, 6), 0.01))
    (line,) = report.answer(data).points
    half = 1.96 * np.hypot(0.01, 0.01)
    assert f"is 0.20 worse than the best control (difference 95 % −{0.2 + half:.2f} to −{0.2 - half:.2f}" in line
    # Two errors of 5 jackknife groups have 4 + 4 degrees of freedom, and t = 2.306 in tables.
    data["cka_se"] = (("model", "other"), np.full((6, 6), 0.03), {"jackknife_groups": 5})
    half = 2.306 * np.hypot(0.03, 0.03)
    assert f"(difference 95 % −{0.2 + half:.2f} to −{0.2 - half:.2f}" in report.answer(data).points[0]
    assert f"{half:.2f}" != f"{1.96 * np.hypot(0.03, 0.03):.2f}"
    data["cka_se"] = (("model", "other"), np.full((6, 6), 0.2))
    assert "is not distinguishable from the best control" in report.answer(data).points[0]


def test_the_mean_dimension_counts_families_once() -> None:
    data = planted(0.5)
    data["intrinsic_dimension"] = ("model", [2.0, 2.0, 2.0, 8.0, 8.0, 99.0], {"kind": "single"})
    data["family"] = ("model", ["x", "x", "x", "y", "y", "z"])
    figure = report.answer(data).figures[2]
    assert (figure.value, figure.interval) == ("4.0", "range 2.0 to 8.0")  # the geometric mean of 2 and 8


def test_a_comparison_without_defined_scores_says_so() -> None:
    data = planted(0.5)
    data["cka"].values[:] = np.nan
    assert "No pair has a defined linear CKA, debiased" in report.answer(data).headline


def test_undefined_pairs_are_counted_apart_and_one_pair_is_singular() -> None:
    data = planted(0.2)
    data["cka"].values[0, 3] = data["cka"].values[3, 0] = np.nan
    line = report.answer(data).headline
    assert line.startswith(
        "On 500 molecules all 9 pairs of models are more similar than chance (1 other pair has no score)"
    )
    data = planted(0.2).isel(model=[0, 1, 2], other=[0, 1, 2])
    data["cka"].values[2, :2] = data["cka"].values[:2, 2] = np.nan
    line = report.answer(data).headline
    assert "a1 and a2 are more similar than chance (linear CKA 0.80, p = 0.001) (2 other pairs have no score)" in line
    data["cka_q"].values[:] = 0.4
    assert "a1 and a2 are not significantly more similar than chance" in report.answer(data).headline
    page = report.render_report(data)
    assert "0 of 1 pair, 2 undefined" in page
    assert "1 pairs" not in page


def test_models_that_differ_by_rotation_and_scale_are_pointed_out() -> None:
    generator = np.random.default_rng(0)
    j, other = generator.normal(size=(60, 8)), generator.normal(size=(60, 5))
    turned = j @ np.linalg.qr(generator.normal(size=(8, 8)))[0]
    models = {"j": j, "k": 2 * j, "turned": 0.3 * turned, "noisy": j + 0.01 * generator.normal(size=j.shape)}
    metrics = ["cka", "mutual_knn", "information_imbalance"]
    data = engine.compare(models | {"other": other}, metrics=metrics, permutations=0)
    expected = "j, k and turned have the same geometry: they differ at most by rotation, translation and scale."
    assert report.answer(data).points[0] == expected
    assert report.render_report(data).count(expected) == 1
    assert report.render_report(data[["cka"]].sel(model=["j", "k"], other=["j", "k"])).count("same geometry") == 1
    # Equal neighbours do not tell, and nothing is said of models that differ a little.
    assert "same geometry" not in report.render_report(data[["mutual_knn"]])
    assert "same geometry" not in report.render_report(data.drop_sel(model=["k", "turned"], other=["k", "turned"]))


def test_untrained_and_random_models_are_controls_by_their_name() -> None:
    data = planted(0.8)
    names = ["a1", "a2", "a3-untrained", "s1", "random", "composition"]
    data = data.assign_coords(model=names, other=names)
    assert report.answer(data).panel == "3 models and 3 controls, 500 molecules of QM9."
    page = report.render_report(data)
    pairs = re.findall(
        r'<tr( class="control")? data-m="[\d ]+"><td><bdi>(.*?)</bdi></td><td><bdi>(.*?)</bdi></td>', page
    )
    assert len(pairs) == 15
    for control, *ends in pairs:
        assert bool(control) == bool({"a3-untrained", "random", "composition"} & set(ends))
    assert data["modality"].values.tolist()[2] == "atoms"  # unchanged
