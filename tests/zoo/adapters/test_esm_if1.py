"""ESM-IF1 as a small network with random weights, built by its own library if that is installed."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hyle.zoo import Model, Sample, find_card, load_dataset

torch = pytest.importorskip("torch")
pytest.importorskip("esm.modules", reason="needs the package fair-esm")

from hyle.zoo.adapters.esm_if1 import CHECKPOINT, ESMIF1, stand_in_libraries  # noqa: E402

from ..one_pass import assert_one_pass  # noqa: E402

SETTINGS = {
    "arch": "vt_medium_with_invariant_gvp",
    "dropout": 0.1,
    "attention_dropout": 0.1,
    "encoder_layers": 2,
    "encoder_embed_dim": 32,
    "encoder_ffn_embed_dim": 64,
    "encoder_attention_heads": 4,
    "decoder_layers": 1,
    "decoder_embed_dim": 32,
    "decoder_ffn_embed_dim": 64,
    "decoder_attention_heads": 4,
    "gvp_top_k_neighbors": 10,
    "gvp_num_encoder_layers": 2,
    "gvp_dropout": 0.1,
    "gvp_node_hidden_dim_scalar": 32,
    "gvp_node_hidden_dim_vector": 8,
    "gvp_edge_hidden_dim_scalar": 16,
    "gvp_edge_hidden_dim_vector": 1,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with stand_in_libraries():
        import esm.inverse_folding

    settings = Namespace(**SETTINGS)
    torch.manual_seed(0)
    alphabet = esm.Alphabet.from_architecture(settings.arch)
    network = esm.inverse_folding.gvp_transformer.GVPTransformerModel(settings, alphabet)
    folder = tmp_path_factory.mktemp("if1")
    torch.save({"args": settings, "model": network.state_dict()}, folder / f"{CHECKPOINT}.pt")
    return folder


@pytest.fixture(scope="module")
def model(folder: Path) -> Model:
    card = replace(find_card("esm-if1"), dim=32, layers=("encoder_out", "layers.1", "layers.0"))
    return Model(card, ESMIF1(card, {"weights": folder / f"{CHECKPOINT}.pt"}))


def chains() -> list[Sample]:
    return sorted(load_dataset("proteins"), key=lambda sample: len(sample.view("sequence")))[:4]


def test_residues_agree_with_the_library(model: Model, folder: Path) -> None:
    import esm

    data = torch.load(folder / f"{CHECKPOINT}.pt", weights_only=False)
    network, alphabet = esm.pretrained.load_model_and_alphabet_core(CHECKPOINT, data)
    for sample in chains():
        coords = sample.view("backbone")[:, :3]
        coords = coords - coords[:, 1].mean(0)  # because the library places the padding at both ends at the origin
        with torch.no_grad():
            want = esm.inverse_folding.util.get_encoder_output(network.eval(), alphabet, coords)
        got = model.adapter.forward([sample], "encoder_out")
        assert got.counts == [len(sample.view("sequence"))]
        np.testing.assert_allclose(got.features, want, rtol=1e-3, atol=1e-4)


def test_rows_do_not_depend_on_order_and_pose(model: Model) -> None:
    samples = chains()
    want = np.asarray(model.embed(samples).embedding)
    assert want.shape == (4, 32)
    other = np.asarray(model.embed(samples[::-1], batch_size=3).embedding)
    np.testing.assert_allclose(other[::-1], want, rtol=1e-5, atol=1e-6)
    rotation, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))
    rotation *= np.sign(np.linalg.det(rotation))
    turned = [Sample(s.id, backbone=(s.view("backbone") @ rotation + 7).astype(np.float32)) for s in samples]
    np.testing.assert_allclose(model.embed(turned).embedding, want, rtol=1e-3, atol=1e-4)


def test_layers_are_taken_from_one_pass(model: Model) -> None:
    assert_one_pass(model, chains())


def test_layers_differ_and_too_short_chains_are_rejected(model: Model) -> None:
    layers = [np.asarray(model.embed(chains(), layer=layer).embedding) for layer in model.card.layers]
    assert not any(np.allclose(layers[i], layers[j]) for i, j in ((0, 1), (1, 2), (0, 2)))
    short = Sample("short", backbone=np.zeros((2, 4, 3), np.float32))
    assert list(model.embed([*chains(), short]).dropped) == ["short"]
