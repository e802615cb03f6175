"""The engine: its functions of two arrays for a pair, `compare` for all pairs."""

from __future__ import annotations

import functools
import importlib
import inspect
import os
from typing import Any

import numpy as np

from ..metrics import DIMENSION_K, METRICS, STUDY, K
from . import Calls, Package, Peer

PACKAGE = Package("hyle", "", environment="hyle")

# The function of the engine for each metric, and its options; directed metrics are called in both directions.
FUNCTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "cka_biased": ("cka", {"debiased": False}),
    "cka": ("cka", {}),
    "cka_rbf_biased": ("cka", {"kernel": "rbf", "debiased": False}),
    "cka_rbf": ("cka", {"kernel": "rbf"}),
    "mutual_knn": ("mutual_knn", {"k": K}),
    "cknna": ("cknna", {"k": K}),
    "distance_correlation_biased": ("distance_correlation", {"debiased": False, "squared": False}),
    "distance_correlation": ("distance_correlation", {"debiased": True, "squared": True}),
    "information_imbalance": ("information_imbalance", {"k": 1}),
    "intrinsic_dimension_twonn": ("intrinsic_dimension", {"estimator": "twonn"}),
    "intrinsic_dimension": ("intrinsic_dimension", {"estimator": "mle", "k": DIMENSION_K}),
    "intrinsic_dimension_gride": ("intrinsic_dimension", {"estimator": "gride", "k": DIMENSION_K}),
    "id_correlation": ("id_correlation", {}),
    "procrustes": ("procrustes", {}),
    "rsa": ("rsa", {"distance": "euclidean", "correlation": "spearman"}),
    "reconstruction_error": ("reconstruction_error", {}),
}
# dtype of the inputs on a GPU; TF32 is float32 with a faster product.
INPUT = {"bfloat16": "bfloat16"}
DIRECTED = ("information_imbalance", "reconstruction_error")


def _as_jax(x: np.ndarray) -> Any:
    import jax.numpy as jnp

    return jnp.asarray(x, INPUT.get(os.environ.get("BENCH_DTYPE", "")))


def _compare(metrics: tuple[str, ...], arrays: list[Any]) -> Any:
    import hyle.engine as engine

    available = engine.list_metrics()
    missing = [name for name in metrics if name not in available]
    if len(metrics) == 1 and missing:
        raise NotImplementedError(f"the engine has no metric {missing[0]!r} in compare")
    names = [name for name in metrics if name in available]
    options: dict[str, Any] = {"k": K, "dimension_k": DIMENSION_K}
    if os.environ.get("BENCH_DTYPE") == "tf32":
        if "precision" not in inspect.signature(engine.compare).parameters:
            raise NotImplementedError("the engine multiplies in full float32 and has no option for less")
        options["precision"] = "tensorfloat32"
    comparison = engine.compare({f"m{i:02d}": x for i, x in enumerate(arrays)}, metrics=names, **options)
    return {name: comparison[name].values for name in names}


def _load(metric: str) -> Calls:
    engine = importlib.import_module("hyle.engine")
    name, options = FUNCTIONS[metric]
    function = getattr(engine, name, None)
    # If the function is not exported, the name may refer to the module of the same name.
    if not callable(function):
        raise NotImplementedError(f"the engine has no function {name!r}")
    unknown = [option for option in options if option not in inspect.signature(function).parameters]
    if unknown:
        raise NotImplementedError(f"the engine's {name!r} has no option {unknown[0]!r}")
    call = functools.partial(function, **options)

    def both(a: Any, b: Any) -> list[Any]:
        return [call(a, b), call(b, a)]

    return Calls(
        both if metric in DIRECTED else call,
        convert=_as_jax,
        batch=lambda arrays: _compare((metric,), arrays)[metric],
    )


def _load_study() -> Calls:
    importlib.import_module("hyle.engine")

    def refuse(*_: Any) -> Any:
        raise NotImplementedError("the study is measured only on all pairs")

    return Calls(refuse, convert=_as_jax, batch=functools.partial(_compare, STUDY))


def _gram() -> Calls:
    import jax

    product = jax.jit(lambda x: jax.numpy.matmul(x, x.T, precision=jax.lax.Precision.HIGHEST))
    return Calls(lambda x: product(x).block_until_ready()[0, 0], convert=_as_jax)


PEERS = (
    *(Peer(PACKAGE, metric, "compare() for all pairs", functools.partial(_load, metric)) for metric in METRICS),
    Peer(PACKAGE, "study", "every metric of the study in one call", _load_study),
    Peer(PACKAGE, "gram", "one x @ x.T per model, full float32", _gram, name="JAX"),
)
