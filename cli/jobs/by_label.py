"""A comparison of the rows of each label alone, such as the atoms of each element."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hyle.zoo import InputError, Representation, is_on_purpose

from ..atomic import write_atomically
from ..comparison import ByLabel, by_label_data
from ..options import CompareOptions, json_text
from .rows import labels_of_rows, with_label

if TYPE_CHECKING:
    import xarray as xr

BY_LABEL_SUFFIXES = (".csv", ".json", ".svg", ".png", ".pdf")
FEWEST = 20
# The fewest rows of a label, as a multiple of the number of neighbours.
ROWS_PER_NEIGHBOUR = 2


def compare_by_label(
    representations: Sequence[Representation],
    kind: str,
    measure: CompareOptions,
    compare: Callable[[Sequence[Representation]], xr.Dataset],
) -> ByLabel:
    """Compare the rows of each label alone; labels with too few rows are skipped.

    Args:
        representations: of the same rows.
        kind: kind of group, such as ``element``.
        measure: what is measured, which decides how many rows a label needs.
        compare: compares the rows of one label.

    Raises:
        InputError: the labels are unknown, or no label has enough rows.
    """
    labels = labels_of_rows(representations, kind, f"--by {kind}")
    common = set.intersection(*(set(each.ids) for each in representations))
    counts = Counter(label for i, label in labels.items() if i in common)
    from hyle.engine import find_metric

    by_neighbours = any("neighbours" in find_metric(name).needs for name in measure.metric_names())
    fewest = max(FEWEST, measure.jackknife_groups, ROWS_PER_NEIGHBOUR * measure.k * by_neighbours)
    enough = [label for label, count in counts.most_common() if count >= fewest]
    if not enough:
        raise InputError(
            f"--by {kind}: no {kind} has the {fewest} rows that this comparison needs; the most common has "
            f"{max(counts.values(), default=0)}: use a smaller -k"
        )
    comparisons: dict[str, xr.Dataset] = {}
    reasons: dict[str, str] = {}
    for label in enough:
        rows = [with_label(each, labels, [label], f"{kind} {label}") for each in representations]
        try:
            comparisons[label] = compare(rows)
        except ValueError as error:  # too few samples, or neighbours, for what is measured
            if not is_on_purpose(error):
                raise
            reasons[label] = str(error)
    if not comparisons:
        raise InputError(f"--by {kind}: no {kind} can be compared; {enough[0]}: {reasons[enough[0]]}")
    return ByLabel(kind, comparisons, dict(counts.most_common()), reasons)


def write_by_label(result: ByLabel, path: Path) -> Path:
    """Write the scores as .csv or .json, or heat maps of the metrics as .svg, .png or .pdf.

    Raises:
        OutputError: the file cannot be written.
    """
    if path.suffix == ".csv":
        return write_atomically(path, result.table().to_csv(index=False).encode())
    if path.suffix == ".json":
        return write_atomically(path, json_text(by_label_data(result)).encode())
    from ..figures import by_label_chart, chart_file

    return write_atomically(path, chart_file(by_label_chart(result), path.suffix))
