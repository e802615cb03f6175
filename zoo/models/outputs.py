"""Check what an adapter returns, before its rows are stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..adapter import Adapter, OnePassAdapter, Output
from ..base import OperationError, Sample, shorten
from ..cards import ModelCard
from .pooling import pool

NEEDED = "it must return Output(rows), or the rows themselves: an array or a tensor [n, d] with one row per sample"


def adapter_name(card: ModelCard) -> str:
    """Return the name of a model for messages: MODULE:CLASS for an adapter of the user."""
    return card.name if card.adapter.startswith("hyle.") else card.adapter


def outputs_of(adapter: Adapter, samples: Sequence[Sample], layers: Sequence[str]) -> list[Any]:
    """Return what an adapter returns for each of several layers: of one pass where it can, else of one for each.

    Raises:
        OperationError: ``forward_layers`` did not return one output for each layer.
    """
    if not isinstance(adapter, OnePassAdapter) or type(adapter).forward is not OnePassAdapter.forward:
        return [adapter.forward(samples, layer) for layer in layers]
    outputs: Any = adapter.forward_layers(samples, layers)
    if not isinstance(outputs, (list, tuple)) or len(outputs) != len(layers):
        found = f"{len(outputs)} outputs" if isinstance(outputs, (list, tuple)) else _kind(outputs)
        raise OperationError(
            f"{adapter_name(adapter.card)}.forward_layers returned {found} for {len(layers)} layers: it must return a "
            "list with one Output for each of them"
        )
    return list(outputs)


def rows_of(output: Any, n: int, card: ModelCard, pooling: str) -> tuple[Any, np.ndarray | None]:
    """Return the rows that an adapter returned for a batch, pooled to one per sample, and the energies.

    Args:
        output: what ``forward`` returned: an `Output`, or an array or a tensor of rows.
        n: the number of samples in the batch.
        card: the card of the model.
        pooling: as in `pool`; applied if the output has counts.

    Returns:
        Rows [n, d] of a floating dtype, NumPy or torch without gradients; and energies [n], float64 in eV, or None.

    Raises:
        OperationError: the output is of another kind, shape or dtype; names the adapter, what it returned and what is
            needed.
    """
    output = checked_output(output, n, card)
    rows = output.features if output.counts is None else pool(output.features, output.counts, pooling)
    return rows, None if output.energies is None else np.asarray(output.energies, np.float64)


def checked_output(output: Any, n: int, card: ModelCard) -> Output:
    """Return the output of an adapter as an `Output` that is fit to be pooled; see `rows_of`."""
    name = f"{adapter_name(card)}.forward"
    if not isinstance(output, Output):
        if not _is_array(output):
            raise OperationError(f"{name} returned {_kind(output)}: {NEEDED}")
        output = Output(output)
    rows, counts, energies = output.features, output.counts, output.energies
    if not _is_array(rows):
        raise OperationError(f"{name} returned Output with {_kind(rows)} as rows: {NEEDED}")
    rows = _floating(rows, name)
    shape = tuple(rows.shape)
    if len(shape) != 2 or 0 in shape:
        hint = "; without padding, and with counts, for rows of atoms or tokens" if len(shape) == 3 else ""
        raise OperationError(f"{name} returned rows of shape {shape} for {n} samples: {NEEDED}{hint}")
    if counts is None:
        if shape[0] != n:
            raise OperationError(
                f"{name} returned {shape[0]} rows for {n} samples; for rows of atoms or tokens: Output(rows, counts)"
            )
    else:
        counts = _counts(counts, shape[0], n, name)
    if energies is not None and np.shape(energies) != (n,):
        raise OperationError(f"{name} returned energies of shape {np.shape(energies)} for {n} samples")
    return Output(rows, counts, energies)


def _counts(counts: Any, rows: int, n: int, name: str) -> list[int]:
    try:
        numbers = [int(count) for count in counts]
    except (TypeError, ValueError):
        raise OperationError(f"{name} returned {_kind(counts)} as counts: they must be {n} integers") from None
    if len(numbers) != n or sum(numbers) != rows or min(numbers, default=1) < 1:
        raise OperationError(
            f"{name} returned {len(numbers)} counts with the sum {sum(numbers)} for {n} samples and {rows} rows: "
            "counts are the number of rows of each sample, at least 1"
        )
    return numbers


def _floating(rows: Any, name: str) -> Any:
    """Return rows as a floating array or a floating tensor without gradients."""
    if _is_tensor(rows):
        rows = rows.detach()
        if rows.is_complex() or rows.is_floating_point():
            problem = rows.is_complex()
        else:
            problem, rows = False, rows.float() if rows.element_size() <= 2 else rows.double()
    else:
        rows = np.asarray(rows)
        problem = rows.dtype.kind in "cOSUMmT" or (rows.dtype.kind == "V" and rows.dtype.names is not None)
        if rows.dtype.kind in "iub":
            rows = rows.astype(np.float32 if rows.dtype.itemsize <= 2 else np.float64)
    if problem:
        raise OperationError(f"{name} returned rows of dtype {rows.dtype}: they must be real numbers")
    return rows


def _is_array(value: Any) -> bool:
    return (
        _is_tensor(value) or isinstance(value, np.ndarray) or (hasattr(value, "__array__") and hasattr(value, "ndim"))
    )


def _is_tensor(value: Any) -> bool:
    return any(cls.__module__ == "torch" and cls.__name__ == "Tensor" for cls in type(value).__mro__)


def _kind(value: Any) -> str:
    if value is None:
        return "None (is there a return statement?)"
    module = type(value).__module__
    return shorten(f"a {type(value).__name__}" if module == "builtins" else f"{module}.{type(value).__name__}")


def same_width(parts: Sequence[Any], card: ModelCard) -> None:
    """Check that all batches of a model have rows of one width.

    Raises:
        OperationError: they differ.
    """
    widths = sorted({int(part.shape[1]) for part in parts})
    if len(widths) > 1:
        raise OperationError(
            f"{adapter_name(card)}.forward returned rows of {widths[0]} and of {widths[-1]} columns: all rows need the "
            "same width"
        )


def unsupported_reason(reason: Any, card: ModelCard) -> str | None:
    """Return what the method ``unsupported`` of an adapter returned.

    Raises:
        OperationError: it is neither None nor text.
    """
    if reason is None or isinstance(reason, str):
        return reason
    raise OperationError(
        f"{adapter_name(card)}.unsupported returned {shorten(repr(reason))}: it must return None for a sample that the "
        "model can embed, or the reason as text"
    )
