"""Which peer is measured on which case: what a smaller case has already answered is not measured again."""

from __future__ import annotations

from .cases import Case
from .metrics import METRICS
from .peers import Peer
from .results import DEFINITION, ENGINE, Results

# Peers of a metric that are measured at the larger width too.
WIDE = 2
# Where only the memory of a few packages is linear in n: all metrics at once, and the metrics that those have.
LARGE = ("hyle", "faiss-cpu", "torchid")
LARGE_METRICS = ("mutual_knn", "intrinsic_dimension_twonn", "intrinsic_dimension")
ON_CARD = ("hyle", "torch")


def applies(peer: Peer, case: Case) -> bool:
    """Return whether a case is meant for a peer at all."""
    if peer.label == DEFINITION:
        return case.kind == "pair" and case.n <= 2000 and case.widths[0] <= 256
    if case.extra:
        return peer.metric == "study" or (peer.metric in LARGE_METRICS and peer.package.name in LARGE)
    if peer.metric not in METRICS:
        return case.kind == "all"
    return case.device == "cpu" or peer.package.name in ON_CARD


def skip_reason(results: Results, peer: Peer, case: Case, limit: float) -> str:
    """Return why the results so far make a measurement needless, or nothing.

    A cost grows at least as n² for what compares all samples, and never less than n.
    """
    if peer.package.environment == "hyle" or case.device == "gpu" or not results.cases:
        return ""
    first = results.cases[0]
    small = results.find(first["name"], peer.label, peer.metric)
    if case.name == first["name"]:
        return ""
    if small is None:
        reasons = [
            one["skipped"]
            for one in results.skipped()
            if one["case"] == first["name"] and (one["tool"], one["metric"]) == (peer.label, peer.metric)
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
