"""Changed structures on the command line, and the comparison of the same samples before and after."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hyle.zoo import Representation, load_dataset, write_embeddings

pytest.importorskip("ase")
Run = Callable[..., Any]


def test_changed_structures_are_stored_beside_what_they_were(run: Run) -> None:
    for options in ((), ("--perturb", "volume=0.8", "--perturb", "rattle=0.2")):
        ran = run("embed", "composition", "--dataset", "mptrj", "-n", 12, *options, "--json")
        assert ran.code == 0, ran.err
        (found,) = ran.json
    assert found["recipe"]["dataset"] == "mptrj+volume=0.8+rattle=0.2"
    assert found["recipe"]["dataset_version"] == load_dataset("mptrj+volume=0.8+rattle=0.2", n=12).version
    assert found["recipe"]["dataset_source"].endswith("volume 0.8 (seed 0), rattle 0.2 Angstrom (seed 0)")
    names = {row["dataset"].rpartition("-")[0] for row in run("store", "status", "--json").json["stored"]}
    assert names == {"mptrj", "mptrj+volume=0.8+rattle=0.2"}


def test_samples_that_cannot_be_changed_are_named(run: Run, tmp_path: Path) -> None:
    from ase.build import bulk, molecule
    from ase.io import write

    write(tmp_path / "two.extxyz", [bulk("NaCl", "rocksalt", a=5.64), bulk("Cu")])
    options = ("embed", "composition", "--dataset", tmp_path / "two.extxyz", "--perturb")
    ran = run(*options, "swap=0.5", "--json")
    assert ran.code == 0, ran.err
    assert ran.json[0]["left_out"] == {"1": "swap: all of its atoms are of one element"}
    assert "1 of 2 samples were left out, such as 1 (swap: all of its atoms are of one element)" in ran.err
    write(tmp_path / "water.xyz", molecule("H2O"))
    ran = run("embed", "composition", "--dataset", tmp_path / "water.xyz", "--perturb", "cleave=1")
    assert ran.code == 2
    assert "no sample of water.xyz can be changed in this way" in ran.err


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("ratle=1", "no perturbation is called 'ratle'; did you mean 'rattle'?"),
        ("rattle", "'rattle' has no amount (the standard deviation of random displacements along each axis, in"),
        ("swap=2", "must be larger than 0 and at most 1; got 2"),
    ],
)
def test_wrong_changes_are_one_line(run: Run, value: str, message: str) -> None:
    ran = run("embed", "composition", "--dataset", "mptrj", "-n", 3, "--perturb", value)
    assert ran.code == 2
    assert message in ran.err
    assert "Traceback" not in ran.err


@pytest.fixture
def both(tmp_path: Path) -> tuple[Path, Path]:
    """Return folders of embeddings of 60 crystals by seven models, before and after: some get lost, all move."""
    rng = np.random.default_rng(0)
    latent = rng.normal(size=(60, 4))
    ids = [f"c{i}" for i in range(60)]
    folders = tmp_path / "before", tmp_path / "after"
    views = [rng.normal(size=(4, 10)) for _ in range(7)]
    for folder, noise, rows in zip(folders, (0.2, 1.5), (np.arange(60), rng.permutation(60)[:50]), strict=True):
        folder.mkdir()
        for i, view in enumerate(views):
            x = latent[rows] @ view + noise * rng.normal(size=(len(rows), 10))
            write_embeddings(Representation(f"m{i}", x.astype("f4"), [ids[j] for j in rows], {}), folder / f"m{i}.npz")
    return folders


def test_the_same_samples_are_compared_and_are_no_neighbours_of_themselves(
    run: Run, both: tuple[Path, Path], tmp_path: Path
) -> None:
    for name, folder in zip(("a.nc", "b.nc"), both, strict=True):
        files = sorted(folder.glob("*.npz"))
        ran = run("compare", *files, "--metrics", "cknna,cka", "-k", 8, "-o", tmp_path / name)
        assert ran.code == 0, ran.err
    options: list[Any] = ["--against", tmp_path / "b.nc"]
    for option, folder in zip(("--embeddings", "--against-embeddings"), both, strict=True):
        options += [word for file in sorted(folder.glob("*.npz")) for word in (option, file)]
    ran = run("analyse", tmp_path / "a.nc", *options, "--only", "regimes,shift", "--json")
    assert ran.code == 0, ran.err
    change = next(one["contrast"] for one in ran.json["regimes"] if one["metric"] == "cknna")
    assert (change["n"], change["groups"]) == (25, [50, 50])
    assert change["high"] < 0
    assert any("On 25 samples that are in both sets" in line for line in ran.json["findings"])
    assert all(one["auc"] > 0.5 for one in ran.json["shift"].values())


def test_samples_of_a_changed_set_are_found_by_its_name() -> None:
    from hyle.cli.comparison import find_samples

    data = load_dataset("mptrj+cleave=3", n=4)
    rep = Representation("m", np.zeros((4, 2), "f4"), data.ids, {"dataset": data.name})
    found = find_samples([rep], data.ids)
    assert {i: sample.atoms for i, sample in found.items()} == {sample.id: sample.atoms for sample in data}
