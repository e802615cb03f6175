"""Losses in torch: the gradient is that of torch's own definition, and none is lost without a word."""

from __future__ import annotations

import warnings
from functools import partial

import jax
import numpy as np
import pytest

from hyle.engine.losses import cka_loss, cknna_loss, cosine_loss, relational_loss, soft_neighbour_loss, torch_loss

torch = pytest.importorskip("torch")


def rows(seed=0, n=32, widths=(8, 5)):
    rng = np.random.default_rng(seed)
    return [torch.from_numpy(rng.normal(size=(n, width)).astype("float32")) for width in widths]


def debiased_cka(x, y):
    """One minus CKA by the U-statistic, in torch and float64, from the definition."""

    def centred(a):
        kernel = a @ a.T
        kernel = kernel - torch.diag(torch.diag(kernel))
        n = len(a)
        rows = kernel.sum(1, keepdim=True) / (n - 2)
        kernel = kernel - rows - rows.T + kernel.sum() / ((n - 1) * (n - 2))
        return kernel - torch.diag(torch.diag(kernel))

    a, b = centred(x), centred(y)
    return 1 - (a * b).sum() / ((a * a).sum() * (b * b).sum()) ** 0.5


def test_value_and_gradient_are_those_of_torch():
    x, y = rows()
    expected = [v.double().requires_grad_() for v in (x, y)]
    value = debiased_cka(*expected)
    (3 * value).backward()
    ours = [v.clone().requires_grad_() for v in (x, y)]
    loss = torch_loss(cka_loss)(*ours)
    (3 * loss).backward()
    assert loss.item() == pytest.approx(value.item(), rel=1e-5)
    for a, b in zip(ours, expected, strict=True):
        np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("loss", [cosine_loss, relational_loss, soft_neighbour_loss, partial(cknna_loss, k=4)])
def test_the_gradient_is_that_of_jax(loss):
    x, y = rows(1, widths=(6, 6))
    keep = np.arange(32) % 5 != 0
    student = x.clone().requires_grad_()
    value = torch_loss(loss)(student, y, where=torch.from_numpy(keep))
    value.backward()
    expected, gradient = jax.jit(jax.value_and_grad(lambda v: loss(v, y.numpy(), where=keep)))(x.numpy())
    assert value.item() == pytest.approx(float(expected), rel=1e-6)
    np.testing.assert_allclose(student.grad.numpy(), gradient, rtol=1e-4, atol=1e-6)
    assert not student.grad[~keep].any()


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float64"])
def test_tensors_keep_their_dtype(dtype):
    x, y = (v.to(getattr(torch, dtype)) for v in rows(2))
    student = x.requires_grad_()
    loss = torch_loss(cka_loss)(student, y)
    loss.backward()
    assert loss.dtype == student.grad.dtype == student.dtype
    assert torch.isfinite(student.grad).all()


def test_a_network_is_trained_with_it():
    x, y = rows(3)
    y = torch.tanh(x @ y[:8])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = torch.nn.Linear(8, 8)
    optimiser, alignment, values = torch.optim.Adam(network.parameters(), lr=0.05), torch_loss(cka_loss), []
    for _ in range(60):
        apart = alignment(network(x), y)
        optimiser.zero_grad()
        (0.1 * network(x).square().mean() + apart).backward()
        optimiser.step()
        values.append(apart.item())
    assert values[-1] < 0.5 * values[0]


def test_a_gradient_that_would_be_lost_is_said():
    x, y = rows(4, widths=(6, 6))
    loss = torch_loss(cosine_loss)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plain = cosine_loss(x, y)
        loss(x.clone().requires_grad_(), y)
        with torch.no_grad():
            assert not loss(x.clone().requires_grad_(), y).requires_grad
    with pytest.warns(
        UserWarning, match=r"the student is a torch tensor that requires a gradient.*torch_loss"
    ) as found:
        assert float(cosine_loss(x.clone().requires_grad_(), y)) == float(plain)
    assert found[0].filename == __file__
    with pytest.warns(UserWarning, match="the teacher is a torch tensor"):
        cosine_loss(x, x.clone().requires_grad_())


def test_what_is_no_tensor_is_refused():
    x, y = rows(5)
    with pytest.raises(TypeError, match="teacher must be a torch tensor; got ndarray: use the loss itself"):
        torch_loss(cka_loss)(x, y.numpy())
