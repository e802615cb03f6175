from __future__ import annotations

from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest

from hyle.engine.comparison.join import join

from ..samples import D, N, single, views

IDS = [f"s{i:03d}" for i in range(N)]
X, Y = map(single, views(0))


def embedded(embedding, ids=IDS):
    return SimpleNamespace(embedding=embedding, ids=ids)


def test_rows_are_joined_by_id_in_the_order_of_ids():
    order = np.random.default_rng(0).permutation(N)
    joined = join({"a": embedded(X), "b": embedded(Y[order], [IDS[i] for i in order])})
    assert joined.ids == IDS
    np.testing.assert_array_equal(joined.arrays[0], X)
    np.testing.assert_array_equal(joined.arrays[1], Y)


def test_only_common_samples_are_kept():
    joined = join({"a": embedded(X[:50], IDS[:50]), "b": embedded(Y[10:], IDS[10:])})
    assert joined.ids == IDS[10:50]
    assert joined.rows_in == [50, 54]
    np.testing.assert_array_equal(joined.arrays[0], X[10:50])
    np.testing.assert_array_equal(joined.arrays[1], Y[10:50])


def test_plain_tensors_are_joined_by_position():
    joined = join({"a": X, "b": jnp.asarray(Y)})
    np.testing.assert_array_equal(joined.arrays[1], Y)
    assert joined.rows_in == [N, N]


def test_the_sample_hash_does_not_depend_on_the_order():
    order = np.random.default_rng(0).permutation(N)
    original = join({"a": embedded(X)})
    permuted = join({"a": embedded(X[order], [IDS[i] for i in order])})
    assert original.sample_hash == permuted.sample_hash
    assert len(original.sample_hash) == 16
    assert original.sample_hash != join({"a": embedded(X[1:], IDS[1:])}).sample_hash


def test_ids_of_other_types_are_converted_to_text():
    joined = join({"a": embedded(X, np.arange(N)), "b": embedded(Y, [str(i) for i in range(N)])})
    assert len(joined.ids) == N
    assert joined.ids == sorted(joined.ids)


def test_dtypes_of_the_input_are_recorded():
    joined = join({"a": X.astype(np.float16), "b": X.astype(np.float64), "c": jnp.asarray(X), "d": X.tolist()})
    assert joined.dtypes[:3] == ["float16", "float64", "float32"]
    assert {str(a.dtype) for a in joined.arrays} == {"float32"}


def broken(entry):
    x = X.copy()
    x[[7, 9], 2] = entry
    return x


@pytest.mark.parametrize(
    ("representations", "message"),
    [
        ({}, "nothing to compare"),
        ({"a": embedded(X, ["q", "q", *IDS[2:]])}, "a: the id 'q' is duplicated"),
        ({"a": embedded(X), "b": Y}, "b has no sample ids and others have"),
        ({"a": X, "b": embedded(Y)}, "a has no sample ids and others have"),
        ({"a": embedded(X), "b": embedded(Y, [f"t{i}" for i in IDS])}, "0 samples .* a: 's000', .*; b: 'ts000'"),
        ({"a": embedded(X), "b": embedded(Y[:3], IDS[:3])}, "3 samples are common"),
        ({"a": embedded(X), "b": embedded(Y[:1], IDS[:1])}, "1 sample is common"),
        ({"a": X, "b": Y[:30]}, "the same rows; got {'a': 64, 'b': 30}"),
        ({"a": embedded(broken(np.nan))}, "a: 2 of 64 rows contain NaN or infinite numbers: s007, s009; remove them"),
        ({"a": embedded(broken(np.inf))}, "s007, s009"),
        ({"a": embedded(X, IDS[:60])}, "a has 60 sample ids for 64 rows"),
        ({"a": embedded(X[:60])}, "a has 64 sample ids for 60 rows"),
        ({"a": X[:, 0]}, "a must be a matrix"),
    ],
)
def test_invalid_representations_raise_clear_errors(representations, message):
    with pytest.raises(ValueError, match=message):
        join(representations)


def test_a_row_that_is_not_finite_is_ignored_if_it_is_not_common():
    joined = join({"a": embedded(broken(np.nan)), "b": embedded(Y[20:], IDS[20:])})
    assert len(joined.ids) == N - 20
    assert joined.arrays[0].shape == (N - 20, D)


def test_arrays_of_numpy_are_not_copied_whatever_their_address():
    for shift in range(4):
        x = np.concatenate([np.zeros((shift, 3), np.float32), np.ones((8, 3), np.float32)])[shift:]
        x.flags.writeable = False
        ids = [f"s{i}" for i in range(8)]
        for value in (x, SimpleNamespace(embedding=x, ids=ids)):
            assert np.shares_memory(join({"x": value}).arrays[0], x)
