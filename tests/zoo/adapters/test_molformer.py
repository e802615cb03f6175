"""MoLFormer as a small network with random weights, compared with its definition."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hyle.zoo import Model, Sample, find_card

torch = pytest.importorskip("torch")
tokenizers = pytest.importorskip("tokenizers")
safetensors_torch = pytest.importorskip("safetensors.torch")

from hyle.zoo.adapters.molformer import MoLFormer  # noqa: E402

from ..one_pass import assert_one_pass  # noqa: E402

LETTERS = "CNOcno123()=[]+-"
SIZE, HEADS, RANDOM, EPS = 16, 2, 6, 1e-6
SMILES = ["CCO", "c1ccccc1", "C", "CC(=O)NCC"]


def arrays(seed: int = 0) -> dict[str, torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=draw) / math.sqrt(shape[-1])

    state = {"embeddings.word_embeddings.weight": normal(len(LETTERS) + 4, SIZE) * 4}
    for i in range(2):
        block = f"encoder.layer.{i}"
        for name in ("self.query", "self.key", "self.value", "output.dense"):
            state[f"{block}.attention.{name}.weight"] = normal(SIZE, SIZE)
            state[f"{block}.attention.{name}.bias"] = normal(SIZE)
        state[f"{block}.attention.self.feature_map.weight"] = normal(SIZE // HEADS, RANDOM)
        for name in ("intermediate.dense", "output.dense"):
            state[f"{block}.{name}.weight"] = normal(SIZE, SIZE)
            state[f"{block}.{name}.bias"] = normal(SIZE)
        for name in ("attention.output.LayerNorm", "output.LayerNorm"):
            state[f"{block}.{name}.weight"] = 1 + normal(SIZE)
            state[f"{block}.{name}.bias"] = normal(SIZE)
    state |= {"LayerNorm.weight": 1 + normal(SIZE), "LayerNorm.bias": normal(SIZE)}
    return state


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder: Path = tmp_path_factory.mktemp("molformer")
    words = {word: i for i, word in enumerate(["<bos>", "<eos>", "<pad>", "<unk>", *LETTERS])}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Split("", "isolated")
    tokenizer.add_special_tokens(["<bos>", "<eos>", "<pad>", "<unk>"])
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
        single="<bos> $A <eos>", special_tokens=[("<bos>", 0), ("<eos>", 1)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    head = {"lm_head.decoder.weight": torch.zeros(2, 2)}
    state = {f"molformer.{key}": value for key, value in arrays().items()} | head
    safetensors_torch.save_file(state, folder / "model.safetensors")
    config = {"num_hidden_layers": 2, "num_attention_heads": HEADS, "layer_norm_eps": 1e-12}
    config |= {"linear_attention_eps": EPS, "hidden_act": "gelu", "feature_map_kernel": "relu"}
    (folder / "config.json").write_text(json.dumps(config))
    layers = ("last_hidden_state", "hidden_states.2", "hidden_states.1", "hidden_states.0")
    card = replace(find_card("molformer"), dim=SIZE, layers=layers)
    files = {"config": "config.json", "weights": "model.safetensors", "tokenizer": "tokenizer.json"}
    return Model(card, MoLFormer(card, {name: folder / file for name, file in files.items()}))


def plain(smiles: str) -> np.ndarray:
    """Compute the definition token by token and head by head, in float64."""
    state = {key: value.double().numpy() for key, value in arrays().items()}

    def linear(x: np.ndarray, name: str) -> np.ndarray:
        return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]

    def norm(x: np.ndarray, name: str) -> np.ndarray:
        z = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-12)
        return z * state[f"{name}.weight"] + state[f"{name}.bias"]

    def turn(vector: np.ndarray, place: int) -> np.ndarray:
        half, out = len(vector) // 2, vector.copy()
        for j in range(half):
            angle = place / 10000 ** (2 * j / len(vector))
            matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
            out[[j, j + half]] = matrix @ vector[[j, j + half]]
        return out

    ids = [0, *(LETTERS.index(letter) + 4 for letter in smiles), 1]
    x, width = state["embeddings.word_embeddings.weight"][ids], SIZE // HEADS
    for i in range(2):
        block = f"encoder.layer.{i}"
        query, key, value = (linear(x, f"{block}.attention.self.{one}") for one in ("query", "key", "value"))
        directions, mixed = state[f"{block}.attention.self.feature_map.weight"], np.zeros_like(x)
        for head in range(HEADS):
            part = slice(head * width, (head + 1) * width)
            p = [np.maximum(turn(query[t, part], t) @ directions, 0) for t in range(len(ids))]
            r = [np.maximum(turn(key[t, part], t) @ directions, 0) for t in range(len(ids))]
            for t in range(len(ids)):
                weights = np.array([p[t] @ r[s] for s in range(len(ids))])
                mixed[t, part] = weights @ value[:, part] / max(weights.sum(), EPS)
        x = norm(x + linear(mixed, f"{block}.attention.output.dense"), f"{block}.attention.output.LayerNorm")
        inner = linear(x, f"{block}.intermediate.dense")
        inner = inner * 0.5 * (1 + np.vectorize(math.erf)(inner / math.sqrt(2)))
        x = norm(x + linear(inner, f"{block}.output.dense"), f"{block}.output.LayerNorm")
    return norm(x, "LayerNorm")[1:-1].mean(0)


def test_rows_follow_the_definition(model: Model) -> None:
    rows = np.asarray(model.embed([Sample(s, smiles=s) for s in SMILES]).embedding)
    np.testing.assert_allclose(rows, [plain(smiles) for smiles in SMILES], rtol=1e-4, atol=1e-5)


def test_rows_do_not_depend_on_batch_size_and_order(model: Model) -> None:
    samples = [Sample(s, smiles=s) for s in SMILES]
    for layer in model.card.layers:
        want = np.asarray(model.embed(samples, layer=layer).embedding)
        np.testing.assert_allclose(
            model.embed(samples, layer=layer, batch_size=1).embedding, want, rtol=1e-4, atol=1e-5
        )
    other = np.asarray(model.embed(samples[::-1], batch_size=3).embedding)
    np.testing.assert_allclose(other[::-1], model.embed(samples).embedding, rtol=1e-4, atol=1e-5)


def test_layers_are_taken_from_one_pass(model: Model) -> None:
    assert_one_pass(model, [Sample(s, smiles=s) for s in SMILES])


def test_too_long_and_empty_strings_are_rejected(model: Model) -> None:
    found = model.embed([Sample("fits", smiles="C" * 200), Sample("long", smiles="C" * 201), Sample("none", smiles="")])
    assert list(found.ids) == ["fits"]
    assert "203 tokens" in found.dropped["long"]
