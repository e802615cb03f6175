"""Models of strings and graphs with published weights, compared with their libraries."""

from __future__ import annotations

import numpy as np
import pytest

from hyle.zoo import Sample, load

pytest.importorskip("ase")
torch = pytest.importorskip("torch")

from .matter import (  # noqa: E402
    MOLECULES,
    SMILES,
    assert_rows,
    model,
    rows,
    strings,
)

pytestmark = pytest.mark.models

ENCODERS = ["minilm", "rxnfp", "rxnfp-ft", "rxnmapper"]


@pytest.mark.parametrize("name", ENCODERS)
def test_tokens_are_the_hidden_states_without_padding_and_special_tokens(name):
    adapter = model(name).adapter
    samples = strings(*SMILES)
    layer = adapter.card.layers[0]
    out = adapter.forward(samples, layer)
    start = 0
    for sample, count in zip(samples, out.counts, strict=True):
        ids = torch.tensor([[adapter.cls, *adapter.tokenize(sample.smiles), adapter.sep]])
        with torch.no_grad():
            want = adapter.model(input_ids=ids).last_hidden_state[0, 1:-1]
        assert count == len(want)
        assert_rows(np.asarray(out.features[start : start + count]), np.asarray(want), 1e-5)
        start += count
    assert start == len(out.features)


@pytest.mark.parametrize("name", ["rxnfp", "rxnfp-ft", "rxnmapper"])
def test_smiles_tokens_are_atoms_bonds_and_digits(name):
    adapter = model(name).adapter
    assert [len(adapter.tokenize(s)) for s in SMILES] == [1, 3, 11, 13, 15, 40]
    vocab = adapter.files["vocab"].read_text().splitlines()
    tokens = [vocab[i] for i in adapter.tokenize("C[C@@H](Cl)c1c[nH]cc%121")]
    assert tokens == ["C", "[C@@H]", "(", "Cl", ")", "c", "1", "c", "[nH]", "c", "c", "%12", "1"]


def test_minilm_tokens_are_those_of_its_own_tokenizer():
    from transformers import AutoTokenizer

    adapter = model("minilm").adapter
    tokenizer = AutoTokenizer.from_pretrained(adapter.files["config"].parent)
    for smiles in SMILES:
        assert tokenizer(smiles)["input_ids"] == [adapter.cls, *adapter.tokenize(smiles), adapter.sep]


@pytest.mark.parametrize("name", ["rxnmapper", "chemnet"])
def test_unknown_tokens_are_embedded_and_counted(name):
    text = {"rxnmapper": "CC[Og]", "chemnet": "F/C=C/F"}[name]
    before = model(name).adapter.unknown_tokens
    got = model(name).embed(strings("CCO", text))
    assert list(got.ids) == ["0", "1"]
    assert model(name).adapter.unknown_tokens - before == {"rxnmapper": 1, "chemnet": 2}[name]


@pytest.mark.parametrize(("name", "limit"), [(n, 510) for n in ENCODERS if n != "minilm"] + [("chemnet", 349)])
def test_nothing_is_truncated(name, limit):
    got = model(name).embed(strings("C" * limit, "C" * (limit + 1)))
    assert list(got.ids) == ["0"]
    assert str(limit + 1) in got.dropped["1"]


def test_chemnet_agrees_with_its_own_package():
    from fcd.fcd import get_predictions

    want = get_predictions(model("chemnet").adapter.model, SMILES, batch_size=3, n_jobs=0, device="cpu")
    assert_rows(rows("chemnet", strings(*SMILES)), want, 1e-5)


def test_minilm_rejects_words_that_are_too_long_for_its_tokenizer() -> None:
    pytest.importorskip("transformers")
    model = load("minilm")
    long, short = Sample("long", smiles="C" * 150), Sample("short", smiles="C" * 50)
    found = model.embed([long, short])
    assert found.ids == ["short"]
    assert "too long" in found.dropped["long"]


# --- graphs ---

ODD = ["C", "[Na+].[Cl-]", "F/C=C/F", "C[C@H](F)Cl", "[Cu]", "O=S(=O)(O)O", "[2H]O[2H]", "N->[Pt]", "c1ccccc1.[K+]"]


@pytest.mark.parametrize("name", ["admet-ai-cls", "admet-ai-reg"])
def test_dmpnn_agrees_with_chemprop(name):
    chemprop = pytest.importorskip("chemprop")
    from rdkit import Chem

    smiles = [*MOLECULES.values(), *SMILES, *ODD]
    own = chemprop.models.MPNN.load_from_file(model(name).adapter.files["weights"], map_location="cpu").eval()
    featurise = chemprop.featurizers.SimpleMoleculeMolGraphFeaturizer()
    graphs = chemprop.data.BatchMolGraph([featurise(Chem.MolFromSmiles(s)) for s in smiles])
    with torch.no_grad():
        want = own.message_passing(graphs).numpy()
    out = model(name).adapter.forward(strings(*smiles), "message_passing")
    assert out.counts == np.bincount(graphs.batch.numpy()).tolist()
    np.testing.assert_allclose(np.asarray(out.features), want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["admet-ai-cls", "admet-ai-reg", "morgan", "composition"])
def test_another_smiles_of_the_same_molecule_has_the_same_row(name):
    assert_rows(rows(name, strings("OCC", "c1cccnc1")), rows(name, strings("CCO", "n1ccccc1")), 1e-6)


@pytest.mark.parametrize("name", ["admet-ai-cls", "minimol", "morgan", "composition"])
def test_invalid_smiles_are_dropped_with_a_reason(name):
    got = model(name).embed(strings("CCO", "C1CC", ""))
    assert list(got.ids) == ["0"]
    assert all(got.dropped[i] for i in ("1", "2"))
