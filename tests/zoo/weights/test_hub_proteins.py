"""Weights on a hub, cached or not, and the protein adapter, with tiny models and random weights."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from hyle.zoo import (  # noqa: E402
    MissingWeightsError,
    Model,
    Sample,
    UnknownHashError,
    find_card,
    list_models,
    load,
    load_dataset,
    state_of,
    weights_files,
    weights_origin,
    weights_version,
)
from hyle.zoo.adapters.hf_protein import HFProtein  # noqa: E402
from hyle.zoo.weights import hub as hub  # noqa: E402

from ..one_pass import assert_one_pass  # noqa: E402

HUB = [
    card
    for card in list_models()
    if card.weights is not None and card.weights.hub and card.adapter.endswith("HFProtein")
]
RESIDUES = "LAGVSERTIDPKQNFYMHWCXBUZO"
SEQUENCES = ["MKTAYIAKQRQISFVKSHFSRQ", "GG", "ACDEFGHIKLMNPQRSTVWYX"]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Provide an empty cache of the hub."""
    import huggingface_hub.constants
    import huggingface_hub.file_download

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(huggingface_hub.file_download, "HF_HUB_CACHE", str(tmp_path), raising=False)
    return tmp_path


def tiny(name: str, folder: Path) -> None:
    """Write a model of the card's architecture, with a few thousand random weights, and its tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    small = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    if name.startswith("prostt5"):
        vocab = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *((f"▁{letter}", -2.0) for letter in RESIDUES)]
        tokenizer = transformers.T5Tokenizer(vocab=vocab, extra_ids=0)
        tokenizer.add_tokens(["<fold2AA>", "<AA2fold>", *"acdefghiklmnpqrstvwy"])
        config = transformers.T5Config(
            vocab_size=len(tokenizer), d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=4, pad_token_id=0
        )
        model = transformers.T5EncoderModel(config)
    elif name.startswith("esmc"):
        tokenizer = transformers.EsmcTokenizer()
        model = transformers.EsmcModel(transformers.EsmcConfig(**small))
    else:
        ends = ["#"] if name.startswith("saprot") else [""]
        tokens = ["<cls>", "<pad>", "<eos>", "<unk>", *(f"{a}{b}" for a in RESIDUES for b in ends), "<mask>"]
        (folder / "vocab.txt").write_text("\n".join(tokens))
        tokenizer = transformers.EsmTokenizer(str(folder / "vocab.txt"))
        config = transformers.EsmConfig(
            vocab_size=len(tokens),
            pad_token_id=1,
            mask_token_id=len(tokens) - 1,
            position_embedding_type="rotary",
            token_dropout=True,
            emb_layer_norm_before=False,
            max_position_embeddings=1026,
            **small,
        )
        model = transformers.EsmForMaskedLM(config)
    tokenizer.save_pretrained(folder)
    model.save_pretrained(folder)


@pytest.fixture(params=["esm2-8m", "esmc-300m", "saprot-650m", "prostt5"])
def model(request: pytest.FixtureRequest, tmp_path: Path) -> Model:
    card = replace(find_card(request.param), layers=("hidden_states.2", "hidden_states.1", "hidden_states.0"), dim=32)
    tiny(card.name, tmp_path)
    return Model(card, HFProtein(card, {"config": tmp_path / "config.json"}))


def strings(*sequences: str) -> list[Sample]:
    return [Sample(str(i), sequence=sequence) for i, sequence in enumerate(sequences)]


def test_residues_are_the_hidden_states_without_special_tokens(model: Model) -> None:
    """Compare with the tokenizer of the library, one sequence at a time and without a mask."""
    adapter, options = model.adapter, model.card.options
    assert isinstance(adapter, HFProtein)
    tokenizer = transformers.AutoTokenizer.from_pretrained(adapter.files["config"].parent, local_files_only=True)
    out = adapter.forward(strings(*SEQUENCES), "hidden_states.2")
    assert out.counts == [len(sequence) for sequence in SEQUENCES]
    for got, sequence in zip(np.split(out.features.numpy(), np.cumsum(out.counts)[:-1]), SEQUENCES, strict=True):
        tokens = [options["token"].format(letter) for letter in sequence]
        ids = tokenizer.convert_tokens_to_ids([options["begin"], *tokens, options["end"]])
        assert len(set(ids)) == len(set(sequence)) + 2
        with torch.no_grad():
            want = adapter.model(input_ids=torch.tensor([ids])).last_hidden_state[0, 1:-1].numpy()
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


def test_tokens_agree_with_the_library(model: Model) -> None:
    adapter = model.adapter
    assert isinstance(adapter, HFProtein)
    tokenizer = transformers.AutoTokenizer.from_pretrained(adapter.files["config"].parent, local_files_only=True)
    for sequence in SEQUENCES:
        text = {
            "prostt5": "<AA2fold> " + " ".join(sequence),
            "esmc-300m": sequence,
            "esm2-8m": sequence,
            "saprot-650m": "".join(f"{letter}#" for letter in sequence),
        }[model.card.name]
        ids = [adapter.begin, *(adapter.index[letter] for letter in sequence), adapter.end]
        assert tokenizer(text)["input_ids"] == ids


def test_rows_do_not_depend_on_batch_size_and_order(model: Model) -> None:
    samples = strings(*SEQUENCES, "MKV", "WWWWHHHH")
    want = np.asarray(model.embed(samples).embedding)
    np.testing.assert_allclose(model.embed(samples, batch_size=1).embedding, want, rtol=1e-4, atol=1e-5)
    turned = np.asarray(model.embed(samples[::-1], batch_size=2).embedding)[::-1]
    np.testing.assert_allclose(turned, want, rtol=1e-4, atol=1e-5)


def test_layers_are_taken_from_one_pass(model: Model) -> None:
    assert_one_pass(model, [Sample(s, sequence=s) for s in SEQUENCES])


def test_layers_differ_and_sequences_without_tokens_are_rejected(model: Model) -> None:
    layers = [np.asarray(model.embed(strings(*SEQUENCES), layer=layer).embedding) for layer in model.card.layers]
    assert all(values.shape == (3, 32) for values in layers)
    assert not np.allclose(layers[0], layers[1])
    assert not np.allclose(layers[1], layers[2])
    limit = model.card.options["residues"]
    embedded = model.embed(strings("MKV", "MJV", "", "A" * (limit + 1)))
    assert list(embedded.ids) == ["0"]
    assert "J" in embedded.dropped["1"]
    assert str(limit) in embedded.dropped["3"]


def test_prostt5_reads_the_backbone_as_letters(tmp_path: Path) -> None:
    pytest.importorskip("mini3di")
    from hyle.zoo.adapters.hf_protein import structure

    tiny("prostt5-structure", tmp_path)
    card = replace(find_card("prostt5-structure"), layers=("hidden_states.2", "hidden_states.1"), dim=32)
    adapter = HFProtein(card, {"config": tmp_path / "config.json"})
    chains = sorted(load_dataset("proteins"), key=lambda sample: len(sample.view("sequence")))[:3]
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path, local_files_only=True)
    for sample in chains:
        letters = structure(sample.backbone)
        assert len(letters) == len(sample.view("sequence"))
        assert len(set(letters)) >= 3
        turned = Sample("turned", backbone=sample.view("backbone")[..., [1, 2, 0]] + np.float32(3))
        assert structure(turned.backbone) == letters
        ids = tokenizer(f"<fold2AA> {' '.join(letters)}")["input_ids"]
        assert ids == [adapter.begin, *(adapter.index[letter] for letter in letters), adapter.end]
    embedded = Model(card, adapter).embed([*chains, Sample("short", backbone=np.zeros((2, 4, 3), np.float32))])
    assert list(embedded.dropped) == ["short"]
    assert embedded.embedding.shape == (3, 32)


def test_rare_residues_are_read_as_the_model_was_trained() -> None:
    assert set(find_card("prostt5").options["replace"]) == set("BOUZ")


# --- the cache of the hub ---


@pytest.mark.parametrize("card", HUB, ids=lambda card: card.name)
def test_the_error_for_missing_weights_contains_the_command(card, cache: Path) -> None:
    if card.missing():
        pytest.skip(f"needs {', '.join(card.missing())}")
    assert state_of(card) == "needs-weights"
    command = card.fetch_command()
    assert command == f"hyle fetch {card.name}"
    with pytest.raises(MissingWeightsError, match="Hugging Face Hub; to download them: hyle fetch"):
        load(card.name)


def put(cache: Path, name: str, commit: str) -> Path:
    card = find_card(name)
    folder = cache / f"models--{card.weights.hub.replace('/', '--')}"
    tiny(name, folder / "snapshots" / commit)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(commit)
    return folder / "snapshots" / commit


def test_weights_in_the_cache_are_loaded(cache: Path) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    folder = put(cache, "saprot-650m", commit)
    card = find_card("saprot-650m")
    assert state_of(card) == "runs"
    assert weights_origin(card.weights) == f"westlake-repl/SaProt_650M_AF2@{commit}"
    assert weights_files(card)["config"] == folder / "config.json"
    embedded = load("saprot-650m").embed(strings("MKV"), layer="hidden_states.1")
    assert embedded.embedding.shape == (1, 32)
    assert embedded.recipe["weights_from"] == f"westlake-repl/SaProt_650M_AF2@{commit}"  # though no commit is pinned


@pytest.mark.parametrize("missing", ["model.safetensors", "shard"])
def test_a_repository_that_was_downloaded_in_part_is_not_loaded(missing: str, cache: Path) -> None:
    folder = put(cache, "saprot-650m", "0123456789abcdef0123456789abcdef01234567")
    card = find_card("saprot-650m")
    assert state_of(card) == "runs"
    if missing == "shard":
        index = {"weight_map": {"a": "model.safetensors", "b": "model-00002-of-00002.safetensors"}}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    else:
        (folder / missing).unlink()
    assert state_of(card) == "needs-weights"
    with pytest.raises(MissingWeightsError, match="hyle fetch saprot-650m"):
        load("saprot-650m")
    if missing == "shard":
        (folder / "model-00002-of-00002.safetensors").write_bytes(b"")
        assert state_of(card) == "runs"


def test_only_the_pinned_commit_is_used_and_its_hash_is_checked(cache: Path) -> None:
    card = find_card("esm2-8m")
    put(cache, "esm2-8m", "0123456789abcdef0123456789abcdef01234567")
    assert state_of(card) == "needs-weights"
    tiny("esm2-8m", cache / "models--facebook--esm2_t6_8M_UR50D" / "snapshots" / card.weights.revision)
    assert state_of(card) == "runs"
    with pytest.raises(ValueError, match=r"model\.safetensors has the sha256"):
        load("esm2-8m")


def test_named_files_need_no_configuration_file(cache: Path) -> None:
    card = find_card("uma-s-1p1-omol")
    assert card.weights is not None
    assert hub.cached_files(card.weights) is None
    assert card.fetch_command() == "hyle fetch uma-s-1p1-omol"
    commit = "0123456789abcdef0123456789abcdef01234567"
    folder = cache / "models--facebook--UMA"
    path = folder / "snapshots" / commit / "checkpoints" / "uma-s-1p1.pt"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"weights")
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(commit)
    assert hub.cached_files(card.weights) == {"folder": folder / "snapshots" / commit, "weights": path}
    assert weights_origin(card.weights) == f"facebook/UMA@{commit}"
    with pytest.raises(UnknownHashError, match="hyle fetch uma-s-1p1-omol"):
        weights_files(card)


def test_the_commit_identifies_the_weights() -> None:
    weights = find_card("esm2-8m").weights
    assert weights_version(weights) != weights_version(replace(weights, revision="0" * 40))
    assert weights_origin(weights) == f"facebook/esm2_t6_8M_UR50D@{weights.revision}"


@pytest.mark.parametrize(
    ("name", "layers", "width", "heads", "inner"),
    [
        ("esm2-8m", 6, 320, 20, 1280),
        ("esm2-35m", 12, 480, 20, 1920),
        ("esm2-150m", 30, 640, 20, 2560),
        ("esm2-650m", 33, 1280, 20, 5120),
        ("saprot-650m", 33, 1280, 20, 5120),
        ("esmc-300m", 30, 960, 15, 2560),
        ("esmc-600m", 36, 1152, 18, 3072),
        ("prostt5", 24, 1024, 32, 16384),
    ],
)
def test_cards_have_the_size_of_the_published_configuration(
    name: str, layers: int, width: int, heads: int, inner: int
) -> None:
    card = find_card(name)
    kind = card.options["model_class"]
    if not hasattr(transformers, kind):
        pytest.skip(f"this transformers has no {kind}")
    sizes = {
        "hidden_size": width,
        "num_hidden_layers": layers,
        "intermediate_size": inner,
        "num_attention_heads": heads,
    }
    config = {
        "EsmModel": lambda: transformers.EsmConfig(
            vocab_size=446 if name.startswith("saprot") else 33,
            pad_token_id=1,
            mask_token_id=4,
            max_position_embeddings=1026,
            position_embedding_type="rotary",
            emb_layer_norm_before=False,
            **sizes,
        ),
        "EsmcModel": lambda: transformers.EsmcConfig(**sizes),
        "T5EncoderModel": lambda: transformers.T5Config(
            vocab_size=150, d_model=width, d_ff=inner, d_kv=128, num_layers=layers, num_heads=heads
        ),
    }[kind]()
    with torch.device("meta"):
        network = getattr(transformers, kind)(config, **card.options.get("load", {}))
    assert sum(p.numel() for p in network.parameters()) == card.parameters
    assert card.layers[0] == f"hidden_states.{layers}"
    assert card.dim == width
