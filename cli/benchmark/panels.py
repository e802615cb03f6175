"""Write the reference panel of the benchmark anew."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hyle.zoo import Dataset, Member, ReferencePanel, Store, find_card, list_benchmarks, load_dataset, write_panel

from ..console import say
from ..jobs import embed_with_progress
from .performance import scores_of


def rebuild_panel(
    folder: Path, store: Store, *, sets: Sequence[str] | None = None, device: str = "cpu"
) -> list[ReferencePanel]:
    """Embed the sets of the benchmark with the models of the panel, and write what ships with hyle.

    What the store has is taken from it, so that an interrupted run continues where it stopped.

    Args:
        folder: where to; ``zoo/panels`` of a checkout replaces what ships.
        store: where embeddings are kept.
        sets: names; default all.
        device: as torch names devices.

    Raises:
        ValueError: a model cannot run here; says what it lacks.
    """
    found = []
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
        found.append(panel)
    return found
