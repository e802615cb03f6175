"""Rebuild the reference panels of the benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hyle.zoo import Dataset, Member, ReferencePanel, Store, find_card, list_benchmarks, load_dataset, write_panel

from ..console import say
from ..jobs import embed_with_progress, make_folder
from .performance import scores_of


def rebuild_panel(
    folder: Path, store: Store, *, sets: Sequence[str] | None = None, device: str = "cpu"
) -> list[ReferencePanel]:
    """Embed the sets of the benchmark with the models of the panel, and write the reference panels.

    Embeddings in the store are reused, so that an interrupted run continues where it stopped.

    Args:
        folder: output folder; ``zoo/panels`` of a checkout replaces the panels that ship with hyle.
        store: where embeddings are kept.
        sets: names of the sets; default all.
        device: device name, as in torch.

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
        members = []
        for name in bench.models:
            representation, _ = embed_with_progress(name, data, store, device=device)
            card, scores = find_card(name), scores_of(representation, data, bench)
            members.append(Member(representation, card.family, card.modality, card.parameters, scores))
        panel = write_panel(bench.name, data.version, data.ids, members, folder)
        size = (folder / f"{bench.name}.safetensors").stat().st_size
        say(f"{bench.name}: {len(panel.members)} models, {size / 1e6:.2f} MB, {folder / bench.name}.safetensors")
        panels.append(panel)
    return panels
