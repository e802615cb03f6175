"""Models rewritten in torch because their packages cannot be installed here, compared with results of these."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from hyle.zoo import Sample

pytest.importorskip("ase")
torch = pytest.importorskip("torch")

from hyle.zoo.weights.pickles import Inert, module_state, plain_data, tensors_only  # noqa: E402

from .matter import assert_rows, energies, model, proteins, rows, strings, structures  # noqa: E402

# Charges of ethanol, as stated in the package of the weights; for 1.0.0 it looks them up, and rc.2 has its weights.
ETHANOL = {
    "nagl-1.0.0": [-0.111519, 0.133221, -0.60017, 0.044064, 0.044064, 0.044064, 0.022841, 0.022841, 0.400592],
    "nagl-0.1.0-rc.1": [-0.101634, 0.133269, -0.605404, 0.043411, 0.043411, 0.043411, 0.019863, 0.019863, 0.40381],
    "nagl-0.0.1-alpha.1": [-0.119291, 0.129537, -0.605558, 0.04394, 0.04394, 0.04394, 0.034121, 0.034121, 0.39525],
}

# Silicon and salt, by megnet 1.3.2 on TensorFlow 2.21: the norm of the concatenated vector, and the target.
MEGNET = {
    "megnet-formation-energy": [(25.378555, -0.018281), (27.212742, -2.103911)],
    "megnet-bulk": [(10.761727, 1.905644), (11.402164, 1.162462)],
    "megnet-metal": [(20.947441, 0.530546), (11.159934, 0.931502)],
}


@pytest.mark.models
@pytest.mark.parametrize("name", ETHANOL)
def test_nagl_charges_agree_with_its_package(name: str) -> None:
    adapter = model(name).adapter
    hidden = adapter.forward(strings("CCO"), "gcn_layers.5").features
    out = adapter.model["readout"](hidden).T
    # Charges that add up to zero, from electronegativity e, hardness s and, for some versions, an initial guess.
    guess, (e, s) = (out[0], out[1:]) if len(out) == 3 else (torch.zeros(9), out)
    charges = guess - e / s - (guess - e / s).sum() / (1 / s).sum() / s
    np.testing.assert_allclose(charges, ETHANOL[name], atol=1e-5)


@pytest.mark.models
def test_nagl_rejects_unsupported_molecules() -> None:
    found = model("nagl-1.0.0").embed(strings("CCO", "CC[O-]", "C[Si](C)(C)C", "ClP#C"))
    assert found.ids == ["0"]
    for id_, word in {"1": "formal charges", "2": "not trained for Si", "3": "exclude"}.items():
        assert word in found.dropped[id_]


@pytest.mark.models
def test_annalog_agrees_with_its_own_encoder() -> None:
    adapter = model("annalog").adapter
    state = torch.load(adapter.files["weights"], map_location="cpu", weights_only=True)

    def linear(name: str, x: torch.Tensor) -> torch.Tensor:
        return x @ state[f"encoder.{name}.weight"].T + state[f"encoder.{name}.bias"]

    def norm(name: str, x: torch.Tensor) -> torch.Tensor:
        weight, bias = state[f"encoder.{name}.weight"], state[f"encoder.{name}.bias"]
        return torch.nn.functional.layer_norm(x, (256,), weight, bias)

    before, tokens = adapter.unknown_tokens, ["<sos>", "C", "C", "<unk>", "<eos>"]
    got = adapter.forward(strings("CC[Og]", "CCCCCCCC"), "layers.2").features[:3]
    assert adapter.unknown_tokens == before + 1
    x = state["encoder.tok_embedding.weight"][[adapter.vocabulary[token] for token in tokens]] * 16
    x = x + state["encoder.pos_embedding.weight"][:5]
    for i in range(3):
        query, key, value = (
            linear(f"layers.{i}.self_attention.fc_{one}", x).reshape(5, 8, 32).transpose(0, 1) for one in "qkv"
        )
        heads = (query @ key.transpose(1, 2) / 32**0.5).softmax(-1) @ value
        attended = linear(f"layers.{i}.self_attention.fc_o", heads.transpose(0, 1).reshape(5, 256))
        x = norm(f"layers.{i}.self_attn_layer_norm", x + attended)
        dense = linear(f"layers.{i}.positionwise_feedforward.fc_1", x).relu()
        x = norm(f"layers.{i}.ff_layer_norm", x + linear(f"layers.{i}.positionwise_feedforward.fc_2", dense))
    assert_rows(np.asarray(got), x[1:-1].numpy(), 1e-5)


@pytest.mark.models
def test_annalog_truncates_nothing() -> None:
    got = model("annalog").embed(strings("C" * 100, "C" * 101))
    assert got.ids == ["0"]
    assert "101" in got.dropped["1"]


@pytest.mark.models
@pytest.mark.parametrize("name", MEGNET)
def test_megnet_agrees_with_its_own_library(name: str) -> None:
    from ase.build import bulk

    taken = structures(bulk("Si", a=5.43), bulk("NaCl", "rocksalt", a=5.64))
    norms, targets = zip(*MEGNET[name], strict=True)
    np.testing.assert_allclose(np.linalg.norm(rows(name, taken), axis=1), norms, rtol=1e-5)
    if model(name).card.energy:
        np.testing.assert_allclose(energies(name, taken) / 2, targets, atol=1e-5)


@pytest.mark.models
def test_megnet_rejects_unsupported_samples() -> None:
    from ase import Atoms
    from ase.build import bulk, molecule

    adapter = model("megnet-formation-energy").adapter
    far = Atoms("Ar", cell=[9, 9, 9], pbc=True)
    unsupported = {"not periodic": molecule("H2O"), "Po": bulk("Po", "sc", a=3.3), "no neighbour": far}
    for word, sample in zip(unsupported, structures(*unsupported.values()), strict=True):
        assert word in (adapter.unsupported(sample) or "")


@pytest.mark.models
def test_gcndesign_agrees_with_its_own_network(tmp_path: Path) -> None:
    library = pytest.importorskip("gcndesign.predictor")
    adapter = model("gcndesign").adapter
    network = torch.load(adapter.files["weights"], map_location="cpu", weights_only=False).eval()
    for sample in proteins()[:2]:
        path = tmp_path / "chain.pdb"
        names = ("N", "CA", "C", "O")
        path.write_text(
            "".join(
                f"ATOM{4 * i + k:7d}  {name:<3s} ALA A{i + 1:4d}    {x:8.3f}{y:8.3f}{z:8.3f}\n"
                for i, residue in enumerate(np.asarray(sample.backbone))
                for k, (name, (x, y, z)) in enumerate(zip(names, residue, strict=True))
            )
        )
        read = library.add_margin(*library.pdb2input(str(path), library.HyperParam())[:5], 20)
        with torch.no_grad():
            want = network.embedding(*(part.squeeze() for part in read[:3]))[0][1:-1]
        assert_rows(adapter.forward([sample], "rgclayer.4").features.numpy(), want.numpy(), 1e-3)


@pytest.mark.models
def test_gcndesign_depends_only_on_shape() -> None:
    adapter = model("gcndesign").adapter
    sample = proteins()[0]
    rotation, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))
    rotation *= np.sign(np.linalg.det(rotation))
    turned = Sample("turned", backbone=(np.asarray(sample.backbone, np.float64) @ rotation + 7).astype(np.float32))
    assert_rows(rows("gcndesign", [turned]), rows("gcndesign", [sample]), 1e-3)
    assert "needs 22" in (adapter.unsupported(Sample("short", backbone=np.zeros((21, 4, 3), np.float32))) or "")


@pytest.mark.models
def test_rxnmap_rows_of_atoms_do_not_depend_on_their_position_in_the_string() -> None:
    adapter = model("chython-rxnmap").adapter
    out = adapter.forward(strings("CCO.CN", "NC.OCC"), "rxn_layer.6")
    assert out.counts == [5, 5]
    assert_rows(out.features[5:][[4, 3, 2, 1, 0]], out.features[:5], 1e-4)


def test_rxnmap_encodes_molecules_as_in_training() -> None:
    rdkit = pytest.importorskip("rdkit.Chem")
    from hyle.zoo.adapters.rxnmap import encode

    tokens, places = encode(rdkit.MolFromSmiles("CO.[Na+]"))
    assert tokens["atoms"].tolist() == [0, 1, 8, 10, 1, 13]
    assert tokens["neighbors"].tolist() == [0, 0, 6, 4, 0, 2]
    assert tokens["roles"].tolist() == [1, 0, 2, 2, 0, 2]
    assert tokens["distances"][1:4, 1:4].tolist() == [[1, 1, 1], [1, 2, 3], [1, 3, 2]]
    assert tokens["distances"][0].tolist() == [1, 0, 0, 0, 0, 0]
    assert places.tolist() == [2, 3, 5]


# --- pickles ---


class Calls:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("a pickle was run",)


def test_no_code_in_a_pickle_is_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bad.pkl"
    path.write_bytes(pickle.dumps({"stoi": Calls()}))
    with pytest.raises(pickle.UnpicklingError, match=r"refers to builtins\.print"):
        plain_data(path)
    torch.save({"state": Calls(), "tensor": torch.ones(2)}, path)
    found = tensors_only(path)
    assert isinstance(found["state"], Inert)
    assert found["tensor"].tolist() == [1, 1]
    assert capsys.readouterr().out == ""


def test_tensors_of_a_pickled_module_are_read(tmp_path: Path) -> None:
    network = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
    torch.save(network, tmp_path / "module.pt")
    want, got = network.state_dict(), module_state(tmp_path / "module.pt")
    assert got.keys() == want.keys()
    assert all(torch.equal(got[key], want[key]) for key in want)
