"""Untrained networks: the architecture of a model with random weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..base import InputError

if TYPE_CHECKING:
    from ..adapter import Adapter


def randomise_weights(adapter: Adapter, *, seed: int = 0) -> int:
    """Permute the entries of each weight tensor of a loaded model at random, in place.

    Each tensor keeps the distribution of its entries, so that activations keep their scale whatever the initialisation
    of the library is, and loses everything else that was trained. Norms, mean shifts and other vectors of parameters
    are permuted too; buffers, such as the statistics of batch normalisation, are not. Vectors of a layer and its
    statistics then belong to different units, as in a network that was never trained.

    Args:
        adapter: of the loaded model; its torch modules are found among its attributes.
        seed: of the permutations; NumPy's generator, so that the state of torch does not change.

    Returns:
        The number of permuted parameters.

    Raises:
        InputError: the adapter holds no torch module with parameters, such as one that runs an ONNX file.

    Source: Adebayo et al., Sanity Checks for Saliency Maps, NeurIPS 2018 (independent randomisation of layers).
    """
    import numpy as np
    import torch

    generator, count = np.random.default_rng(seed), 0
    with torch.no_grad():
        for _, parameter in sorted(_parameters(adapter), key=lambda named: named[0]):
            order = torch.as_tensor(generator.permutation(parameter.numel()), device=parameter.device)
            parameter.copy_(parameter.detach().reshape(-1)[order].reshape(parameter.shape))
            count += parameter.numel()
    if not count:
        raise InputError(f"{adapter.card.name} has no torch parameters that can be made random")
    return count


def _parameters(adapter: Adapter) -> Iterator[tuple[str, Any]]:
    import torch

    seen: set[int] = set()
    for attribute, value in sorted(vars(adapter).items()):
        if isinstance(value, torch.nn.Module):
            for name, parameter in value.named_parameters():
                if parameter.is_floating_point() and id(parameter) not in seen:
                    seen.add(id(parameter))
                    yield f"{attribute}.{name}", parameter
