"""Benchmark of the engine and its peers on the same inputs in one run; not installed with the package."""
