"""Reading of the weights in ONNX files, without their library."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..base import InputError

# Numbers of the fields in onnx.proto3.
_GRAPH, _INITIALIZER = 7, 5
_DIMS, _TYPE, _NAME, _RAW = 1, 2, 8, 9
_FLOAT = 1


def onnx_weights(path: Path) -> dict[str, np.ndarray]:
    """Return the float32 initializers of an ONNX file by name; nothing of the file is run.

    Raises:
        ValueError: not an ONNX file whose initializers are stored in it as raw float32 numbers.
    """
    try:
        weights = dict(
            _tensor(tensor)
            for graph in _fields(path.read_bytes(), _GRAPH)
            for tensor in _fields(_bytes(graph), _INITIALIZER)
        )
    except (IndexError, UnicodeDecodeError, ValueError) as error:
        raise InputError(f"{path}: not an ONNX file with weights of float32: {error}") from error
    if not weights:
        raise InputError(f"{path}: an ONNX file without weights")
    return weights


def _tensor(data: int | bytes) -> tuple[str, np.ndarray]:
    shape: list[int] = []
    kind, name, raw = 0, "", b""
    for number, value in _message(_bytes(data)):
        if number == _DIMS:
            # Repeated numbers are packed into one field, or have one each.
            shape += [value] if isinstance(value, int) else _varints(value)
        elif number == _TYPE and isinstance(value, int):
            kind = value
        elif number == _NAME:
            name = _bytes(value).decode()
        elif number == _RAW:
            raw = _bytes(value)
    if kind != _FLOAT or len(raw) != 4 * math.prod(shape):
        raise ValueError(f"the tensor {name!r} has the type {kind} and {len(raw)} bytes")
    return name, np.frombuffer(raw, "<f4").reshape(shape).copy()


def _fields(data: bytes, wanted: int) -> Iterator[int | bytes]:
    return (value for number, value in _message(data) if number == wanted)


def _message(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield the fields of a message of protocol buffers: their numbers and values."""
    place = 0
    while place < len(data):
        key, place = _varint(data, place)
        if key & 7 == 0:
            value, place = _varint(data, place)
            yield key >> 3, value
            continue
        size, place = {1: (8, place), 5: (4, place)}.get(key & 7) or _varint(data, place)
        if key & 7 not in (1, 2, 5) or place + size > len(data):
            raise ValueError("it is damaged")
        yield key >> 3, data[place : place + size]
        place += size


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        value, shift, place = value | (byte & 127) << shift, shift + 7, place + 1
        if byte < 128:
            return value, place


def _varints(data: bytes) -> list[int]:
    values, place = [], 0
    while place < len(data):
        value, place = _varint(data, place)
        values.append(value)
    return values


def _bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise ValueError("it is damaged")
    return value
