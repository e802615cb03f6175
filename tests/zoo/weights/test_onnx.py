"""Weights in ONNX files, written byte by byte as in the definition of protocol buffers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hyle.zoo import InputError
from hyle.zoo.weights import onnx_weights


def varint(value: int) -> bytes:
    return bytes([value & 127 | 128]) + varint(value >> 7) if value > 127 else bytes([value])


def field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def tensor(name: str, values: np.ndarray, *, packed: bool = False, kind: int = 1) -> bytes:
    dims = field(1, b"".join(map(varint, values.shape))) if packed else b"".join(field(1, n) for n in values.shape)
    return dims + field(2, kind) + field(8, name.encode()) + field(9, values.astype("<f4").tobytes())


def model(*tensors: bytes) -> bytes:
    graph = field(2, b"graph") + b"".join(field(5, each) for each in tensors)
    # The version of the format, the graph, and a field of eight bytes and one of four, which are left out.
    return field(1, 8) + varint(60 << 3 | 1) + bytes(8) + varint(61 << 3 | 5) + bytes(4) + field(7, graph)


@pytest.mark.parametrize("packed", [False, True])
def test_initializers_are_read_by_name(tmp_path: Path, packed: bool) -> None:
    rng = np.random.default_rng(0)
    want = {"a.weight": rng.normal(size=(3, 200)), "b": rng.normal(size=2), "scalar": rng.normal(size=())}
    path = tmp_path / "a.onnx"
    path.write_bytes(model(*(tensor(name, values, packed=packed) for name, values in want.items())))
    got = onnx_weights(path)
    assert list(got) == list(want)
    for name, values in want.items():
        assert got[name].dtype == np.float32
        np.testing.assert_array_equal(got[name], values.astype(np.float32))


def test_other_files_are_errors(tmp_path: Path) -> None:
    whole = model(tensor("a", np.zeros(300)))
    wrong = {
        "cut": whole[:-9],
        "text": b"ATOM      1  N   ALA A   1\n",
        "endless": b"\xff" * 40,
        "empty": b"",
        "no weights": model(),
        "float64": model(tensor("a", np.zeros(3), kind=11)),
        "too few": model(tensor("a", np.zeros(3)) + field(1, 7)),
        "number as graph": field(7, 3),
    }
    for name, content in wrong.items():
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(InputError, match="an ONNX file"):
            onnx_weights(path)
