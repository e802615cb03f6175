"""What the benchmark measures: inputs, cases, peers, and what it skips."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import click
import numpy as np
import pytest

from bench import measure
from bench.__main__ import choose, record
from bench.cases import plan
from bench.definitions import DEFINITIONS
from bench.inputs import models
from bench.metrics import METRICS
from bench.peers import load_peers
from bench.results import Results, exponent, machine
from bench.schedule import LARGE_METRICS, is_applicable, skip_reason

PEERS = load_peers()


def test_every_peer_names_a_metric_and_importing_them_imports_no_package():
    assert {peer.metric for peer in PEERS.values()} <= {*METRICS, "study", "gram"}
    assert set(DEFINITIONS) == set(METRICS) - {"reconstruction_error"}
    code = "import sys; from bench.peers import load_peers; load_peers(); print({'torch', 'jax'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=measure.ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done.stderr


def test_what_a_smaller_case_has_answered_is_skipped_with_the_reason():
    cases = plan()
    found = Results(machine(), {}, [dataclasses.asdict(case) for case in cases])
    tools = ("torch, feature space", "pytorch-cka", "ckatorch", "repsim")
    peers = [PEERS[f"{tool}/cka"] for tool in tools]
    for peer, seconds in zip(peers, (0.01, 0.02, 0.03, 3.0), strict=True):
        found.measurements.append(record(peer, cases[0], {"seconds": seconds, "value": 0.0}))
    first, second, third, slow = peers
    tall, wide = (next(case for case in cases if case.name == name) for name in ("pair 10000x256", "pair 10000x1024"))
    assert skip_reason(found, slow, cases[0], 60) == ""
    assert skip_reason(found, slow, tall, 60) == "took 3 s at 2,000 samples, so at least 75 s here"
    assert skip_reason(found, third, tall, 60) == ""
    assert skip_reason(found, third, wide, 60) == "not among the 2 fastest peers at width 256"
    assert [skip_reason(found, peer, wide, 60) for peer in (first, second, PEERS["hyle/cka"])] == ["", "", ""]
    found.measurements[0] = record(first, cases[0], {"skipped": "does not install"})
    assert skip_reason(found, first, tall, 60) == "does not install"


def test_what_was_asked_for_is_chosen_with_the_engine_first():
    chosen = choose(("cknna", "hyle/cka"), PEERS)
    assert [peer.key for peer in chosen[:2]] == ["hyle/cka", "hyle/cknna"]
    assert {peer.metric for peer in chosen} == {"cka", "cknna"}
    with pytest.raises(click.UsageError, match="no metric or tool is called 'ckna'"):
        choose(("ckna",), PEERS)


def test_inputs_are_seeded_share_a_latent_and_can_lie_far_away():
    x, y = models(200, (30, 40))
    assert np.array_equal(x, models(200, (30, 40))[0])
    chance = DEFINITIONS["cka"](x[::-1].astype(float), y.astype(float))
    assert abs(chance) < 0.1 < 0.3 < DEFINITIONS["cka"](x.astype(float), y.astype(float))
    (far, _) = models(200, (30, 40), far=True)
    assert np.allclose(far - far.mean(0), x - x.mean(0), atol=1e-3)
    assert far.mean() > 100 * far.std(0).mean()


def test_the_plan_has_the_sizes_of_the_readme():
    names = [case.name for case in plan()]
    assert names == [
        "pair 2000x256",
        "far 2000x256",
        "all 16x4000",
        "pair 2000x1024",
        "pair 10000x256",
        "pair 10000x1024",
    ]
    assert [case.n for case in plan(large=True) if case.extra] == [12_500, 25_000, 50_000]
    assert next(case for case in plan() if case.kind == "all").pairs == 120


def test_many_samples_are_measured_only_for_tools_without_a_square_matrix():
    case = plan(large=True)[-1]
    applicable = {(peer.label, peer.metric) for peer in PEERS.values() if is_applicable(peer, case)}
    assert {tool for tool, _ in applicable} == {"hyle", "faiss-cpu", "torchid"}
    assert {metric for tool, metric in applicable if tool == "hyle"} == {"study", *LARGE_METRICS}
    assert {metric for tool, metric in applicable if tool != "hyle"} == set(LARGE_METRICS)


def test_the_exponent_is_the_slope_of_the_logarithms():
    assert exponent([(n, 3 * n**2) for n in (10, 20, 40)]) == pytest.approx(2)
    assert exponent([(10, 1.0)]) is None
