"""ESM3 as a small network with random weights, built by its own library if that is installed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hyle.zoo import Model, Sample, find_card, load_dataset

torch = pytest.importorskip("torch")
pytest.importorskip("esm.sdk", reason="needs the package esm")

from hyle.zoo.adapters.esm3 import ESM3  # noqa: E402

from ..one_pass import assert_one_pass  # noqa: E402

SIZES = {"d_model": 64, "n_heads": 2, "v_heads": 8, "n_layers": 2}
ENCODER = {"d_model": 32, "n_heads": 1, "v_heads": 4, "n_layers": 2, "d_out": 128, "n_codes": 4096}


@pytest.fixture(scope="module", params=["sequence", "structure"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Model:
    from esm.models import esm3
    from esm.models.vqvae import StructureTokenEncoder

    folder = tmp_path_factory.mktemp("esm3")
    torch.manual_seed(0)
    none = {"structure_encoder_fn": None, "structure_decoder_fn": None, "function_decoder_fn": None, "tokenizers": None}
    torch.save(esm3.ESM3(**SIZES, **none).state_dict(), folder / "weights.pth")
    torch.save(StructureTokenEncoder(**ENCODER).state_dict(), folder / "structure.pth")
    card = find_card(f"esm3-{request.param}")
    card = replace(
        card,
        dim=64,
        layers=("transformer.blocks.1", "transformer.blocks.0"),
        options={**card.options, "sizes": SIZES, "encoder": ENCODER},
    )
    files = {"weights": folder / "weights.pth", "structure": folder / "structure.pth"}
    return Model(card, ESM3(card, files))


def chains() -> list[Sample]:
    return sorted(load_dataset("proteins"), key=lambda sample: len(sample.view("sequence")))[:4]


def test_residues_agree_with_the_embedding_of_the_library(model: Model) -> None:
    from esm.sdk.api import ESMProtein, LogitsConfig

    network = model.adapter.model  # type: ignore[attr-defined]
    for sample in chains():
        if model.card.view == "sequence":
            protein = ESMProtein(sequence=sample.sequence)
        else:
            backbone = torch.as_tensor(sample.backbone)
            coordinates = torch.full((len(backbone), 37, 3), torch.nan)
            coordinates[:, :3] = backbone[:, :3]
            protein = ESMProtein(coordinates=coordinates)
        want = network.logits(network.encode(protein), LogitsConfig(return_embeddings=True)).embeddings
        got = model.adapter.forward([sample], model.card.layers[0])
        assert got.counts == [len(sample.view("sequence"))]
        np.testing.assert_allclose(got.features, want[0, 1:-1], rtol=1e-3, atol=1e-3)


def test_rows_do_not_depend_on_order_and_pose(model: Model) -> None:
    samples = chains()
    want = np.asarray(model.embed(samples).embedding)
    assert want.shape == (4, 64)
    other = np.asarray(model.embed(samples[::-1], batch_size=3).embedding)
    np.testing.assert_allclose(other[::-1], want, rtol=1e-5, atol=1e-6)
    if model.card.view == "backbone":
        rotation, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))
        rotation *= np.sign(np.linalg.det(rotation))
        turned = [Sample(s.id, backbone=(s.view("backbone") @ rotation + 7).astype(np.float32)) for s in samples]
        np.testing.assert_allclose(model.embed(turned).embedding, want, rtol=1e-2, atol=1e-3)


def test_layers_are_taken_from_one_pass(model: Model) -> None:
    assert_one_pass(model, chains())


def test_layers_differ_and_unsupported_samples_are_rejected(model: Model) -> None:
    first, second = (np.asarray(model.embed(chains(), layer=layer).embedding) for layer in model.card.layers)
    assert not np.allclose(first, second)
    strange = Sample("strange", sequence="MKJ", backbone=np.zeros((0, 4, 3), np.float32))
    assert list(model.embed([*chains(), strange]).dropped) == ["strange"]
