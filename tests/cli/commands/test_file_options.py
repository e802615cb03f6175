"""How files of embeddings are read and joined, from the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hyle.engine import load_comparison
from hyle.zoo import Key, Representation, Store, write_embeddings

Run = Callable[..., Any]
N = 60
X = np.random.default_rng(0).normal(size=(N, 8)).astype("f4")
ACCESSIONS = [f"P{i:05d}" for i in range(N)]


def npz(path: Path, ids: list[str] | None, x: np.ndarray = X) -> Path:
    np.savez(path, embedding=x, **({} if ids is None else {"ids": np.array(ids)}))
    return path


def value(run: Run, *arguments: object) -> float:
    ran = run("compare", *arguments, "--metrics", "cka", "--json")
    assert ran.code == 0, ran.err
    return float(ran.json["results"][0]["value"])


def test_one_line_per_file_says_what_was_read_as_what(run: Run, tmp_path: Path) -> None:
    npz(tmp_path / "a.npz", ACCESSIONS)
    frame = pd.DataFrame(X, columns=[f"f{i}" for i in range(8)]).assign(protein_id=ACCESSIONS, split=0, y=1.0)
    frame.to_parquet(tmp_path / "mine.parquet")
    ran = run("compare", "a.npz", "mine.parquet", "--metrics", "cka", "--json")
    assert ran.err.splitlines()[:2] == [
        "a.npz: 60 x 8 from embedding, ids from ids",
        "mine.parquet: 60 x 8 from f0..f7, ids from protein_id, ignored: split, y",
    ]
    assert ran.json["results"][0]["value"] == pytest.approx(1, abs=1e-6)
    assert ran.json["recipe"]["models"]["mine"]["read_as"] == ran.err.splitlines()[1]


@pytest.mark.parametrize(
    ("ids", "rule"),
    [
        ([f"sp|{i}|X_HUMAN" for i in ACCESSIONS], "accession"),
        ([f"sp_{i}_X_HUMAN" for i in ACCESSIONS], "accession"),
        ([f"{i} some protein OS=Homo sapiens" for i in ACCESSIONS], "accession"),
        ([f"UniRef50_{i}" for i in ACCESSIONS], "accession"),
        ([f"AF-{i}-F1-model_v4" for i in ACCESSIONS], "accession"),
        ([f"cifs/{i}.cif" for i in ACCESSIONS], "stem"),
        ([f"{i}.xyz.gz" for i in ACCESSIONS], "stem"),
        ([i.lower() for i in ACCESSIONS], "case"),
    ],
)
def test_the_rule_that_makes_ids_meet_is_named_and_works(run: Run, tmp_path: Path, ids: list[str], rule: str) -> None:
    npz(tmp_path / "a.npz", ACCESSIONS)
    npz(tmp_path / "b.npz", ids)
    ran = run("compare", "a.npz", "b.npz", "--metrics", "cka")
    assert ran.code == 2
    assert f"no sample is common to all 2 representations: with --ids {rule} they meet (a: 'P00000', 'P0" in ran.err
    assert repr(ids[0]) in ran.err
    assert value(run, "a.npz", "b.npz", "--ids", rule) == pytest.approx(1, abs=1e-6)


def test_leading_zeros_and_rules_together(run: Run, tmp_path: Path) -> None:
    npz(tmp_path / "a.npz", [str(100 + i) for i in range(N)])
    npz(tmp_path / "b.npz", [f"{100 + i:06d}" for i in range(N)])
    npz(tmp_path / "c.npz", [f"x/{100 + i:06d}.cif" for i in range(N)])
    assert "with --ids zeros they meet" in run("compare", "a.npz", "b.npz").err
    assert value(run, "a.npz", "b.npz", "--ids", "zeros") == pytest.approx(1, abs=1e-6)
    assert "with --ids stem --ids zeros they meet" in run("compare", "a.npz", "c.npz").err
    assert value(run, "a.npz", "c.npz", "--ids", "stem", "--ids", "zeros") == pytest.approx(1, abs=1e-6)


def test_a_rule_never_merges_samples(run: Run, tmp_path: Path) -> None:
    npz(tmp_path / "a.npz", ACCESSIONS)
    npz(tmp_path / "b.npz", [f"{i}.cif" for i in ACCESSIONS[:-1]] + ["P00000.xyz"])
    ran = run("compare", "a.npz", "b.npz", "--ids", "stem")
    assert ran.code == 2
    assert "b: by --ids stem both 'P00000.cif' and 'P00000.xyz' become 'P00000'; ids must be unique" in ran.err


def test_options_apply_to_the_files_that_have_what_they_name(run: Run, tmp_path: Path) -> None:
    npz(tmp_path / "a.npz", ACCESSIONS)
    np.savez(tmp_path / "b.npz", one=X, two=X[::-1], label=np.array(ACCESSIONS), other=np.array(ACCESSIONS[::-1]))
    assert "choose one with --key" in run("compare", "a.npz", "b.npz").err
    assert (
        "several arrays may be the ids: choose with --id-column" in run("compare", "a.npz", "b.npz", "--key", "one").err
    )
    assert value(run, "a.npz", "b.npz", "--key", "one", "--id-column", "label") == pytest.approx(1, abs=1e-6)
    assert value(run, "a.npz", "b.npz", "--key", "two", "--id-column", "other") == pytest.approx(1, abs=1e-6)
    ran = run("compare", "a.npz", "a.npz", "--key", "nothing")
    assert ran.code == 2
    assert "--key nothing: there is no such array" in ran.err
    assert (
        "--ids nothing is neither a file nor a rule; the rules are rows, acc"
        in run("dimension", "a.npz", "--ids", "nothing").err
    )


def test_rows_without_ids_are_numbered_from_0_if_that_is_asked_for(run: Run, tmp_path: Path) -> None:
    npz(tmp_path / "a.npz", None)
    npz(tmp_path / "b.npz", None)
    assert "number the rows from 0 with --ids rows" in run("compare", "a.npz", "b.npz").err
    assert value(run, "a.npz", "b.npz", "--ids", "rows") == pytest.approx(1, abs=1e-6)
    npz(tmp_path / "own.npz", [str(i) for i in range(5, N + 5)])
    ran = run("compare", "a.npz", "own.npz", "--ids", "rows", "--metrics", "cka")
    assert "the ids of a are row numbers from 0, and were joined to ids of the others as they are" in ran.err


def test_rows_that_count_from_0_and_from_1_are_not_joined(run: Run, tmp_path: Path) -> None:
    npz(tmp_path / "a.npz", None)
    npz(tmp_path / "b.npz", [str(i) for i in range(1, N + 1)])
    npz(tmp_path / "zero.npz", [str(i) for i in range(N)])
    for arguments in (("a.npz", "b.npz", "--ids", "rows"), ("zero.npz", "b.npz")):
        ran = run("compare", *arguments)
        assert ran.code == 2
        assert f"the ids of b count from 1 to {N}, and those of {arguments[0][:-4]} count rows from 0" in ran.err
    # With another number of samples both may be right.
    npz(tmp_path / "fewer.npz", [str(i) for i in range(1, N)], X[1:])
    ran = run("compare", "zero.npz", "fewer.npz", "--metrics", "cka")
    assert "the ids of fewer start at 1 and those of zero at 0: check that they count alike" in ran.err


def test_counting_is_checked_for_groups_and_teachers_as_well(run: Run, tmp_path: Path) -> None:
    pd.DataFrame({"smiles": [f"C{'C' * i}" for i in range(N)]}).to_csv(tmp_path / "mine.csv", index=False)
    for name in ("a", "b"):
        npz(tmp_path / f"{name}.npz", [str(i) for i in range(1, N + 1)])
    message = "those of the samples of mine.csv count rows from 0"
    assert message in run("compare", "a.npz", "b.npz", "--groups", "formula:mine.csv").err
    assert message in run("distill", "a.npz", "--dataset", "mine.csv", "--student", "fingerprint-mlp").err


def test_rules_and_options_reach_groups_and_covariates(run: Run, tmp_path: Path) -> None:
    titles = [f"sp|{i}|X" for i in ACCESSIONS]
    npz(tmp_path / "a.npz", ACCESSIONS)
    npz(tmp_path / "b.npz", titles)
    pd.DataFrame({"id": titles, "group": ["x", "y"] * 30}).to_csv(tmp_path / "g.csv", index=False)
    command = ("compare", "a.npz", "b.npz", "--ids", "accession", "--metrics", "cka", "--json")
    assert run(*command, "--groups", "g.csv").json["recipe"]["groups"] == 2
    covariates = pd.DataFrame({"id": ACCESSIONS, "weight": np.arange(N, dtype=float), "logp": X[:, 0]})
    covariates.to_csv(tmp_path / "c.csv", index=False)
    assert "--columns 'weight..logp'" in run(*command, "--covariates", "c.csv").err
    ran = run(*command, "--covariates", "c.csv", "--columns", "weight..logp")
    assert (ran.code, ran.json["n"]) == (0, N - 3)
    samples = pd.DataFrame({"name": ACCESSIONS, "smiles": [f"C{'C' * (i // 2)}" for i in range(N)]})
    samples.to_csv(tmp_path / "mine.csv", index=False)
    assert run(*command, "--groups", "formula:mine.csv:name").json["recipe"]["groups"] == N // 2


def test_a_rule_is_only_suggested_where_it_helps_most_samples(run: Run, tmp_path: Path) -> None:
    npz(tmp_path / "a.npz", [f"CCO/C=C/{'C' * i}" for i in range(N)])
    npz(tmp_path / "b.npz", [f"NNO/C=C/{'C' * i}" for i in range(N)])
    npz(tmp_path / "c.npz", [f"{i}abc.A" for i in range(N)])
    npz(tmp_path / "d.npz", [f"{i}abc.B" for i in range(N)])
    assert "do the ids match?" in run("compare", "a.npz", "b.npz").err
    assert "do the ids match?" in run("compare", "c.npz", "d.npz").err
    npz(tmp_path / "e.npz", [*ACCESSIONS[:3], *(f"{i}.cif" for i in ACCESSIONS[3:])])
    npz(tmp_path / "f.npz", ACCESSIONS)
    assert "with --ids stem more samples are common to all" in run("compare", "e.npz", "f.npz").err


def test_a_join_that_loses_most_samples_is_a_warning_in_the_report_too(run: Run, tmp_path: Path) -> None:
    npz(tmp_path / "a.npz", ACCESSIONS)
    npz(tmp_path / "b.npz", [*ACCESSIONS[:20], *[f"Q{i:05d}" for i in range(40)]])
    ran = run("compare", "a.npz", "b.npz", "-k", 5, "-o", "c.nc")
    warning = "only 20 samples are common to all 2 representations, less than half of the 60 of the smallest one"
    assert f"warning: {warning}" in ran.err
    assert "40 of 60 samples of a are not in all others: P00020, P00021, P00022, ..." in ran.err
    assert "40 of 60 samples of b are not in all others: Q00000, Q00001, Q00002, ..." in ran.err
    assert warning in load_comparison(tmp_path / "c.nc").attrs["join_warning"]
    assert run("report", "c.nc", "-o", "r").code == 0
    pages = [p.read_text() for p in (tmp_path / "r").rglob("*.html")]
    assert any(warning[5:] in page for page in pages)


def test_embeddings_of_the_old_numbering_are_refused(run: Run, tmp_path: Path) -> None:
    recipe = {
        **{"model": "morgan", "weights": "w", "dataset": "mine.csv", "dataset_version": "v"},
        **{"layer": "l", "pooling": "mean", "dataset_source": "mine.csv sha256 0123, column smiles, all 60"},
    }
    store = Store(tmp_path / "store")
    pd.DataFrame(X).to_csv(tmp_path / "mine.csv")
    store.save(Key.of(recipe), Representation("morgan", X, [str(i) for i in range(1, N + 1)], recipe))
    ran = run("compare", "morgan", "mine.csv", "--metrics", "cka")
    assert ran.code == 2
    assert "an earlier version of hyle embedded mine.csv and may have numbered its samples from 1" in ran.err
    assert "embed it again: hyle embed morgan --dataset mine.csv" in ran.err
    recipe["ids"] = "row numbers"
    store.save(Key.of(recipe), Representation("morgan", X, [str(i) for i in range(N)], recipe))
    assert value(run, "morgan", "mine.csv") == pytest.approx(1, abs=1e-6)
    del recipe["ids"]
    np.savez(tmp_path / "old.npz", embedding=X, ids=np.arange(1, N + 1).astype(str), recipe=json.dumps(recipe))
    assert "an earlier version of hyle embedded mine.csv" in run("compare", "old.npz", "mine.csv").err


@pytest.mark.parametrize(
    "arguments",
    [
        ["compare", "s3://bucket/a.npz", "gs://b/c.npz"],
        ["compare", "a.npz", "a.npz", "-o", "s3://bucket/c.nc"],
        ["embed", "morgan", "--dataset", "s3://bucket/x.csv"],
        ["embed", "morgan", "-o", "s3://bucket/x.npz"],
        ["report", "s3://bucket/c.nc"],
    ],
)
def test_addresses_are_refused(run: Run, tmp_path: Path, arguments: list[str]) -> None:
    npz(tmp_path / "a.npz", ACCESSIONS)
    ran = run(*arguments)
    assert ran.code == 2
    assert "addresses are not supported: use a file or folder on this machine" in ran.err
    assert sorted(p.name for p in tmp_path.iterdir() if p.name != "store") == ["a.npz"]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_narrow_floats_are_compared_in_float32(run: Run, tmp_path: Path, dtype: str) -> None:
    import ml_dtypes

    narrow = X.astype(np.dtype(getattr(ml_dtypes, dtype, dtype)))
    write_embeddings(Representation("m", narrow, ACCESSIONS), tmp_path / "narrow.safetensors")
    npz(tmp_path / "wide.npz", ACCESSIONS, narrow.astype("f4"))
    ran = run("compare", "narrow.safetensors", "wide.npz", "-k", 5, "--json")
    values = {row["metric"]: row["value"] for row in ran.json["results"] if row["other"] == "wide"}
    assert values["cka"] == pytest.approx(1, abs=1e-6)
    assert values["mutual_knn"] == 1
    rows = run("dimension", "narrow.safetensors", "wide.npz", "--json").json
    assert rows[0]["estimates"] == rows[1]["estimates"]


@pytest.mark.parametrize("name", ["proteins.fasta", "molecules.smi", "crystals.extxyz"])
def test_files_of_samples_are_not_embeddings(run: Run, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("CCO\n")
    ran = run("compare", name, "a.npz")
    assert ran.code == 2
    assert ran.err.splitlines()[-1] == (
        f"Error: {name} contains samples, not embeddings; embed them first: hyle embed MODEL --dataset {name}"
    )
