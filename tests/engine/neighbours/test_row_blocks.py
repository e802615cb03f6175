from __future__ import annotations

import numpy as np
import pytest

from hyle.engine.gram import prepare
from hyle.engine.neighbours import block_table, row_blocks, search_blocks, tables


def rows(n=701, d=24, offset=20.0):
    generator = np.random.default_rng(0)
    return (generator.normal(size=(n, 6)) @ generator.normal(size=(6, d)) + offset).astype(np.float32)


@pytest.mark.parametrize("metric", ["cosine", "euclidean", "inner_product"])
@pytest.mark.parametrize("kept_bytes", [0, 2**26])
@pytest.mark.parametrize("cores", [1, 3])
def test_tables_are_those_of_the_whole_product(metric, kept_bytes, cores, monkeypatch):
    x = rows()
    expected = tables.find_table(prepare(x), 9, metric, measured=True)
    monkeypatch.setattr(tables, "whole_gram", lambda _: None)
    monkeypatch.setattr(row_blocks, "KEPT_BYTES", kept_bytes)
    monkeypatch.setattr(row_blocks, "BLOCK_BYTES", 100 * len(x) * 4)
    monkeypatch.setattr(row_blocks, "count_cores", lambda: cores)
    found = tables.find_table(prepare(x, kept=False), 9, metric, measured=True)
    for part, wanted in zip(found, expected, strict=True):
        np.testing.assert_array_equal(part, wanted)


@pytest.mark.parametrize("size", [1, 5, 64, 100])
def test_blocks_contain_every_row_once(size):
    x, some = rows(), np.arange(3, 260, 2, dtype=np.int32)
    prepared = prepare(x)
    parts = list(
        search_blocks(prepared, some, lambda gram, query: [block_table(prepared, gram, query, 5, "cosine")], size)
    )
    assert [start for start, _ in parts] == list(range(0, len(some), size))
    found = np.concatenate([table.indices for _, (table,) in parts])
    expected = tables.find_table(prepared, 5, "cosine").indices[some]
    np.testing.assert_array_equal(np.sort(found, 1), np.sort(expected, 1))
