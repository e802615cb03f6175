"""Embed and compare all layers of a panel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hyle.zoo import Dataset, InputError, ModelCard, Representation, Store

from ..analyses import ANALYSES, AnalysisInput, findings, run_analyses
from ..comparison import CONTROL, read_scores
from ..console import print_paragraph
from ..options import CompareOptions
from .compare import compare_with_progress
from .embed import embed_together_with_progress

if TYPE_CHECKING:
    import xarray as xr

# The metric of the atlas unless the user names others, and its permutations where these are ``auto``: one for each of
# the many pairs of layers would be more than anyone waits for.
METRIC, PERMUTATIONS = "cka", 200
# The file of the comparison of all layers, beside the report.
LAYERS_FILE = "layers.nc"


def check_layers(cards: Sequence[ModelCard]) -> None:
    """Check before the first model runs that there are layers to compare.

    Raises:
        InputError: no model has several layers, or the models are of one family.
    """
    models = [card for card in cards if card.modality != CONTROL]
    if not any(len(card.layers) > 1 for card in models):
        raise InputError("--layers all: none of the models has several layers; see hyle models --json")
    if len({card.family or card.name for card in models}) < 2:
        raise InputError("--layers all: the models are of one family; name models of two families or more in --models")


def embed_layers(
    cards: Sequence[ModelCard], data: Dataset, store: Store, *, device: str = "cpu"
) -> list[Representation]:
    """Embed a data set with all layers of all models but the controls, each under the name MODEL@LAYER.

    Args:
        cards: of the models.
        data: the samples.
        store: where the embeddings are stored; those that are stored already are read from it.
        device: name of a torch device.
    """
    found = []
    for card in cards:
        if card.modality != CONTROL:
            layers = list(card.layers)
            made = embed_together_with_progress(card.name, data, store, layers, lambda each, _: each, device=device)
            found += [replace(each, name=f"{card.name}@{layer}") for layer, each in zip(layers, made, strict=True)]
    return found


def compare_layers(representations: Sequence[Representation], measure: CompareOptions) -> xr.Dataset:
    """Compare all layers by the first metric of two models that was asked for, CKA by default.

    Args:
        representations: named MODEL@LAYER.
        measure: how to compare.
    """
    from hyle.engine import find_metric

    pair = [name for name in measure.metrics or () if find_metric(name).kind == "pair"]
    metric = METRIC if METRIC in pair or not pair else pair[0]
    permutations = PERMUTATIONS if measure.permutations == "auto" else measure.permutations
    return compare_with_progress(representations, replace(measure, metrics=(metric,), permutations=permutations))


def print_layer_atlas(layers: xr.Dataset) -> None:
    """Print at which depth models agree with models of other families.

    Args:
        layers: from `compare_layers`.
    """
    result = _analysed(layers)
    if result:
        ANALYSES["layers"].print_result(result["layers"])
    for line in findings(result):
        print_paragraph(line)


def layer_atlas_data(layers: xr.Dataset) -> Any:
    """Return the same as plain data; None where there is nothing to compare.

    Args:
        layers: from `compare_layers`.
    """
    result = _analysed(layers)
    return ANALYSES["layers"].to_dict(result["layers"]) if result else None


def _analysed(layers: xr.Dataset) -> dict[str, Any]:
    return run_analyses(AnalysisInput(layers, next(iter(read_scores(layers)))), ["layers"])


def write_layers(layers: xr.Dataset, folder: Path) -> Path:
    """Write the comparison of all layers beside the report, which `hyle analyse` and `hyle report` read.

    Args:
        layers: from `compare_layers`.
        folder: of the report.

    Raises:
        OutputError: the file cannot be written.
    """
    from hyle.engine import save_comparison

    return save_comparison(layers, folder / LAYERS_FILE)
