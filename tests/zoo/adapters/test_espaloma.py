"""Espaloma Charge, compared with the charges of the expaloma package."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hyle.zoo import InputError, find_card

pytest.importorskip("rdkit")
torch = pytest.importorskip("torch")

from hyle.zoo.adapters.espaloma import Espaloma  # noqa: E402

from .matter import assert_rows, model, strings  # noqa: E402

# Charges by expaloma 0.1.0 on JAX 0.10, of molecules to which RDKit added the hydrogens.
CHARGES = {
    "CCO": [-0.11355, 0.12398, -0.60538, 0.04429, 0.04429, 0.04429, 0.03099, 0.03099, 0.40012],
    "CC[O-]": [-0.13612, 0.24066, -0.98994, -0.00825, -0.00825, -0.00825, -0.04493, -0.04493],
    "[2H]O[2H]": [0.33927, -0.67853, 0.33927],
    "OP(=O)(O)O": [-0.75784, 1.61717, -0.81364, -0.75784, -0.75784, 0.49, 0.49, 0.49],
    "[Cl-]": [-1.0],
}


def charges(smiles: str) -> np.ndarray:
    """Return partial charges that add up to the formal charge, from electronegativity e and hardness s."""
    from rdkit import Chem

    adapter = model("espaloma-charge").adapter
    e, s = adapter.model["readout"](adapter.forward(strings(smiles), "sages.3").features).T
    total = Chem.GetFormalCharge(Chem.MolFromSmiles(smiles))
    return (-e / s + (total + (e / s).sum()) / (1 / s).sum() / s).numpy()


@pytest.mark.models
@pytest.mark.parametrize("smiles", CHARGES)
def test_charges_agree_with_the_package(smiles: str) -> None:
    np.testing.assert_allclose(charges(smiles), CHARGES[smiles], atol=1e-5)


@pytest.mark.models
def test_layers_agree_with_the_package() -> None:
    pytest.importorskip("expaloma")
    from expaloma.featurize import from_rdkit_mol
    from expaloma.nn.model import load_eqx
    from rdkit import Chem

    adapter = model("espaloma-charge").adapter
    network = load_eqx(adapter.files["weights"])
    for smiles in (*CHARGES, "c1ccc2[nH]ccc2c1", "FS(F)(F)(F)(F)F"):
        graph = from_rdkit_mol(Chem.AddHs(Chem.MolFromSmiles(smiles)))
        want = network.gnn(graph.h0, graph.senders, graph.receivers, zero_edges=not len(graph.senders))
        assert_rows(adapter.forward(strings(smiles), "sages.3").features.numpy(), np.asarray(want), 1e-5)


@pytest.mark.models
def test_molecules_outside_the_training_data_are_rejected() -> None:
    found = model("espaloma-charge").embed(strings("CCO", "C[Si](C)(C)C", "[Na+].[Cl-]", "C(", "[H][H]"))
    assert found.ids == ["0", "4"]
    assert "not trained for Si" in found.dropped["1"]
    assert "not trained for Na" in found.dropped["2"]
    assert "cannot read" in found.dropped["3"]


def test_a_file_of_another_network_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "other.eqx"
    with path.open("wb") as stream:
        for _ in range(6):
            np.save(stream, np.ones((2, 2), np.float32))
    with pytest.raises(InputError, match="has 6 arrays"):
        Espaloma(find_card("espaloma-charge"), {"weights": path})
