"""What the samples on which models agree or disagree have in common."""

from __future__ import annotations

import json

import numpy as np
import pytest
from rdkit.Chem import MolFromSmiles

from hyle.cli.jobs import (
    contested,
    explain_contested,
    explain_scores,
    explanation_data,
    explanation_sentences,
    print_explanation,
)
from hyle.cli.options import json_text
from hyle.zoo import Dataset, InputError, Representation, Sample, load_dataset


@pytest.fixture(scope="module")
def data() -> Dataset:
    return load_dataset("freesolv", n=150)


def planted(data: Dataset, seed: int = 0, **strength: float) -> dict[str, float]:
    """Scores of molecules that are higher with an element in the SMILES string."""
    noise = np.random.default_rng(seed).normal(size=len(data))
    return {
        sample.id: float(sum(size * (symbol in str(sample.smiles)) for symbol, size in strength.items()) + error)
        for sample, error in zip(data, noise, strict=True)
    }


def test_planted_facts_become_sentences(data: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    found = explain_scores(planted(data, O=-3, F=2.5), data)
    first, second, *_ = explanation_sentences(found)
    assert first.startswith("Models agree less on molecules that contain O (rank-biserial correlation −0.")
    assert "95 % −0." in first
    assert second.startswith("Beyond that, models agree more on molecules ")
    with_oxygen = sum("O" in str(sample.smiles) for sample in data)
    assert first.endswith(f"; {with_oxygen} with, {150 - with_oxygen} without).")
    print_explanation(found)
    out = capsys.readouterr().out
    assert out.startswith(first)
    assert "\ncontains O " in out
    assert "permutations. Associations are no causes." in out
    plain = json.loads(json_text(explanation_data(found)))
    assert plain["sentences"][0] == first
    assert plain["descriptors"][0]["method"]
    assert plain["untested"]["formal charge"] == "the same for all samples"


def test_other_words_and_no_finding(data: Dataset) -> None:
    words = ("errors are larger", "errors are smaller")
    (line,) = explanation_sentences(explain_scores(planted(data, 1), data, words=words))
    assert line.startswith("None of ")
    assert (
        "descriptors of these molecules tells where errors are smaller (no q ≤ 0.05; a rank correlation of 0." in line
    )
    line = explanation_sentences(explain_scores(planted(data, O=3), data, words=words))[0]
    assert line.startswith("Errors are larger on molecules that contain O")


def test_groups_are_the_units(data: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    groups = {sample.id: str(i // 3) for i, sample in enumerate(data)}
    found = explain_scores(planted(data, O=-3), data, groups, unit="families")
    assert found.found.groups == 50
    print_explanation(found)
    out = capsys.readouterr().out
    assert "150 molecules of 50 families" in out
    assert "permutations of whole families" in out
    with pytest.raises(InputError, match=f"1 of 150 samples have no group, the first of them '{data[7].id}'"):
        explain_scores(planted(data), data, {id_: label for id_, label in groups.items() if id_ != data[7].id})


def test_atoms_are_explained_by_what_they_are(data: Dataset) -> None:
    rng, first = np.random.default_rng(0), {}
    for sample in data:
        symbol = MolFromSmiles(sample.smiles).GetAtomWithIdx(0).GetSymbol()
        first[f"{sample.id}#0"] = 2.0 * (symbol == "C") + rng.normal()
    found = explain_scores(first, data, per="atom")
    assert found.descriptors.noun == "atoms"
    assert explanation_sentences(found)[0].startswith("Models agree more on atoms that are C (rank-biserial")


def test_residues_of_a_protein_are_grouped_by_it() -> None:
    rng, proteins = np.random.default_rng(0), load_dataset("proteins").head(20)
    letters = {f"{sample.id}#{i}": letter for sample in proteins for i, letter in enumerate(str(sample.sequence)[:40])}
    found = explain_scores(
        {id_: -2.0 * (letter in "DEKR") + rng.normal() for id_, letter in letters.items()}, proteins, per="residue"
    )
    assert (found.unit, found.found.groups) == ("samples", 20)
    line = explanation_sentences(found)[0]
    assert line.startswith("Models agree less on residues that are charged (rank-biserial")


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ({"x": 1.0}, "lacks 1 of 1 samples, the first of them 'x': name the data set"),
        ({"é": 1.0, "freesolv-001": 2.0}, "the data set 'freesolv' lacks 1 of 2 samples, the first of them 'é'"),
        ({}, "0 samples have a score, and at least 10 are needed"),
        ({"freesolv-001": 1.0, "freesolv-002": np.nan}, "1 samples have a score"),
    ],
)
def test_mistakes_are_named(scores: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        explain_scores(scores, load_dataset("freesolv"))


def test_samples_that_are_all_alike(capsys: pytest.CaptureFixture[str]) -> None:
    same = Dataset("own", [Sample(f"ü{i}", smiles="CCO") for i in range(20)], "molecules", "MIT", "here")
    found = explain_scores({sample.id: float(i) for i, sample in enumerate(same)}, same)
    print_explanation(found)
    assert capsys.readouterr().out.startswith("No descriptor of these molecules can be tested")
    assert json_text(explanation_data(found))


def test_contested_samples_are_explained(data: Dataset) -> None:
    """Models whose rows of molecules with oxygen are unrelated."""
    rng, hidden = np.random.default_rng(0), np.random.default_rng(1).normal(size=(len(data), 6))
    oxygen = np.array(["O" in str(sample.smiles) for sample in data])
    rows = [np.where(oxygen[:, None], rng.normal(size=hidden.shape), hidden) for _ in range(4)]
    models = [Representation(f"m{i}", x.astype(np.float32), data.ids) for i, x in enumerate(rows)]
    found = explain_contested(contested(models, k=10), {sample.id: sample for sample in data})
    line = explanation_sentences(found)[0]
    assert line.startswith("Models agree less than expected on molecules that contain O (rank-biserial correlation −0.")
    with pytest.raises(InputError, match="--explain: it is unknown what the samples are; name them with --samples"):
        explain_contested(contested(models, k=10), {})


def test_numbers_only_need_no_column_for_samples_without(capsys: pytest.CaptureFixture[str]) -> None:
    proteins = load_dataset("proteins").head(40)
    rng = np.random.default_rng(0)
    found = explain_scores({s.id: 0.02 * len(str(s.sequence)) + rng.normal() for s in proteins}, proteins)
    print_explanation(found)
    out = capsys.readouterr().out
    assert out.startswith("Models agree more on proteins that are longer (rank correlation 0.")
    heading = next(line for line in out.splitlines() if line.startswith("descriptor "))
    assert heading.split() == ["descriptor", "effect", "95", "%", "q", "with", "median", "with", "median", "without"]
    assert "no row has a value" not in out


def test_ids_that_were_changed_and_samples_that_are_not_known(data: Dataset) -> None:
    scores = planted(data, O=-3)
    renamed = {f"{id_}.pdb": score for id_, score in scores.items()}
    samples = {f"{sample.id}.pdb": sample for sample in data}
    found = explain_scores(renamed, samples)
    assert explanation_sentences(found) == explanation_sentences(explain_scores(scores, data))
    with pytest.raises(InputError, match="the mapping of samples lacks 1 of 150 samples"):
        explain_scores(renamed, dict(list(samples.items())[1:]))
