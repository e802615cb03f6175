"""Use any torch module as a model: the output of one of its layers, pooled to one row per sample."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..adapter import OnePassAdapter, Output
from ..base import InputError, did_you_mean, shorten
from ..cards import ModelCard, Weights
from .model import Model

if TYPE_CHECKING:
    import torch

    from ..base import Sample


class TorchHook(Model):
    """A model that embeds samples by the output of a named layer of a torch module.

    Args:
        module: the network, with its weights. It runs in evaluation mode and without gradients; its mode is restored.
        layer: path of a submodule, as for ``module.get_submodule``, such as ``"encoder.layer.11"``; or several paths,
            of which the first is the default layer.
        prepare: turns a list of samples into the input of the module: a tuple of arguments, or a dict of keyword
            arguments, on the device of the module.
        counts: returns the number of nodes (atoms, tokens, residues) of each sample, if the layer returns one row per
            node: [sum(counts), d], or padded [n, longest, d] with the padding last. Without it the layer must return
            [n, d].
        pick: selects a tensor from the output of the layer; by default the output itself, or the first entry of a
            tuple.
        view: the view of a sample that the module needs; ``any`` needs none.
        name: name of the representation; by default the class name of the module.
        pooling: the default pooling, used with ``counts``.
        batch_size: the default batch size.

    Example:
        >>> import torch
        >>> net = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
        >>> hook = TorchHook(net, "1", lambda batch: (torch.tensor([[len(s.smiles), 1.0] for s in batch]),))
        >>> from hyle.zoo import Sample
        >>> tuple(hook.embed([Sample("a", smiles="C"), Sample("b", smiles="CC")]).embedding.shape)
        (2, 8)
    """

    def __init__(
        self,
        module: torch.nn.Module,
        layer: str | Sequence[str],
        prepare: Callable[[Sequence[Sample]], tuple[Any, ...] | Mapping[str, Any]],
        *,
        counts: Callable[[Sequence[Sample]], Sequence[int]] | None = None,
        pick: Callable[[Any], Any] | None = None,
        view: str = "any",
        name: str | None = None,
        pooling: str = "mean",
        batch_size: int = 32,
    ) -> None:
        layers = [layer] if isinstance(layer, str) else list(layer)
        names = [path for path, _ in module.named_modules()]
        for path in layers:
            if path not in names:
                raise InputError(f"the module has no layer {path!r}{did_you_mean(path, names)}")
        card = ModelCard(
            name=name or type(module).__name__,
            family=name or type(module).__name__,
            modality="control" if view == "any" else _MODALITY.get(view, "text"),
            view=view,
            architecture="unconstrained",
            parameters=sum(p.numel() for p in module.parameters()),
            dim=0,
            training_data="not stated",
            trained_on=(),
            licence="not stated",
            citation="",
            adapter=f"{__name__}:TorchHook",
            layers=layers,
            pooling=pooling if counts else "none",
            batch_size=batch_size,
            weights=Weights(files={"state": ("", _digest(module))}, folder="memory"),
        )
        super().__init__(card, _Hooked(card, module, prepare, counts, pick or _first))


_MODALITY: Mapping[str, Any] = {
    "smiles": "string",
    "selfies": "string",
    "atoms": "atoms",
    "sequence": "protein",
    "text": "text",
}


class _Hooked(OnePassAdapter):
    def __init__(self, card: ModelCard, module: Any, prepare: Any, counts: Any, pick: Callable[[Any], Any]) -> None:
        super().__init__(card, {})
        self.model, self.prepare, self.counts, self.pick = module, prepare, counts, pick

    def forward_layers(self, samples: Sequence[Sample], layers: Sequence[str]) -> list[Output]:
        import torch

        from ..base import outputs_of

        inputs = _arguments(self.prepare(samples))
        training = self.model.training
        self.model.eval()
        try:
            with torch.no_grad(), outputs_of(self.model, layers, lambda out: _copied(self.pick(out))) as outputs:
                self.model(**inputs) if isinstance(inputs, Mapping) else self.model(*inputs)
        finally:
            self.model.train(training)
        return [self._output(samples, layer, outputs[layer]) for layer in layers]

    def _output(self, samples: Sequence[Sample], layer: str, outputs: Sequence[Any]) -> Output:
        import torch

        if len(outputs) != 1:
            raise InputError(f"the layer {layer!r} ran {len(outputs)} times in one call; choose one that runs once")
        rows = outputs[0]
        if not isinstance(rows, torch.Tensor):
            raise InputError(
                f"the output of layer {layer!r} is of type {type(rows).__name__}, not a tensor: select one with pick, "
                "such as pick=lambda output: output['hidden']"
            )
        if self.counts is None:
            if rows.ndim != 2:
                shape = tuple(rows.shape)
                raise InputError(
                    f"the output of layer {layer!r} has shape {shape}, not [n, d]: pass counts, or select a part of "
                    "it with pick"
                )
            return Output(rows)
        counts = list(self.counts(samples))
        if rows.ndim == 3:
            if len(counts) != len(rows) or max(counts, default=0) > rows.shape[1]:
                raise InputError(
                    f"counts returned {shorten(counts)} for an output of layer {layer!r} of shape {tuple(rows.shape)}: "
                    "it must return the number of nodes of each sample"
                )
            rows = torch.cat([rows[i, :count] for i, count in enumerate(counts)])
        return Output(rows, counts)


def _arguments(inputs: Any) -> tuple[Any, ...] | Mapping[str, Any]:
    """Return what ``prepare`` returned as arguments of the module; a single tensor is one argument."""
    import torch

    if isinstance(inputs, torch.Tensor):
        return (inputs,)
    if isinstance(inputs, (tuple, list)):
        return tuple(inputs)
    if isinstance(inputs, Mapping):
        return inputs
    raise InputError(
        f"prepare returned {type(inputs).__name__}: it must return the arguments of the module, as a tuple, "
        "a dict or a single tensor"
    )


def _copied(output: Any) -> Any:
    """Return a copy of the selected output of a layer if it is a tensor: the module may change it in place."""
    import torch

    return output.detach().clone() if isinstance(output, torch.Tensor) else output


def _first(output: Any) -> Any:
    return output[0] if isinstance(output, (tuple, list)) else output


def _digest(module: Any) -> str:
    """Return the SHA-256 of the weights, so that each training step counts as another model."""
    import torch

    digest = hashlib.sha256()
    for key, value in module.state_dict().items():
        digest.update(key.encode())
        if isinstance(value, torch.Tensor):
            digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
