"""`hyle stitch` on planted files and on molecules."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture
def planted(tmp_path):
    """Two views of one latent, and a label with groups of four samples."""
    generator = np.random.default_rng(0)
    latent = generator.normal(size=(160, 4))
    ids = [f"é{i:03d}" for i in range(160)]
    for name, width in (("a", 6), ("b", 9)):
        q, _ = np.linalg.qr(generator.normal(size=(width, width)))
        np.savez(tmp_path / f"{name}.npz", embedding=(latent @ q[:4]).astype("float32") + 5, ids=ids)
    np.savez(tmp_path / "noise.npz", embedding=generator.normal(size=(160, 5)), ids=ids)
    label = latent @ [1.0, -1, 2, 0]
    (tmp_path / "labels.csv").write_text(
        "id,y,empty\n" + "".join(f"{i},{v},\n" for i, v in zip(ids, label, strict=True))
    )
    (tmp_path / "groups.csv").write_text("id,group\n" + "".join(f"{i},{n // 4}\n" for n, i in enumerate(ids)))


def test_a_head_reads_another_view_and_not_noise(run, planted):
    ran = run(
        *("stitch", "a.npz", "b.npz", "noise.npz", "--label", "labels.csv:y", "--groups", "groups.csv"),
        *("--anchors", "20", "--json"),
    )
    assert ran.code == 0
    assert ran.json["groups"] <= 40
    assert ran.json["n"] == 140
    r2 = np.array(ran.json["r2"]["value"])
    assert r2[0, 1] == pytest.approx(r2[1, 1], abs=1e-3)
    assert r2[0, 1] > 0.5
    assert max(r2[0, 2], r2[2, 0]) < 0.1
    assert ran.json["p"][0][1] == 0.01
    assert ran.json["composition"]["value"] is None
    assert len(ran.json["anchors"]["ids"]) == 20


def test_atoms_of_files_are_held_out_with_their_samples(run, tmp_path):
    generator = np.random.default_rng(0)
    ids = [f"s{i:02d}#{number}" for i in range(40) for number in range(4)]
    for name in "ab":
        np.savez(tmp_path / f"{name}.npz", embedding=generator.normal(size=(160, 5)), ids=ids)
    (tmp_path / "labels.csv").write_text("id,y\n" + "".join(f"s{i:02d},{i}\n" for i in range(40)))
    ran = run("stitch", "a.npz", "b.npz", "--label", "labels.csv:y", "--per", "atom", "--anchors", "20", "--json")
    assert (ran.json["groups_kind"], ran.json["n"], ran.json["groups"]) == ("sample", 140, 40)


def test_the_table_shows_native_and_own_heads(run, planted):
    ran = run("stitch", "a.npz", "b.npz", "--label", "labels.csv:y", "--anchors", "20", "--penalty", "loo")
    for words in ("head of", "own rows", "(the median)", "Stitched, the best first", "140 samples, 5 folds"):
        assert words in ran.out
    assert "(composition)" not in ran.out


def test_molecules_are_held_out_by_formula_beside_their_composition(run):
    run("embed", "morgan", "composition", "--dataset", "qm9", "-n", "150")
    ran = run("stitch", "morgan", "composition", "--label", "gap", "--anchors", "20", "--penalty", "0.5")
    assert "R² of gap / eV on held-out formulas: 130 samples of" in ran.out
    assert "(composition)" in ran.out
    unknown = run("stitch", "morgan", "composition", "--label", "gapp")
    assert unknown.code == 2
    assert "--label gapp is neither a .csv file nor a label of qm9, which has" in unknown.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("a.npz", "--label", "labels.csv:y"), "name a second one"),
        (("a.npz", "b.npz", "--label", "labels.csv"), "several columns"),
        (("a.npz", "b.npz", "--label", "gap"), "name them with --dataset"),
        (("a.npz", "b.npz", "--label", "gap", "--dataset", "qm9"), "qm9 has none of the samples, such as"),
        (("a.npz", "b.npz", "--label", "labels.csv:empty"), "0 samples of 0 groups have a label"),
        (("a.npz", "b.npz", "--label", "labels.csv:y", "--anchors", "150"), "10 samples of 10 groups"),
        (("a.npz", "b.npz", "--label", "labels.csv:y", "--groups", "formula"), "it is unknown what the samples are"),
        (("a.npz", "b.npz", "--label", "labels.csv:y", "--penalty", "0"), "--penalty"),
    ],
)
def test_mistakes_are_one_line(mistake, planted, options, words):
    assert words in mistake("stitch", *options)
