"""The samples behind representations, so that they can be shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hyle.zoo import Representation, Sample, find_dataset, list_datasets, shorten, split_node_id

from ..comparison import find_samples
from ..console import say
from .rows import node_kind


def sample_of(row: str, *, nodes: bool) -> tuple[str, int | None]:
    """Return the id of the sample of a row and, for nodes, the number of the node."""
    return split_node_id(row) if nodes else (row, None)


def marked_number(number: int | None, sample: Sample | None, per: str) -> int | None:
    """Return the number of an atom or residue that can be marked in the picture of its sample, else None.

    Tokens have no place in a picture, and neither have the atoms of a protein or the residues of a molecule.
    """
    if sample is None:
        return None
    atomic = sample.atoms is not None or bool(sample.smiles)
    return number if per == ("atom" if atomic else "residue") else None


def samples_to_show(representations: Sequence[Representation], source: str | None = None) -> dict[str, Sample]:
    """Return the samples of representations by id, without a download, and say which are missing.

    Args:
        representations: of samples or of nodes.
        source: see `find_samples`.

    Raises:
        InputError: ``source`` is given, and has none of the samples or cannot be read.
    """
    nodes = bool(node_kind(representations))
    rows = set.intersection(*(set(each.ids) for each in representations))
    wanted = sorted({sample_of(row, nodes=nodes)[0] for row in rows})
    found = find_samples(representations, wanted, source)
    if not found and wanted:
        names = [str(each.recipe["dataset"]) for each in representations if "dataset" in each.recipe]
        reason = f"those of {shorten(names[0])} are not here" if names else "files of embeddings do not have them"
        say(f"samples are shown as ids, because {reason}: name them with --samples NAME or --samples FILE")
    elif len(found) < len(wanted):
        say(f"{len(wanted) - len(found)} of {len(wanted)} samples are shown as ids; --samples FILE names a file of all")
    return found


def units_of(representations: Sequence[Representation], source: str | None = None) -> Mapping[str, str]:
    """Return the units of the labels of a built-in data set; of samples in files only energies have one.

    Args:
        representations: which name their data set.
        source: another one, see `find_samples`.
    """
    names = {source} if source else {str(each.recipe.get("dataset", "")) for each in representations}
    built_in = [info.name for info in list_datasets() if info.name in names]
    return find_dataset(built_in[0]).units if built_in else {"energy": "eV"}
