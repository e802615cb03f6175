"""A torch module as a model: the named layer, pooled, in evaluation mode, and identified by its weights."""

import numpy as np
import pytest

from hyle.zoo import Sample, TorchHook

torch = pytest.importorskip("torch")

SAMPLES = [Sample(id=str(n), smiles="C" * n) for n in (3, 1, 5, 2)]


class Net(torch.nn.Module):
    """A network that returns one row per letter, then one per sample."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embed = torch.nn.Embedding(8, 6)
        self.drop = torch.nn.Dropout(0.5)
        self.out = torch.nn.Linear(6, 2)

    def forward(self, ids, *, scale=1.0):
        return self.out(self.drop(self.embed(ids)) * scale).mean(1)


def padded(samples):
    ids = torch.full((len(samples), max(len(s.smiles) for s in samples)), 7)
    for i, sample in enumerate(samples):
        ids[i, : len(sample.smiles)] = torch.arange(len(sample.smiles))
    return (ids,)


def lengths(samples):
    return [len(sample.smiles) for sample in samples]


def test_nodes_are_pooled_without_padding():
    net = Net()
    hook = TorchHook(net, "embed", padded, counts=lengths, view="smiles", batch_size=3)
    embedded = hook.embed(SAMPLES)
    table = net.embed.weight.detach().numpy()
    want = [table[: len(sample.smiles)].mean(0) for sample in SAMPLES]
    np.testing.assert_allclose(np.asarray(embedded.embedding), want, rtol=1e-4)
    assert list(embedded.ids) == [sample.id for sample in SAMPLES]
    summed = hook.embed(SAMPLES, pooling="sum").embedding
    np.testing.assert_allclose(np.asarray(summed)[0], table[:3].sum(0), rtol=1e-6)


def test_one_row_per_sample_and_keyword_arguments():
    net = Net()
    hook = TorchHook(net, ["out", "embed"], lambda s: {"ids": padded(s)[0], "scale": 2.0}, pick=lambda out: out[:, 0])
    rows = np.asarray(hook.embed(SAMPLES).embedding)
    want = net.out(2 * net.embed.weight[0]).detach().numpy()
    np.testing.assert_allclose(rows, np.repeat(want[None], 4, 0), rtol=1e-5)
    assert np.asarray(hook.embed(SAMPLES, layer="embed").embedding).shape == (4, 6)


def test_several_layers_and_poolings_take_one_pass():
    net, calls = Net(), []
    net.register_forward_hook(lambda *_: calls.append(1))
    layers, poolings = ["embed", "drop"], ["mean", "sum", "cumulants(2)"]
    hook = TorchHook(net, layers, padded, counts=lengths, view="smiles", name="net", batch_size=3)
    found = hook.embed_layers(SAMPLES, poolings=poolings)
    assert len(calls) == 2  # batches
    assert [each.name for each in found] == [f"net@{layer} {pooling}" for layer in layers for pooling in poolings]
    for each in found:
        alone = hook.embed(SAMPLES, layer=each.recipe["layer"], pooling=each.recipe["pooling"])
        np.testing.assert_array_equal(np.asarray(each.embedding), np.asarray(alone.embedding))
        assert (each.recipe, each.ids) == (alone.recipe, alone.ids)
    assert [each.name for each in hook.embed_layers(SAMPLES, layers=["drop"])] == ["net@drop"]


def test_the_network_is_unchanged_and_dropout_is_off():
    net = Net().train()
    hook = TorchHook(net, "drop", padded, counts=lengths)
    first, second = (np.asarray(hook.embed(SAMPLES).embedding) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert net.training
    assert not net.embed.weight.grad_fn
    assert not net.drop._forward_hooks


def test_a_training_step_changes_the_weights_in_the_recipe():
    net = Net()
    before = TorchHook(net, "out", padded, counts=lengths).embed(SAMPLES).recipe["weights"]
    assert TorchHook(net, "out", padded, counts=lengths).embed(SAMPLES).recipe["weights"] == before
    with torch.no_grad():
        net.out.bias += 1
    assert TorchHook(net, "out", padded, counts=lengths).embed(SAMPLES).recipe["weights"] != before


def test_invalid_arguments_raise_clear_errors():
    with pytest.raises(ValueError, match="no layer 'embde'; did you mean 'embed'"):
        TorchHook(Net(), "embde", padded)
    with pytest.raises(ValueError, match=r"has shape .* pass counts"):
        TorchHook(Net(), "embed", padded).embed(SAMPLES)
    twice = torch.nn.Sequential(torch.nn.Linear(2, 2))
    twice.append(twice[0])
    with pytest.raises(ValueError, match="ran 2 times"):
        TorchHook(twice, "0", lambda samples: (torch.zeros(len(samples), 2),)).embed(SAMPLES)
    with pytest.raises(ValueError, match="has no view 'atoms'"):
        TorchHook(Net(), "out", padded, view="atoms").embed(SAMPLES)


def test_a_single_tensor_is_one_argument():
    alone, in_tuple = (
        TorchHook(Net(), "embed", prepare, counts=lengths).embed(SAMPLES).embedding
        for prepare in (lambda samples: padded(samples)[0], padded)
    )
    np.testing.assert_array_equal(np.asarray(alone), np.asarray(in_tuple))


class Pair(torch.nn.Module):
    """A module that returns a dict."""

    def forward(self, ids):
        return {"hidden": ids[:, :1].float()}


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((Net(), "embed", lambda samples: "ids"), {}, "prepare returned str: it must return the arguments"),
        (
            (Net(), "embed", padded),
            {"counts": lambda samples: [1]},
            r"counts returned \[1\] for an output of layer 'embed'",
        ),
        (
            (torch.nn.Sequential(Pair()), "0", padded),
            {},
            "the output of layer '0' is of type dict, not a tensor: select",
        ),
    ],
)
def test_mistakes_are_one_clear_line(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        TorchHook(*arguments, **options).embed(SAMPLES)
