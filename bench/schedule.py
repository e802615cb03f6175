"""Decide which peer is measured on which case; what a smaller case has already answered is not measured again."""

from __future__ import annotations

from .cases import Case
from .metrics import METRICS
from .peers import Peer
from .results import DEFINITION, ENGINE, Results

# Number of peers of a metric that are also measured at the larger width: the fastest.
WIDE = 2
# The packages whose memory is linear in n, and their metrics: with many samples only these are measured, besides all
# metrics at once.
LARGE = ("hyle", "faiss-cpu", "torchid")
LARGE_METRICS = ("mutual_knn", "intrinsic_dimension_twonn", "intrinsic_dimension")
ON_CARD = ("hyle", "torch")


def is_applicable(peer: Peer, case: Case) -> bool:
    """Return whether a case is meant for a peer."""
    if peer.label == DEFINITION:
        return case.kind == "pair" and case.n <= 2000 and case.widths[0] <= 256
    if case.extra:
        return peer.metric == "study" or (peer.metric in LARGE_METRICS and peer.package.name in LARGE)
    if peer.metric not in METRICS:
        return case.kind == "all"
    return case.device == "cpu" or peer.package.name in ON_CARD


def skip_reason(results: Results, peer: Peer, case: Case, limit: float) -> str:
    """Return why the results so far make a measurement unnecessary, or an empty string.

    The cost of comparing all pairs of samples grows at least as n², and any other cost at least as n.
    """
    if peer.package.environment == "hyle" or case.device == "gpu" or not results.cases:
        return ""
    first = results.cases[0]
    small = results.find(first["name"], peer.label, peer.metric)
    if case.name == first["name"]:
        return ""
    if small is None:
        reasons = [
            row["skipped"]
            for row in results.skipped()
            if row["case"] == first["name"] and (row["tool"], row["metric"]) == (peer.label, peer.metric)
        ]
        return reasons[0] if reasons else ""
    power = 1 if "D x D" in peer.variant else 2
    predicted = small["seconds"] * (case.n / first["n"]) ** power
    if predicted > limit:
        return f"took {small['seconds']:.2g} s at {first['n']:,} samples, so at least {predicted:.0f} s here"
    wide = case.kind == "pair" and case.widths[0] > first["widths"][0]
    fastest = [row["tool"] for row in results.peers(first["name"], peer.metric)[:WIDE]]
    if wide and peer.label not in (ENGINE, *fastest):
        return f"not among the {WIDE} fastest peers at width {first['widths'][0]}"
    return ""
