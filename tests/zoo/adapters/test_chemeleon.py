"""CheMeleon with small random weights made by Chemprop itself, in the format of the published file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hyle.zoo import Model, Sample, find_card

torch = pytest.importorskip("torch")
chemprop = pytest.importorskip("chemprop")
chem = pytest.importorskip("rdkit.Chem")

from hyle.zoo.adapters.dmpnn import DMPNN  # noqa: E402

SMILES = ["CCO", "c1ccccc1O", "C", "CC(=O)N[C@@H](C)C(=O)O", "C[N+](C)(C)C", "O=S(=O)(O)c1ccncc1Cl"]


def test_atoms_are_those_of_chemprop(tmp_path: Path) -> None:
    card = find_card("chemeleon")
    torch.manual_seed(0)
    network = chemprop.nn.BondMessagePassing(d_h=24, depth=card.options["depth"]).eval()
    torch.save({"hyper_parameters": dict(network.hparams), "state_dict": network.state_dict()}, tmp_path / "mp.pt")
    model = Model(replace(card, dim=24), DMPNN(card, {"weights": tmp_path / "mp.pt"}))
    featurise = chemprop.featurizers.SimpleMoleculeMolGraphFeaturizer()
    graphs = chemprop.data.BatchMolGraph([featurise(chem.MolFromSmiles(smiles)) for smiles in SMILES])
    with torch.no_grad():
        atoms = network(graphs)
        want = chemprop.nn.MeanAggregation()(atoms, graphs.batch).numpy()
    samples = [Sample(smiles, smiles=smiles) for smiles in SMILES]
    np.testing.assert_allclose(model.embed(samples).embedding, want, rtol=1e-5, atol=1e-6)
    features = model.adapter.forward(samples, "message_passing").features
    np.testing.assert_allclose(features, atoms.numpy(), rtol=1e-5, atol=1e-6)


def test_the_card_has_the_parameter_count_of_chemprop() -> None:
    card = find_card("chemeleon")
    network = chemprop.nn.BondMessagePassing(d_h=card.dim, depth=card.options["depth"])
    assert sum(p.numel() for p in network.parameters()) == card.parameters
