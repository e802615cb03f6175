"""Measure whether scientific models share one picture of matter.

hyle compares the representations (embeddings) of models of molecules, materials and proteins, and reports how similar
they are, next to the similarity expected by chance:

    >>> import hyle
    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(100, 8))
    >>> round(float(hyle.cka(x, x[:, :4])), 2)
    0.63
    >>> comparison = hyle.compare({"a": x, "b": x[:, :4]}, metrics=["cka", "mutual_knn"], k=10, permutations=99)
    >>> comparison.to_frame()[["model", "other", "metric", "p"]]
      model other      metric     p
    0     a     b         cka  0.01
    1     a     b  mutual_knn  0.01

``hyle.compare("a.npz", "b.npz")`` reads files of embeddings and joins their rows by sample id. Models and samples:

    rep = hyle.load("chgnet-0.3.0").embed(hyle.load_dataset("qm9", n=200))

Everything else is in `hyle.engine` (metrics, losses, analyses, in JAX), `hyle.zoo` (models, data sets, files) and
`hyle.cli` (the command line, also ``python -m hyle``). Importing this package loads none of them: a name is imported
when it is first used.
"""

import os.path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hyle import cli as cli
    from hyle import engine as engine
    from hyle import zoo as zoo
    from hyle.engine import cca as cca
    from hyle.engine import cka as cka
    from hyle.engine import cka_stream as cka_stream
    from hyle.engine import cknna as cknna
    from hyle.engine import cycle_knn as cycle_knn
    from hyle.engine import distance_correlation as distance_correlation
    from hyle.engine import id_correlation as id_correlation
    from hyle.engine import information_imbalance as information_imbalance
    from hyle.engine import intrinsic_dimension as intrinsic_dimension
    from hyle.engine import jaccard_knn as jaccard_knn
    from hyle.engine import linear_regression as linear_regression
    from hyle.engine import list_metrics as list_metrics
    from hyle.engine import load_comparison as load_comparison
    from hyle.engine import minibatch_cka as minibatch_cka
    from hyle.engine import multiscale_cka as multiscale_cka
    from hyle.engine import mutual_knn as mutual_knn
    from hyle.engine import pnka as pnka
    from hyle.engine import procrustes as procrustes
    from hyle.engine import pwcca as pwcca
    from hyle.engine import rank_similarity as rank_similarity
    from hyle.engine import reconstruction_error as reconstruction_error
    from hyle.engine import residuals as residuals
    from hyle.engine import rsa as rsa
    from hyle.engine import save_comparison as save_comparison
    from hyle.engine import second_order_cosine as second_order_cosine
    from hyle.engine import svcca as svcca
    from hyle.zoo import Adapter as Adapter
    from hyle.zoo import Output as Output
    from hyle.zoo import TorchHook as TorchHook
    from hyle.zoo import list_datasets as list_datasets
    from hyle.zoo import list_models as list_models
    from hyle.zoo import load as load
    from hyle.zoo import load_dataset as load_dataset
    from hyle.zoo import read_dataset as read_dataset
    from hyle.zoo import read_embeddings as read_embeddings
    from hyle.zoo import write_embeddings as write_embeddings

    from ._compare import compare as compare

    __version__: str

__all__ = [
    "Adapter",
    "Output",
    "TorchHook",
    "__version__",
    "cca",
    "cka",
    "cka_stream",
    "cknna",
    "compare",
    "cycle_knn",
    "distance_correlation",
    "id_correlation",
    "information_imbalance",
    "intrinsic_dimension",
    "jaccard_knn",
    "linear_regression",
    "list_datasets",
    "list_metrics",
    "list_models",
    "load",
    "load_comparison",
    "load_dataset",
    "minibatch_cka",
    "multiscale_cka",
    "mutual_knn",
    "pnka",
    "procrustes",
    "pwcca",
    "rank_similarity",
    "read_dataset",
    "read_embeddings",
    "reconstruction_error",
    "residuals",
    "rsa",
    "save_comparison",
    "second_order_cosine",
    "svcca",
    "write_embeddings",
]

_SUBPACKAGES = ("cli", "engine", "zoo")
# The names that are not from `hyle.engine`.
_FROM = {
    "compare": "hyle._compare",
    "Adapter": "hyle.zoo",
    "Output": "hyle.zoo",
    "TorchHook": "hyle.zoo",
    "list_datasets": "hyle.zoo",
    "list_models": "hyle.zoo",
    "load": "hyle.zoo",
    "load_dataset": "hyle.zoo",
    "read_dataset": "hyle.zoo",
    "read_embeddings": "hyle.zoo",
    "write_embeddings": "hyle.zoo",
}

# In a checkout the subpackages are next to this folder; in an installation they are in it.
if not os.path.isdir(os.path.join(__path__[0], "engine")):  # noqa: PTH112, PTH118 (importing pathlib takes longer)
    __path__.append(os.path.dirname(__path__[0]))  # noqa: PTH120


def __getattr__(name: str) -> Any:
    from importlib import import_module

    value: Any
    if name in _SUBPACKAGES:
        value = import_module(f"hyle.{name}")
    elif name == "__version__":
        value = _version()
    elif name in __all__:
        value = getattr(import_module(_FROM.get(name, "hyle.engine")), name)
    else:
        raise AttributeError(f"module 'hyle' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*__all__, *_SUBPACKAGES, "__doc__", "__file__", "__name__", "__path__"})


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("hyle")
    except PackageNotFoundError:  # a checkout that is on the path without being installed
        return "unknown"
