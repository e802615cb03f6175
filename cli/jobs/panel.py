"""Choose the models of `hyle run`, and write its report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hyle.zoo import (
    Dataset,
    DatasetInfo,
    InputError,
    ModelCard,
    Representation,
    find_card,
    list_models,
    state_of,
)

from ..analyses import run_default_analyses
from ..comparison import add_energy_errors, add_labels, add_samples, joined, model_names, states_of_one_thing
from ..console import say
from .report import write_all

if TYPE_CHECKING:
    import xarray as xr

# The default metrics of a comparison and two more of the study; one pass over the samples computes all of them.
METRICS = (
    *("cka", "cka_rbf", "distance_correlation", "mutual_knn", "cknna", "information_imbalance"),
    "intrinsic_dimension",
)


def choose_panel(names: Sequence[str] | None, data: DatasetInfo | Dataset) -> list[ModelCard]:
    """Return the models to compare on a data set, with the controls of the default panel.

    Models that need missing packages or weights are skipped with a message, unless they are named.

    Args:
        names: models; ``all`` for all that are made for the data set, None for the default panel.
        data: the data set.

    Raises:
        InputError: an unknown model, or fewer than two models that run here.
    """
    cards = [card for card in list_models() if card.view in (*data.views, "any") and data.domain in card.domains]
    panel = [card for card in cards if card.default]
    if names is not None and names != ["all"]:
        named = [find_card(name) for name in names]
        return named + [card for card in panel if card.modality == "control" and card not in named]
    candidates = panel if names is None else [card for card in cards if card.verified]
    runnable = [card for card in candidates if state_of(card) == "runs"]
    skipped = [card.name for card in candidates if card not in runnable]
    if skipped:
        say(f"skipped, since packages or weights are missing (hyle doctor shows which): {', '.join(skipped)}")
    if sum(card.modality != "control" for card in runnable) < 2:
        raise InputError(
            "fewer than two models run here; to install what all of them need: hyle models --requirements | sh"
        )
    return runnable


def panel_attributes(data: Dataset, *, builtin: bool) -> dict[str, str]:
    """Return the attributes of a Comparison on a data set: its title, domain and source."""
    name = data.name.upper() if builtin else data.name
    return {
        "title": f"Alignment on {len(data)} {data.domain} of {name}",
        "domain": data.domain,
        "dataset_source": data.source,
    }


def write_panel_report(
    comparison: xr.Dataset,
    representations: Sequence[Representation],
    data: Dataset,
    folder: Path,
    *,
    figures: bool = False,
    layers: xr.Dataset | None = None,
) -> Path:
    """Add samples, labels and energy errors to a Comparison, and write its report.

    Args:
        comparison: of the representations; changed in place.
        representations: in the order of the Comparison's models.
        data: the data set of the representations.
        folder: gets the report; see `write_all`.
        figures: whether the folder also gets each figure as a file.
        layers: a Comparison of all layers of the models, for the layer atlas.

    Returns:
        The path of the HTML file.

    Raises:
        OutputError: a file cannot be written.
    """
    add_samples(comparison, representations)
    add_labels(comparison, data)
    add_energy_errors(comparison, representations, data)
    ids, rows = joined(comparison, dict(zip(model_names(comparison), representations, strict=True)))
    kind, labels = states_of_one_thing(representations, ids)
    at_hand = {"ids": ids, "embeddings": rows, "samples": {sample.id: sample for sample in data}}
    groups = [labels[i] for i in ids] if labels else None
    results = run_default_analyses(comparison, layers=layers, groups=groups, groups_kind=kind, **at_hand)
    return write_all(comparison, folder, results, figures=figures)
