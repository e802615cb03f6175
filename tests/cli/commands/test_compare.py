"""`hyle compare`, from the command line to its output."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hyle.cli.jobs.sweep import OF_NEIGHBOURS_ALONE
from hyle.engine import (
    blus_residuals,
    cka,
    information_imbalance,
    mutual_knn,
)
from hyle.zoo import Representation, write_embeddings

Run = Callable[..., Any]


def test_compare_joins_by_id_in_any_order(run: Run, pair: tuple[np.ndarray, np.ndarray]) -> None:
    found = run("compare", "a.npz", "b.npz", "--metrics", "cka,mutual_knn", "-k", 10, "--json").json
    scores = {row["metric"]: row for row in found["results"]}
    assert scores["cka"]["value"] == pytest.approx(float(cka(*pair)), abs=1e-6)
    assert scores["mutual_knn"]["value"] == pytest.approx(float(mutual_knn(*pair, k=10)), abs=1e-6)
    assert scores["mutual_knn"]["k"] == 10
    assert scores["mutual_knn"]["chance"] == pytest.approx(10 / 59)
    assert found["n"] == 60


def test_missing_ids_are_counted(run: Run, pair: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    ids = np.array([f"m{i:02d}" for i in range(10, 60)] + ["other"])
    np.savez(tmp_path / "c.npz", embedding=np.r_[pair[1][10:], pair[1][:1]], ids=ids)
    ran = run("compare", "a.npz", "c.npz", "--metrics", "cka", "--json")
    assert ran.json["n"] == 50
    assert ran.json["rows"] == {"a": 60, "c": 51}
    assert "joined 50 samples by id; 10 of 60 samples of a are not in all others: m00, m01, m02, ...\n" in ran.err
    assert "1 of 51 samples of c are not in all others: other\n" in ran.err
    assert ran.json["results"][0]["value"] == pytest.approx(float(cka(pair[0][10:], pair[1][10:])), abs=1e-6)


def test_few_samples_are_warned_of(run: Run, pair: tuple[np.ndarray, np.ndarray]) -> None:
    command = ("compare", "a.npz", "b.npz", "c.npz", "--metrics", "cka", "--permutations", 0)
    for n, warned in ((49, True), (50, False)):
        np.savez("c.npz", embedding=pair[0][:n], ids=IDS[:n])
        ran = run(*command)
        assert ran.code == 0
        assert (f"warning: only {n} samples: scores of so few" in ran.err) == warned


def write_third(seed: int = 5) -> None:
    """Write noise on the same samples as noise.npz, so that there are three pairs."""
    noise = np.random.default_rng(seed).normal(size=(60, 4)).astype("float32")
    np.savez("noise.npz", embedding=noise, ids=IDS)


def test_a_table_has_the_chance_level_in_its_head(run: Run, pair: object) -> None:
    write_third()
    out = run("compare", "noise.npz", "b.npz", "a.npz", "-k", 5, "--dimension-k", 10).out
    head, *rows = out.splitlines()[:4]
    for word in ("cka (chance 0.00)", "cka_rbf (chance 0.00)", "mutual_knn (chance 0.08)", "cknna (chance 0.07)"):
        assert word in head
    # The most aligned pair comes first, whatever the order of the arguments.
    assert rows[0].split()[:2] == ["b", "a"]
    first = [float(row.split()[2].replace("−", "-")) for row in rows]
    assert first == sorted(first, reverse=True)
    assert "k = 5, cosine: mutual_knn, cknna" in out
    assert "intrinsic_dimension (k = 10)" in out
    assert out.startswith("model")
    assert not [line for line in out.splitlines() if line != line.rstrip()]


def test_one_pair_of_many_metrics_has_a_metric_in_each_row(run: Run, pair: object) -> None:
    out = run("compare", "a.npz", "b.npz", "-k", 5, "--metrics", "cka,mutual_knn,rsa,information_imbalance").out
    lines = out.splitlines()
    assert lines[0].split() == ["metric", "chance", "a,", "b"]
    names = [line.split()[0] for line in lines[1:6]]
    assert names == ["cka", "mutual_knn", "rsa", "information_imbalance", "information_imbalance"]
    assert [line.split()[1] for line in lines[4:6]] == ["→", "←"]
    assert lines[2].split()[1] == "0.08"  # 5 of 59


def test_of_directions_that_agree_one_is_shown(run: Run, pair: object) -> None:
    """CKNNA of row-centred kernels is directed by its definition, and hardly differs here; the imbalance does."""
    scores = run("compare", "a.npz", "b.npz", "--metrics", "cknna,information_imbalance", "-k", 59, "--json").json
    for name, arrows in (("cknna", False), ("information_imbalance", True)):
        matrix = np.array(scores["matrices"][name], float)
        assert (abs(matrix[0, 1] - matrix[1, 0]) >= 1e-3) == arrows
        out = run("compare", "a.npz", "b.npz", "--metrics", name, "-k", 59).out
        assert (f"{name} →" in out) == arrows


def test_files_of_several_formats(run: Run, pair: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    np.save(tmp_path / "c.npy", pair[1])
    (tmp_path / "names.txt").write_text("\n".join(f"m{i:02d}" for i in range(60)))
    found = run("compare", "a.npz", "c.npy", "--ids", "names.txt", "--metrics", "cka", "--json").json
    assert found["results"][0]["value"] == pytest.approx(float(cka(*pair)), abs=1e-6)


@pytest.mark.parametrize("suffix", ["nc", "csv", "json", "html"])
def test_compare_writes_files(run: Run, pair: object, tmp_path: Path, suffix: str) -> None:
    (tmp_path / "new").mkdir()
    ran = run("compare", "a.npz", "b.npz", "--metrics", "cka,mutual_knn", "-k", 5, "-o", f"new/x.{suffix}")
    assert ran.code == 0
    assert [p.name for p in (tmp_path / "new").iterdir()] == [f"x.{suffix}"]


def test_report_of_a_saved_comparison(run: Run, pair: object, tmp_path: Path) -> None:
    run("compare", "a.npz", "b.npz", "-k", 5, "-o", "ab.nc")
    assert run("report", "ab.nc", "-o", "out").code == 0
    assert {"report.html", "comparison.nc", "comparison.csv"} == {p.name for p in Path("out").iterdir()}
    assert run("report", "ab.nc", "-o", "out", "--figures").code == 0
    assert {p.suffix for p in Path("out/figures").iterdir()} == {".svg", ".pdf", ".png", ".csv"}


def test_directed_metrics_are_reported_in_both_directions(
    run: Run, pair: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    arguments = ("compare", "a.npz", "b.npz", "--metrics", "information_imbalance,rsa", "--rank-k", 3)
    there, back = (float(information_imbalance(x, y, k=3)) for x, y in (pair, pair[::-1]))
    found = run(*arguments, "-o", "ab.csv", "--json").json
    values = {(row["model"], row["other"]): row["value"] for row in found["results"] if row["metric"] != "rsa"}
    assert values == {("a", "b"): pytest.approx(there, abs=1e-6), ("b", "a"): pytest.approx(back, abs=1e-6)}
    assert [row["metric"] for row in found["results"]].count("rsa") == 1
    assert {row["k"] for row in found["results"]} == {3, None}
    csv = (tmp_path / "ab.csv").read_text("utf-8")
    assert csv.count("information_imbalance") == 2
    out = run(*arguments).out
    assert out.index(f"information_imbalance →    1.00  {there:.2f}") < out.index(f"{back:.2f}")
    assert "lower is more similar: information_imbalance" in out


def test_a_metric_without_a_chance_level_shows_none(run: Run, pair: object) -> None:
    ask = ("--metrics", "reconstruction_error_local,cka", "--permutations", 0, "-k", 9, "-o", "ab.csv")
    out = run("compare", "a.npz", "b.npz", *ask).out
    # It depends on k although it needs no neighbours of the shared pass, so that --sweep takes it.
    by_k = pd.read_csv("ab.csv").groupby("metric").k.first().to_dict()
    assert OF_NEIGHBOURS_ALONE == {name for name, k in by_k.items() if k == 9} == {"reconstruction_error_local"}
    assert "reconstruction_error_local" in out
    lines = {line.split()[0]: line for line in out.splitlines() if line}
    assert lines["cka"].split()[1] == "0.00"
    assert re.match(r"reconstruction_error_local [→←] {6,}\d\.\d\d", lines["reconstruction_error_local"])
    assert "nan" not in out


def test_scores_not_above_chance_are_marked(run: Run, pair: object, tmp_path: Path) -> None:
    noise = np.random.default_rng(5).normal(size=(60, 4)).astype("float32")
    np.savez(tmp_path / "noise.npz", embedding=noise, ids=IDS)
    sources = ("a.npz", "b.npz", "noise.npz", "--metrics", "cka_biased", "--permutations", 59)
    lines = run("compare", *sources).out.splitlines()
    assert "cka_biased (chance)" in lines[0]
    marked = {tuple(line.split()[:2]): "≈" in line for line in lines[1:4]}
    assert marked == {("a", "b"): False, ("a", "noise"): True, ("b", "noise"): True}
    assert any("59 permutations" in line for line in lines)
    found = run("compare", *sources, "--json").json
    first = found["results"][0]
    assert first["p"] == pytest.approx(1 / 60)
    assert first["q"] == pytest.approx(3 / 60)
    assert first["calibrated"] > 0
    assert found["p"]["cka_biased"][0][1] == first["p"]
    assert found["recipe"]["permutations"] == 59
    assert run("compare", *sources[:-1], 0, "--json").json["results"][0]["p"] is None


def test_a_pair_that_could_not_be_significant_is_undecided(run: Run, pair: object, tmp_path: Path) -> None:
    noise = np.random.default_rng(5).normal(size=(60, 4)).astype("float32")
    np.savez(tmp_path / "noise.npz", embedding=noise, ids=IDS)
    few = run("compare", "a.npz", "b.npz", "noise.npz", "--metrics", "cka", "--permutations", 39)
    marks = {tuple(line.split()[:2]): line.rstrip()[-1] for line in few.out.splitlines()[1:4]}
    # Alone at the smallest p, 1 / 40, a and b have q = 3 / 40; a second pair with that p would have had 3 / 80.
    assert marks == {("a", "b"): "?", ("a", "noise"): "≈", ("b", "noise"): "≈"}
    assert "undecided" in few.out
    assert "at least 2 pairs have to be aligned" in few.err
    enough = run("compare", "a.npz", "b.npz", "noise.npz", "--metrics", "cka")
    assert "?" not in enough.out
    assert "200 permutations" in enough.out
    assert run("compare", "a.npz", "b.npz", "--permutations", "some").code == 2


def test_covariates_that_are_among_the_models_are_named(run: Run, pair: object) -> None:
    out = run("compare", "a.npz", "b.npz", "--covariates", "a.npz", "--metrics", "cka", "--permutations", 0)
    assert "explain a wholly" in out.err
    assert out.err.count("warning") == 1


def test_the_best_layers_of_two_models_are_reported(run: Run, tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    shared = generator.normal(size=(60, 4)).astype("float32")
    for name in ("x@0", "x@1", "y@0", "y@1"):
        own = generator.normal(size=(60, 4)).astype("float32")
        np.savez(tmp_path / f"{name}.npz", embedding=own + 3 * shared * (name in ("x@1", "y@0")), ids=IDS)
    files = ("x@0.npz", "x@1.npz", "y@0.npz", "y@1.npz")
    lines = run("compare", *files, "--metrics", "cka", "--permutations", 59).out.splitlines()
    start = next(i for i, line in enumerate(lines) if "the layers that agree most, by cka" in line)
    assert lines[start + 2].split()[:3] == ["x@1", "y@0", "4"]
    assert "agree most" not in run("compare", *files, "--metrics", "cka", "--permutations", 0).out


def test_intervals_are_printed_next_to_the_scores(run: Run, pair: object) -> None:
    ask = ("compare", "a.npz", "b.npz", "--metrics", "cka,intrinsic_dimension", "--intervals", 10)
    assert out_has_errors(run(*ask).out)
    for row in run(*ask, "--json").json["results"]:
        assert row["low"] < row["value"] < row["high"]
    assert run("compare", "a.npz", "b.npz", "--intervals", 2).code == 2


def out_has_errors(out: str) -> bool:
    counts = {line.split()[0]: line.count(" ± ") for line in out.splitlines() if " ± " in line and line[0] != "±"}
    return counts == {"cka": 1, "intrinsic_dimension": 2}


def test_a_sweep_over_k_and_n(run: Run, pair: object, tmp_path: Path) -> None:
    sources = ("compare", "a.npz", "b.npz", "--metrics", "cka,mutual_knn", "--permutations", 0)
    out = run(*sources, "--sweep", "k=3,6", "-o", "swept.csv").out
    assert "( ) chance level of the pair" in out
    assert "k = 3" in out
    assert "linear CKA" not in out
    swept = pd.read_csv(tmp_path / "swept.csv")
    assert swept[["metric", "k"]].values.tolist() == [["mutual_knn", 3], ["mutual_knn", 6]]
    assert swept["chance"].round(3).tolist() == [0.051, 0.102]
    assert "(0.05)" in out
    found = run(*sources, "-k", 5, "--sweep", "n=20,60", "--json").json
    assert found["values"] == [20, 60]
    assert found["matrices"]["cka"][1][0][1] == pytest.approx(run(*sources, "--json").json["results"][0]["value"])
    unswept = run("compare", "a.npz", "b.npz", "--metrics", "cka,rsa", "--sweep", "k=3,6")
    assert unswept.code == 2
    assert "cka, rsa do not depend on k; choose --metrics among cknna" in unswept.err
    assert "mutual_knn" in unswept.err.splitlines()[-1]
    local = run(
        "compare", "a.npz", "b.npz", "--metrics", "reconstruction_error_local", "--sweep", "k=9,12", *sources[-2:]
    )
    assert local.code == 0
    for wrong in ("k=3", "d=1,2", "n=20,61", "k=3,3"):
        assert run(*sources, "--sweep", wrong).code == 2


def test_groups_come_from_a_file(run: Run, pair: object, tmp_path: Path) -> None:
    path = tmp_path / "groups.csv"
    ask = ("compare", "a.npz", "b.npz", "--metrics", "cka", "--permutations", 19, "--groups", path, "--json")
    path.write_text("id,group\n" + "".join(f"{one},{i % 3}\n" for i, one in enumerate(IDS)))
    assert run(*ask).json["recipe"]["groups"] == 3
    for content, wrong in (
        ("id,group\n" + "".join(f"{one},1\n" for one in IDS[1:]), f"1 of 60 samples have no group: {IDS[0]}"),
        (f"id,group\n{IDS[0]},1\n{IDS[0]},2\n", f"row 3: the id '{IDS[0]}' is duplicated"),
        (f"id,group\n{IDS[0]},\n", f"row 2: the id '{IDS[0]}' has no group"),
        ("id\n1\n", "two columns are needed"),
        ("", "cannot be read as .csv"),
    ):
        path.write_text(content)
        ran = run(*ask)
        assert ran.code == 2
        assert wrong in " ".join(ran.err.split())


def test_covariates_are_regressed_out_first(run: Run, pair: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    x, y = pair
    known = np.random.default_rng(1).normal(size=(60, 2)).astype("float32")
    np.savez(tmp_path / "known.npz", embedding=known[::-1], ids=IDS[::-1])
    found = run("compare", "a.npz", "b.npz", "--metrics", "cka", "--covariates", "known.npz", "--json")
    rows, left = blus_residuals(x, known)
    expected = float(cka(left, blus_residuals(y, known)[1]))
    first = found.json["results"][0]
    assert first["value"] == pytest.approx(expected, abs=1e-5)
    assert first["raw"] == pytest.approx(float(cka(x[rows], y[rows])), abs=1e-5)
    assert first["n"] == 57
    assert (
        f"[{first['raw']:.2f}]" in run("compare", "a.npz", "b.npz", "--metrics", "cka", "--covariates", "known.npz").out
    )
    assert found.json["recipe"]["covariates"].startswith("known: 2 columns")
    assert "regressed out known linearly: 2 columns of rank 2, BLUS residuals of 57 samples" in found.err
    plain = run("compare", "a.npz", "b.npz", "--metrics", "cka", "--json").json
    assert plain["recipe"]["covariates"] == "none"


def test_centring_and_block_size_are_passed_to_the_engine(
    run: Run, pair: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    np.savez(tmp_path / "far.npz", embedding=pair[0] + 5, ids=IDS)
    arguments = ("compare", "a.npz", "far.npz", "--metrics", "mutual_knn", "-k", 5, "--json")
    assert run(*arguments).json["results"][0]["value"] < 0.95
    centred = run(*arguments, "--centre", "--block", 7).json
    assert centred["results"][0]["value"] > 0.95
    assert centred["recipe"]["centre"] == 1


IDS = np.array([f"m{i:02d}" for i in range(60)])


def test_ties_and_duplicate_rows_are_reported(run: Run, pair: object) -> None:
    codes = np.eye(3, 8, dtype="float32")[np.arange(60) % 3]
    np.savez("codes.npz", embedding=codes, ids=IDS)
    ran = run("compare", "a.npz", "codes.npz", "--metrics", "mutual_knn", "-k", 5, "--json")
    assert "note: codes: 57 rows repeat an earlier one, 60 have ties" in ran.err
    assert ran.json["duplicates"] == {"a": 0, "codes": 57}
    assert ran.json["ties"] == {"a": 0, "codes": 60}


def test_without_outliers_the_dimension_keeps_the_number_of_neighbours(run: Run, tmp_path: Path) -> None:
    """The default k follows from the number of distinct rows, here 200 of 300."""
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(300, 8))
    rows[200:] = rows[:100]
    rows[150] *= 500
    for name in "de":
        turned = rows @ generator.normal(size=(8, 8))
        np.savez(tmp_path / f"{name}.npz", embedding=turned, ids=[f"s{i}" for i in range(300)])
    found = run("compare", "d.npz", "e.npz", "--metrics", "intrinsic_dimension", "--json").json
    assert found["norm_outliers"] == {"d": ["s150"], "e": ["s150"]}
    assert {row["k"] for row in [*found["results"], *found["without_outliers"]]} == {20}


def test_only_scores_that_change_without_outliers_are_printed(run: Run, tmp_path: Path) -> None:
    """One row is far from the others in one model: the global score follows it, the local one hardly."""
    generator = np.random.default_rng(0)
    z = generator.normal(size=(200, 5))
    ids = [f"s{i}" for i in range(200)]
    for name in "ab":
        rows = z @ generator.normal(size=(5, 8))
        np.savez(f"{name}.npz", embedding=np.where(np.arange(200)[:, None] == 7, 30 * rows, rows), ids=ids)
    np.savez("c.npz", embedding=np.tanh(z @ generator.normal(size=(5, 8))), ids=ids)
    ask = ("compare", "a.npz", "b.npz", "c.npz", "--metrics", "cka,mutual_knn", "-k", 10, "--permutations", 0)
    found, out = run(*ask, "--json").json, run(*ask).out
    before, after = (
        {(row["metric"], row["model"], row["other"]): row["value"] for row in found[part]}
        for part in ("results", "without_outliers")
    )
    moved = {key for key in before if abs(before[key] - after[key]) > 0.02}
    assert {key[0] for key in moved} == {"cka"}
    assert found["norm_outliers"] == {"a": ["s7"], "b": ["s7"]}
    start = next(i for i, line in enumerate(out.splitlines()) if "without these rows, on the other 199 samples" in line)
    shown = [line.replace(",", "").split() for line in out.splitlines()[start + 2 :]]
    assert {(metric, a, b) for a, b, metric, *_ in shown} == moved
    for a, b, metric, old, new in shown:
        assert float(old) == pytest.approx(before[metric, a, b], abs=0.0051)
        assert float(new) == pytest.approx(after[metric, a, b], abs=0.0051)


@pytest.mark.parametrize("name", ["page.html", "page.HTM"])
def test_a_report_is_not_written_into_a_folder_called_like_a_page(run: Run, pair: object, name: str) -> None:
    run("compare", "a.npz", "b.npz", "-k", 5, "-o", "ab.nc")
    ran = run("report", "ab.nc", "-o", name)
    assert ran.code != 0
    assert "name a folder, such as -o page" in ran.err
    assert not Path(name).exists()


@pytest.mark.parametrize(("metric", "ties"), [("cka", False), ("mutual_knn", True)])
def test_ties_are_reported_where_neighbours_are_compared(run: Run, tmp_path: Path, metric: str, ties: bool) -> None:
    ids = [f"m{i}" for i in range(60)]
    rows = np.random.default_rng(0).normal(size=(60, 6))
    write_embeddings(Representation("a", rows, ids), tmp_path / "a.npz")
    write_embeddings(Representation("b", rows[np.arange(60) // 4], ids), tmp_path / "b.npz")
    found = run("compare", "a.npz", "b.npz", "-k", 5, "--metrics", metric)
    text = found.out + found.err
    assert "b: 45 rows repeat an earlier one" in text
    assert ("have ties at the k-th neighbour" in text) == ties


@pytest.mark.usefixtures("pair")
def test_a_dry_run_prints_what_a_comparison_takes(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["hyle.engine.comparison.compare"], "MetricContext", None)  # nothing is computed
    out = run("compare", "a.npz", "b.npz", "-k", 5, "--dry-run", "-o", "c.nc").out
    assert "2 models of 60 samples and 8 to 12 columns" in out
    assert "all pairs of samples" in out
    assert "Nothing was computed" in out
    assert not Path("c.nc").exists()
    found = run("compare", "a.npz", "b.npz", "-k", 5, "--dry-run", "--json").json
    assert "all pairs of samples" in {stage["name"] for stage in found["stages"]}
    assert found["permutations"] == 200
    refused = run("compare", "a.npz", "b.npz", "-k", 5, "--dry-run", "--sweep", "k=5,10")
    assert refused.code == 2
    assert "omit --sweep" in refused.err
    refused = run("compare", "a.npz", "-k", 5, "--dry-run", "--covariates", "b.npz")
    assert refused.code == 2
