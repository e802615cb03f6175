"""Input of the analyses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from hyle.zoo import InputError

from ..comparison import PairScores, modalities, model_names, per_model, read_scores

if TYPE_CHECKING:
    import xarray as xr

    from hyle.engine.analysis import Probe
    from hyle.zoo import Sample


@dataclass
class AnalysisInput:
    """A Comparison, and the further inputs that some analyses require.

    Args:
        comparison: as returned by `hyle.cli.jobs.compare`, with at least one pair metric.
        metric: a pair metric of the Comparison.
        top: number of best models that alignment is averaged over.
        reference: model that alignment is measured to; default the best ones.
        against: a second Comparison of the same models, such as out of distribution.
        layers: a Comparison of all layers of the models, named MODEL@LAYER; by default those of `comparison`.
        ids: ids of the samples of `embeddings`, in the order of its rows.
        embeddings: name -> [n, d], rows as in `ids`.
        outside: name -> [m, d], embeddings of the samples of the second Comparison by the same models.
        outside_ids: ids of these samples, in the order of the rows.
        outside_groups: [m], their labels, as `groups`.
        samples: id -> sample, of those that are known.
        label: name of the label of the samples, with its units; empty for none.
        values: [n], values of the label, as in `ids`.
        errors: name -> [samples], signed errors on the same samples; default the energy residuals of the Comparison.
        classes: name -> [samples] or [samples, c], predicted classes or probabilities.
        truth: [samples], the true classes.
        sizes: name -> size of the model; default its number of parameters.
        size: name of that quantity.
        n_labels: number of labels that a model is chosen by.
        scales: whether to estimate the dimension at growing scales, too.
        method: method of the maps, ``pca`` or ``umap``.
        groups: [n], labels of samples that are states of one thing, as in `ids`; None where all are independent.
        groups_kind: what they have in common, of `hyle.zoo.GROUP_KINDS`.
    """

    comparison: xr.Dataset
    metric: str
    top: int = 1
    reference: str | None = None
    against: xr.Dataset | None = None
    layers: xr.Dataset | None = None
    ids: Sequence[str] = ()
    embeddings: Mapping[str, np.ndarray] = field(default_factory=dict)
    outside: Mapping[str, np.ndarray] = field(default_factory=dict)
    outside_ids: Sequence[str] = ()
    outside_groups: Sequence[str] | None = None
    samples: Mapping[str, Sample] = field(default_factory=dict)
    label: str = ""
    values: np.ndarray | None = None
    errors: Mapping[str, np.ndarray] | None = None
    classes: Mapping[str, np.ndarray] | None = None
    truth: np.ndarray | None = None
    sizes: Mapping[str, float] | None = None
    size: str = "parameters"
    n_labels: int = 50
    scales: bool = False
    method: str = "pca"
    groups: Sequence[str] | None = None
    groups_kind: str = ""

    @cached_property
    def score(self) -> PairScores:
        """The scores of the metric, with chance levels and recipe.

        Raises:
            ValueError: the Comparison has no such pair metric.
        """
        scores = read_scores(self.comparison)
        if self.metric not in scores:
            raise InputError(f"the comparison has no pair metric {self.metric!r}; it has {', '.join(scores) or 'none'}")
        return scores[self.metric]

    @cached_property
    def kinds(self) -> dict[str, str]:
        """Modality of each model, "unknown" where the Comparison has none."""
        return dict(zip(model_names(self.comparison), modalities(self.comparison), strict=True))

    @cached_property
    def families(self) -> dict[str, str]:
        """Family of each model, empty where it is unknown."""
        names = model_names(self.comparison)
        return {
            name: str(family or "") for name, family in zip(names, per_model(self.comparison, "family"), strict=True)
        }

    @cached_property
    def pairs(self) -> Sequence[str]:
        """Ids of the samples that are in both sets, such as crystals before and after a change of their geometry."""
        others = set(self.outside_ids)
        return [i for i in self.ids if i in others]

    @property
    def states(self) -> tuple[Sequence[str] | None, Sequence[str] | None]:
        """Labels of both sets, which samples of the second share with those of the first that they are states of."""
        if not self.pairs or None not in (self.groups, self.outside_groups):
            return self.groups, self.outside_groups
        known: dict[str, str] = {}
        for ids, labels in ((self.outside_ids, self.outside_groups), (self.ids, self.groups)):
            known |= dict(zip(ids, labels or (), strict=False))
        return [known.get(i, i) for i in self.ids], [known.get(i, i) for i in self.outside_ids]

    @cached_property
    def probes(self) -> dict[str, Probe]:
        """Ridge probe of the label on each embedding; empty without a label or embeddings."""
        from hyle.engine.analysis import probe

        if self.values is None:
            return {}
        return {name: probe(x, self.values, groups=self.groups) for name, x in self.embeddings.items()}
