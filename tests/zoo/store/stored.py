"""A small representation for the tests of the store, its key and its rows."""

import numpy as np

from hyle.zoo import Representation
from hyle.zoo.store.key import Key

IDS = [f"s{i:03d}" for i in range(20)]
RECIPE = {"model": "m", "weights": "w", "layer": "last", "pooling": "mean", "versions": {"torch": "2.13"}}
KEY = Key("m", "w", "qm9-0123", "last", "mean")


def rows(ids, d=4, dtype=np.float32):
    """Return rows that depend only on their ids."""
    return np.stack([np.random.default_rng(int(i[1:])).normal(size=d) for i in ids]).astype(dtype)


def energies(ids):
    return np.array([-float(i[1:]) for i in ids])


def representation(**change):
    facts = {"embedding": rows(IDS), "ids": IDS, "recipe": RECIPE, "energies": energies(IDS)}
    return Representation(KEY.model, **{**facts, "dropped": {"x": "why"}, **change})
