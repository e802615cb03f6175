from __future__ import annotations

import numpy as np
import pytest

from hyle.engine.gram import prepare
from hyle.engine.neighbours import block_table, row_blocks, search_blocks, tables


def rows(n=701, d=24, offset=20.0):
    generator = np.random.default_rng(0)
    return (generator.normal(size=(n, 6)) @ generator.normal(size=(6, d)) + offset).astype(np.float32)


@pytest.mark.parametrize("size", [1, 5, 64, 100])
@pytest.mark.parametrize("kept_bytes", [0, 2**26])
@pytest.mark.parametrize("cores", [1, 3])
def test_blocks_contain_every_row_once(size, kept_bytes, cores, monkeypatch):
    monkeypatch.setattr(row_blocks, "KEPT_BYTES", kept_bytes)
    monkeypatch.setattr(row_blocks, "count_cores", lambda: cores)
    x, some = rows(), np.arange(3, 260, 2, dtype=np.int32)
    prepared = prepare(x, kept=False)
    parts = list(
        search_blocks(prepared, some, lambda gram, query: [block_table(prepared, gram, query, 5, "cosine")], size)
    )
    assert [start for start, _ in parts] == list(range(0, len(some), size))
    found = np.concatenate([table.indices for _, (table,) in parts])
    expected = tables.find_table(prepared, 5, "cosine").indices[some]
    np.testing.assert_array_equal(np.sort(found, 1), np.sort(expected, 1))
