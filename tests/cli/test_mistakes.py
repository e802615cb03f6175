"""A mistake ends in one line that says what to do, and exit code 2."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hyle.zoo import OperationError

Run = Callable[..., Any]


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
    assert "did you mean 'chgnet-0.2.0', 'chgnet-0.3.0' or 'chgnet-r2scan'?" in mistake("embed", "chgnet")
    assert "'nosuchmodel'. `hyle models`" in mistake("models", "nosuchmodel")
    assert mistake("compare", "a.npz", "zz.npz").endswith("zz.npz does not exist.")
    assert "embed it first: hyle embed minilm" in mistake("compare", "a.npz", "minilm")
    assert "at least two" in mistake("compare", "a.npz")
    assert "has no embeddings" in mistake("compare")
    assert mistake("compare", "--store", "other").endswith("hyle embed aimnet2 nagl-1.0.0 --store other")
    assert "'--store': it is empty; give a folder or an address" in mistake("compare", "--store", "")
    assert "did you mean 'cknna'" in mistake("compare", "a.npz", "b.npz", "--metrics", "cknn")
    assert "-k 60 is too many for 60 samples: use 2 to 59" in mistake("compare", "a.npz", "b.npz", "-k", 60)
    assert "-k 1 is too few: use 2 to 59" in mistake("compare", "a.npz", "b.npz", "-k", 1)
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
    assert "text.npz: is not an .npz file" in mistake("compare", "a.npz", "text.npz")
    write("pickled.npz", embedding=np.array([[{}]] * 60), ids=IDS)
    assert "pickled.npz" in mistake("compare", "a.npz", "pickled.npz")
    write("strangers.npz", embedding=x, ids=np.char.add("z", IDS))
    assert "no sample is common to all 2 representations: do the ids match? (a: " in mistake(
        "compare", "a.npz", "strangers.npz"
    )
    write("three.npz", embedding=x[:3], ids=IDS[:3])
    assert "at least 4 are needed" in mistake("compare", "a.npz", "three.npz")
    write("nan.npz", embedding=np.where(np.arange(60)[:, None] == 7, np.nan, x), ids=IDS)
    assert "nan: 1 of 60 rows contain NaN or infinite numbers: m07" in mistake("compare", "a.npz", "nan.npz")
    write("twice.npz", embedding=x, ids=np.array(["m00", *IDS[:-1]]))
    assert "m00" in mistake("compare", "a.npz", "twice.npz")
    np.save("bare.npy", x)
    assert "bare" in mistake("compare", "a.npz", "bare.npy")
    assert "not a netCDF-4 file" in mistake("report", "a.npz")
    assert "does not exist" in mistake("report", "nowhere.nc")


def test_options_are_checked_before_anything_is_embedded(
    mistake: Callable[..., str], pair: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hyle.cli.commands.run.embed_with_progress", lambda *_, **__: pytest.fail("it was embedded"))
    assert "no metric is called 'foo'" in mistake("run", "--metrics", "foo")
    assert "use 2 to 19, or raise -n" in mistake("run", "-n", 20, "-k", 25)
    assert "at least 4 samples" in mistake("run", "-n", 3)
    assert "cannot write a.npz/x: a.npz is a file" in mistake("run", "-o", "a.npz/x")
    assert "empty list" in mistake("run", "--metrics", "")
    assert "torch cannot use the device 'nowhere'" in mistake("embed", "aimnet2", "-n", 5, "--device", "nowhere")


def test_of_two_sizes_the_larger_is_taken_and_the_other_named(run: Run) -> None:
    for n in (30, 20):
        assert run("embed", "random", "-n", n).code == 0
    ran = run("dimension", "random", "--json")
    assert ran.json[0]["n"] == 30
    line = ran.err.splitlines()[-1]
    assert line.startswith("random: taking qm9 (30 samples), of 2 stored data sets; another: --dataset qm9-")
    assert run("dimension", "random", "--dataset", line.split()[-3], "--json").json[0]["n"] == 20


def test_stored_embeddings_that_fit_equally_well_are_listed(run: Run, mistake: Callable[..., str]) -> None:
    assert run("embed", "random", "-n", 20, "--seed", 1).code == run("embed", "random", "-n", 20).code == 0
    line = mistake("dimension", "random")
    option = line.rpartition("hyle dimension random ")[2].split()
    assert option[0] == "--dataset"
    assert run("dimension", "random", *option, "--json").json[0]["n"] == 20


def test_a_missing_package_asks_for_an_environment(
    mistake: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import hyle.zoo.cards.card as cards

    def build(self: Any, **_: Any) -> None:
        raise OperationError(f"no index to install {self.requirements} from")

    monkeypatch.setattr("hyle.zoo.Environment.build", build)
    monkeypatch.setattr(cards, "is_installed", lambda requirement: "transformers" not in requirement)
    message = mistake("embed", "minilm", "-n", 5)
    assert "no index to install" in message
    assert "transformers" in message


def test_an_interruption_before_anything_is_kept_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("hyle.cli.options.samples.load_dataset", stop)
    ran = run("embed", "random")
    assert ran.code == 130
    assert ran.err.endswith("interrupted\n")
