"""Rebuild the reference panels of the benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hyle.zoo import (
    BenchmarkSet,
    Dataset,
    InputError,
    Member,
    MissingPackageError,
    ReferencePanel,
    Representation,
    Store,
    changed_libraries,
    find_card,
    list_benchmarks,
    load,
    load_dataset,
    load_panel,
    model_recipe,
    randomise_weights,
    write_panel,
)

from ..comparison import CONTROL
from ..console import say
from ..jobs import embed_with_progress, make_folder
from .performance import Targets, scores_of, targets_of

UNTRAINED = "-untrained"


def rebuild_panel(
    folder: Path, store: Store, *, sets: Sequence[str] | None = None, device: str = "cpu", keep: bool = True
) -> list[ReferencePanel]:
    """Embed the sets of the benchmark with the models of the panel, and write the reference panels.

    Embeddings in the store are reused, so that an interrupted run continues where it stopped. All performances are
    computed anew.

    Args:
        folder: output folder; ``zoo/panels`` of a checkout replaces the panels that ship with hyle.
        store: where embeddings are kept.
        sets: names of the sets; default all.
        device: device name, as in torch.
        keep: keep the rows of the panel that ships with hyle where the samples, the weights, the layer and the versions
            of libraries that change rows are the same. False embeds everything.

    Returns:
        The panels, in the order of the sets.

    Raises:
        ValueError: a model cannot run here; the message says what is missing.
        OutputError: the panels cannot be written.
    """
    make_folder(folder)
    panels = []
    for bench in list_benchmarks():
        if sets is not None and bench.name not in sets:
            continue
        data: Dataset = load_dataset(bench.name, n=bench.samples)
        targets, shipped = targets_of(data, bench), _shipped(bench, data) if keep else {}
        members = [_member(name, data, targets, shipped, store, device) for name in bench.models]
        members += [_untrained(name, data, targets, shipped, device) for name in bench.untrained]
        panel = write_panel(bench.name, data.version, data.ids, members, folder)
        size = (folder / f"{bench.name}.safetensors").stat().st_size
        say(f"{bench.name}: {len(panel.members)} models, {size / 1e6:.2f} MB, {folder / bench.name}.safetensors")
        panels.append(panel)
    return panels


def _shipped(bench: BenchmarkSet, data: Dataset) -> dict[str, Member]:
    """Return the members of the panel that ships with hyle, if it is of the same samples."""
    try:
        panel = load_panel(bench.name)
    except InputError:  # there is none yet
        return {}
    return {one.name: one for one in panel.members} if panel.version == data.version else {}


def _member(
    name: str, data: Dataset, targets: Targets, shipped: dict[str, Member], store: Store, device: str
) -> Member:
    card, level = find_card(name), find_card(name).level
    member = shipped.get(name)
    if member is not None and _unchanged(member.representation, name):
        # Rows of a panel have no energies, so that the error of the energies is kept with them.
        scores = scores_of(member.representation, data, targets)
        scores |= {
            kind: score for kind, score in member.scores.items() if kind == "energy" and _comparable(score.units)
        }
        representation = member.representation
    else:
        representation, _ = embed_with_progress(name, data, store, device=device, of_benchmark=True)
        scores = scores_of(representation, data, targets, level=level)
    return Member(representation, card.family, card.modality, card.parameters, scores)


def _comparable(units: str) -> bool:
    """Return whether an energy error is per atom, as it is since the second version of the panels."""
    return units == "eV/atom"


def _unchanged(representation: Representation, name: str) -> bool:
    """Return whether the model would give the same rows now, or cannot run here to tell."""
    recipe, now = representation.recipe, model_recipe(find_card(name))
    same = all(recipe.get(key) == now[key] for key in ("model", "weights", "layer", "pooling", "view"))
    return same and not changed_libraries(recipe)


def _untrained(name: str, data: Dataset, targets: Targets, shipped: dict[str, Member], device: str) -> Member:
    """Embed the samples with the architecture of a model and random weights."""
    card = find_card(name)
    member = shipped.get(name + UNTRAINED)
    if member is not None and not changed_libraries(member.representation.recipe):
        representation = member.representation
    else:
        try:
            model = load(name, device=device)
        except MissingPackageError as error:
            raise InputError(f"an untrained {name} cannot be made in an isolated environment: {error}") from error
        count = randomise_weights(model.adapter)
        made = model.embed(data)
        recipe = {
            **made.recipe,
            "model": name + UNTRAINED,
            "weights": "none",
            "weights_from": "permuted at random, seed 0",
        }
        representation = Representation(name + UNTRAINED, made.embedding, made.ids, recipe, dropped=made.dropped)
        say(f"  {representation.name}: {count:,} parameters permuted")
    scores = scores_of(representation, data, targets)
    return Member(representation, card.family, CONTROL, card.parameters, scores)
