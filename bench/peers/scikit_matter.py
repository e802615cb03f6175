from __future__ import annotations

from typing import Any

import numpy as np

from . import Calls, Package, Peer


def _load() -> Calls:
    from skmatter.metrics import global_reconstruction_error

    def score(a: Any, b: Any) -> Any:
        rows = np.arange(len(a))
        halves = {"train_idx": rows[::2], "test_idx": rows[1::2]}
        return [global_reconstruction_error(x, y, **halves) for x, y in ((a, b), (b, a))]

    return Calls(score, convert=lambda x: x.astype(np.float64))


PEERS = (
    Peer(Package("skmatter", "0.4.1"), "reconstruction_error", "even rows fit, odd rows test, two-fold ridge", _load),
)
