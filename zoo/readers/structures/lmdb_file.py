"""Look-ups in LMDB files without the lmdb library, which maps files into memory and crashes on damaged ones.

The layout is that of data version 1, written by all releases 0.9 of LMDB on 64-bit little-endian machines: a B+ tree of
pages. All positions are checked, so that a damaged file raises an error.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from pathlib import Path

from ...base import InputError

MAGIC, VERSION = 0xBEEFC0DE, 1
HEADER = 16  # bytes at the beginning of a page
BRANCH, LEAF, OVERFLOW = 0x01, 0x02, 0x04  # flags of pages
BIG = 0x01  # flag of a node whose value is on overflow pages
EMPTY = 2**64 - 1  # root of an empty tree
MAX_DEPTH = 64
_META = struct.Struct("<IIQQ" + "IHHQQQQQ" * 2 + "QQ")
_NODE = struct.Struct("<HHHH")


class LmdbFile:
    """An LMDB file of one unnamed database, for reading.

    Raises:
        ValueError: not an LMDB file of this version, or one that is shorter than its header says.
    """

    def __init__(self, path: Path) -> None:
        self._stream, self._size = path.open("rb"), path.stat().st_size
        try:
            metas = [self._meta(0)]
            self._page_size = metas[0][4]
            if not 512 <= self._page_size <= 1 << 16 or self._page_size & (self._page_size - 1):
                raise InputError(f"its page size is {self._page_size}")
            metas.append(self._meta(self._page_size))
            newest = max(metas, key=lambda meta: meta[21])
            self._root = newest[19]
            stated = (newest[20] + 1) * self._page_size  # from the number of the last page
            if stated > self._size:
                raise InputError(f"it has {self._size} bytes, but its header states {stated}: it is not complete")
        except InputError:
            self.close()
            raise
        self._page = lru_cache(256)(self._read_page)

    def get(self, key: bytes) -> bytes | None:
        """Return the value of a key, or None if it has none.

        Raises:
            ValueError: the file is damaged.
        """
        number = self._root
        if number == EMPTY:
            return None
        for _ in range(MAX_DEPTH):
            page = self._page(number)
            flags = struct.unpack_from("<H", page, 10)[0]
            nodes = self._nodes(page)
            if flags & LEAF:
                return self._value(page, nodes, key)
            if not flags & BRANCH or not nodes:
                raise _damaged()
            # The first key of a branch page is empty: it is lower than all others.
            low, high = 1, len(nodes)
            while low < high:
                middle = (low + high) // 2
                low, high = (middle + 1, high) if self._key(page, nodes[middle])[0] <= key else (low, middle)
            first, second, third, _ = _NODE.unpack_from(page, nodes[low - 1])
            number = first | second << 16 | third << 32
        raise _damaged()

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def _meta(self, position: int) -> tuple[int, ...]:
        self._stream.seek(position + HEADER)
        data = self._stream.read(_META.size)
        meta = _META.unpack(data) if len(data) == _META.size else (0, 0)
        if meta[:2] != (MAGIC, VERSION):
            raise InputError("it is not a file of LMDB 0.9")
        return meta

    def _read(self, number: int, size: int) -> bytes:
        position = number * self._page_size
        if position + size > self._size:
            raise _damaged()
        self._stream.seek(position)
        return self._stream.read(size)

    def _read_page(self, number: int) -> bytes:
        return self._read(number, self._page_size)

    def _nodes(self, page: bytes) -> tuple[int, ...]:
        lower = struct.unpack_from("<H", page, 12)[0]
        count = (lower - HEADER) // 2
        if not 0 <= count <= (len(page) - HEADER) // 2:
            raise _damaged()
        nodes: tuple[int, ...] = struct.unpack_from(f"<{count}H", page, HEADER)
        if any(node + _NODE.size > len(page) for node in nodes):
            raise _damaged()
        return nodes

    def _key(self, page: bytes, node: int) -> tuple[bytes, int]:
        """Return the key of a node and the position of what follows it."""
        start = node + _NODE.size
        end = start + _NODE.unpack_from(page, node)[3]
        if end > len(page):
            raise _damaged()
        return page[start:end], end

    def _value(self, page: bytes, nodes: tuple[int, ...], key: bytes) -> bytes | None:
        for node in nodes:
            name, start = self._key(page, node)
            if name != key:
                continue
            low, high, flags, _ = _NODE.unpack_from(page, node)
            size = low | high << 16
            if not flags & BIG:
                if start + size > len(page):
                    raise _damaged()
                return page[start : start + size]
            if start + 8 > len(page):
                raise _damaged()
            number = struct.unpack_from("<Q", page, start)[0]
            if not struct.unpack_from("<H", self._read(number, HEADER), 10)[0] & OVERFLOW:
                raise _damaged()
            return self._read(number, HEADER + size)[HEADER:]
        return None


def _damaged() -> InputError:
    return InputError("the file is damaged")
