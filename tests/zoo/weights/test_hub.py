"""Encoders and decoders of transformers: tiny ones with random weights, built by the library, loaded from a folder."""

from dataclasses import replace

import numpy as np
import pytest

from hyle.zoo import Model, Sample, find_card, load, weights_version
from hyle.zoo.adapters.hf_model import PROMPTS, HFModel, coordinates_text
from hyle.zoo.weights import hub as hub

from ..one_pass import assert_one_pass

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
tokenizers = pytest.importorskip("tokenizers")
ase = pytest.importorskip("ase")

SMILES = ["CCO", "c1ccccc1", "C", "CC(=O)NCC"]
SAMPLES = [Sample(id=str(i), smiles=s) for i, s in enumerate(SMILES)]
LETTERS = "CNOcno123()=[]+-"
SMALL = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 32}
ENCODERS = {
    "bert": lambda size: transformers.BertModel(transformers.BertConfig(vocab_size=size, **SMALL)),
    "roberta": lambda size: transformers.RobertaModel(transformers.RobertaConfig(vocab_size=size, **SMALL)),
    "llama": lambda size: transformers.LlamaModel(transformers.LlamaConfig(vocab_size=size, **SMALL)),
    "qwen3": lambda size: transformers.Qwen3Model(
        transformers.Qwen3Config(vocab_size=size, num_key_value_heads=2, head_dim=8, **SMALL)
    ),
    "gpt_neo": lambda size: transformers.GPTNeoModel(
        transformers.GPTNeoConfig(
            vocab_size=size, hidden_size=16, num_layers=2, num_heads=2, attention_types=[[["global", "local"], 1]]
        )
    ),
    "t5": lambda size: transformers.T5ForConditionalGeneration(
        transformers.T5Config(vocab_size=size, d_model=16, d_kv=8, d_ff=32, num_layers=2, num_heads=2)
    ),
}


@pytest.fixture(scope="module", params=ENCODERS)
def folder(request, tmp_path_factory):
    path = tmp_path_factory.mktemp(request.param)
    words = {word: i for i, word in enumerate(["<pad>", "<s>", "</s>", "<unk>", *LETTERS])}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Split("", "isolated")
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    ).save_pretrained(path)
    torch.manual_seed(0)
    ENCODERS[request.param](len(words)).eval().save_pretrained(path)
    return path


def test_rows_are_means_over_the_letters_of_the_string(folder):
    model = load(f"hf:{folder}")
    assert_one_pass(model, SAMPLES)
    network = model.adapter.model
    for layer in (model.card.layers[0], model.card.layers[1]):
        rows = np.asarray(model.embed(SAMPLES, layer=layer, batch_size=3).embedding)
        for row, smiles in zip(rows, SMILES, strict=True):
            ids = torch.tensor([[1, *(LETTERS.index(c) + 4 for c in smiles), 2]])
            with torch.no_grad():
                states = network(input_ids=ids, output_hidden_states=True).hidden_states
            want = states[int(layer.rpartition(".")[2])][0, 1:-1].mean(0).numpy()
            np.testing.assert_allclose(row, want, rtol=1e-4, atol=1e-5)
    assert rows.shape[1] == model.card.dim == 16


def test_unknown_letters_are_counted_and_long_strings_rejected(folder):
    model = load(f"hf:{folder}")
    model.embed([Sample("x", smiles="CXC")])
    assert model.adapter.unknown_tokens == 1
    model.adapter.max_tokens = 6
    embedded = model.embed([Sample("short", smiles="CCCC"), Sample("long", smiles="CCCCC")])
    assert list(embedded.ids) == ["short"]
    assert "7 tokens" in embedded.dropped["long"]


@pytest.mark.parametrize("name", ["prompt", "blank", "blank-atoms"])
def test_a_prompt_is_put_before_the_sample_and_is_not_pooled(folder, name):
    published = find_card(f"qwen3-30b-a3b-{name}")
    card = replace(find_card(f"hf:{folder}"), view=published.view, options={**published.options, "max_tokens": 2000})
    model = Model(card, HFModel(card, {"folder": folder}))
    samples = [
        Sample(str(i), smiles=s, atoms=ase.Atoms("CO", [[0, 0, 0], [0, 0, i + 1]])) for i, s in enumerate(SMILES)
    ]
    rows = np.asarray(model.embed(samples, batch_size=3).embedding)
    for row, sample in zip(rows, samples, strict=True):
        text = sample.smiles if published.view == "smiles" else coordinates_text(sample.atoms)
        whole = PROMPTS[published.options["prompt"]] + text
        ids = torch.tensor([[1, *(LETTERS.index(c) + 4 if c in LETTERS else 3 for c in whole), 2]])
        with torch.no_grad():
            states = model.adapter.model(input_ids=ids, output_hidden_states=True).hidden_states[-1]
        np.testing.assert_allclose(row, states[0, -1 - len(text) : -1].mean(0), rtol=1e-3, atol=1e-4)
    assert len(np.unique(rows.round(5), axis=0)) == len(samples)


def test_coordinates_are_written_in_full():
    crystal = ase.Atoms("LiF", [[0, 0, 0], [1.23456, 0, 0]], cell=[3, 3, 3], pbc=[True, True, False])
    text = coordinates_text(crystal)
    assert "3 9" in text
    assert "1.235 0.000 0.000" in text
    assert "3.000 0.000 0.000" in text
    assert text.endswith("yes yes no")


def test_changed_files_have_another_version(folder):
    before = weights_version(find_card(f"hf:{folder}").weights)
    assert weights_version(find_card(f"hf:{folder}").weights) == before
    (folder / "more.txt").write_text("x")
    assert weights_version(find_card(f"hf:{folder}").weights) != before
    (folder / "more.txt").unlink()


def test_a_folder_without_a_model_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"no config\.json"):
        find_card(f"hf:{tmp_path}")


def test_no_hub_is_one_clear_error(monkeypatch):
    import huggingface_hub

    def offline(*_args, local_files_only=False, **_options):
        if local_files_only:
            raise huggingface_hub.errors.LocalEntryNotFoundError("nothing")
        raise OSError("[Errno 101] Network is unreachable")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", offline)
    lines = []
    with pytest.raises(ConnectionError, match="could not be downloaded from the hub"):
        hub.hub_folder("organisation/name", notify=lines.append)
    assert lines == ["downloading organisation/name from the Hugging Face Hub"]
