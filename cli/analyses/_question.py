"""What an analysis may look at."""

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


@dataclass
class AnalysisInput:
    """A Comparison, and what else is at hand.

    Args:
        comparison: as `hyle.cli.commands.compare.compare` gives it, with at least one pair metric.
        metric: a pair metric of it.
        top: best models that alignment is averaged over.
        reference: a model to take for the best.
        against: a second Comparison of the same models, such as out of distribution.
        ids: of the samples whose embeddings are at hand.
        embeddings: name -> [n, d], rows as ids.
        outside: name -> [m, d], embeddings of the samples of the second Comparison by the same models.
        label: name of what the samples are labelled with, with its units; empty for none.
        values: [n] of that label, as ids.
        errors: name -> [samples], signed errors on the same samples; default the energy residuals of the Comparison.
        classes: name -> [samples] or [samples, c], what classifiers predict.
        truth: [samples], the true classes.
        sizes: name -> what models are scaled by; default their parameters.
        size: what that is called.
        n_labels: labels to choose a model by.
        scales: estimate the dimension at growing scales, too.
        method: of the map, ``pca`` or ``umap``.
    """

    comparison: xr.Dataset
    metric: str
    top: int = 1
    reference: str | None = None
    against: xr.Dataset | None = None
    ids: Sequence[str] = ()
    embeddings: Mapping[str, np.ndarray] = field(default_factory=dict)
    outside: Mapping[str, np.ndarray] = field(default_factory=dict)
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

    @cached_property
    def score(self) -> PairScores:
        """The metric with all that belongs to it.

        Raises:
            ValueError: the Comparison has no such pair metric.
        """
        scores = read_scores(self.comparison)
        if self.metric not in scores:
            raise InputError(f"the comparison has no pair metric {self.metric!r}; it has {', '.join(scores) or 'none'}")
        return scores[self.metric]

    @cached_property
    def kinds(self) -> dict[str, str]:
        """Modality of each model, as far as it is known."""
        return dict(zip(model_names(self.comparison), modalities(self.comparison), strict=True))

    @cached_property
    def families(self) -> dict[str, str]:
        """Family of each model, empty where it is not known."""
        names = model_names(self.comparison)
        return {name: str(of or "") for name, of in zip(names, per_model(self.comparison, "family"), strict=True)}

    @cached_property
    def probes(self) -> dict[str, Probe]:
        """A ridge probe of the label on each embedding; none without a label or embeddings."""
        from hyle.engine.analysis import probe

        if self.values is None:
            return {}
        return {name: probe(x, self.values) for name, x in self.embeddings.items()}
