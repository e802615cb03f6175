"""Untrained networks: the entries of each tensor are permuted, and nothing else changes."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from hyle.zoo import find_card, randomise_weights

torch = pytest.importorskip("torch")


def adapter() -> SimpleNamespace:
    generator = torch.Generator().manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(5, 7), torch.nn.BatchNorm1d(7), torch.nn.Linear(7, 3))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return SimpleNamespace(card=find_card("chgnet-0.3.0"), model=model, again=model, elements=[1, 6])


def tensors(one: SimpleNamespace) -> dict[str, np.ndarray]:
    return {name: value.numpy().copy() for name, value in one.model.state_dict().items()}


def test_each_tensor_keeps_its_entries_in_another_order() -> None:
    one, other = adapter(), adapter()
    before, state = tensors(one), torch.get_rng_state()
    count = randomise_weights(one)
    assert count == 5 * 7 + 7 + 7 + 7 + 7 * 3 + 3  # a module under two names is permuted once
    after = tensors(one)
    for name, value in before.items():
        np.testing.assert_array_equal(np.sort(value.ravel()), np.sort(after[name].ravel()))
    for name in ("0.weight", "0.bias", "1.weight", "2.weight"):
        assert not np.array_equal(before[name], after[name])
    np.testing.assert_array_equal(before["1.running_mean"], after["1.running_mean"])
    assert torch.equal(state, torch.get_rng_state())
    randomise_weights(other)
    assert all(np.array_equal(value, after[name]) for name, value in tensors(other).items())
    randomise_weights(other, seed=1)
    assert not np.array_equal(tensors(other)["0.weight"], after["0.weight"])


def test_a_model_without_torch_parameters_is_refused() -> None:
    with pytest.raises(ValueError, match="minimol has no torch parameters"):
        randomise_weights(SimpleNamespace(card=find_card("minimol"), model=object()))
