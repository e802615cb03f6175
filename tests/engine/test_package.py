"""What importing the engine does and does not do, and the examples in its documentation."""

from __future__ import annotations

import doctest
import importlib
import inspect
import json
import pkgutil
import subprocess
import sys

import pytest

import hyle.engine

MODULES = ["hyle.engine", *(m.name for m in pkgutil.walk_packages(hyle.engine.__path__, "hyle.engine."))]


def test_import_loads_no_framework_and_changes_no_setting():
    script = """
import json, sys, jax
before = dict(jax.config.values)
import hyle.engine, hyle.engine.losses
hyle.engine.list_metrics()
changed = [name for name, value in jax.config.values.items() if before.get(name) != value]
foreign = sorted({"torch", "flax", "optax", "tensorflow", "ase", "rdkit", "hyle.zoo", "hyle.cli"} & set(sys.modules))
print(json.dumps([changed, foreign, bool(jax.config.jax_enable_x64)]))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120)
    assert json.loads(done.stdout) == [[], [], False]


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_public_functions_have_an_example():
    functions = {name for name, value in vars(hyle.engine).items() if inspect.isfunction(value) and name[0] != "_"}
    # Facts and files need none; everything that computes does.
    others = {"copy_reason", "find_metric", "load_comparison", "load_history", "save_comparison", "save_history"}
    others.add("start_processes")  # which cannot be undone
    assert others < functions
    for name in functions - others:
        assert ">>>" in getattr(hyle.engine, name).__doc__


def test_every_metric_is_described():
    for name, metric in hyle.engine.list_metrics().items():
        assert name == metric.name
        assert metric.kind in ("pair", "single")
        assert metric.bounds[0] < metric.bounds[1]
        for words in (metric.long_name, metric.meaning, metric.citation, metric.chance):
            assert words.strip()
    assert set(hyle.engine.DEFAULT_METRICS) <= set(hyle.engine.list_metrics())
