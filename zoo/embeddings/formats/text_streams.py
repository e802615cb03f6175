"""Text files as streams of UTF-8, also compressed, and in UTF-16 or UTF-32 with a byte order mark."""

from __future__ import annotations

import codecs
import io
from pathlib import Path
from typing import IO

from ...base import InputError
from ..content import COMPRESSIONS

# The mark of UTF-32 begins with that of UTF-16.
MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def open_text(path: Path) -> IO[bytes]:
    """Open a text file, decompressed, as bytes of UTF-8 without a byte order mark.

    Raises:
        ValueError: a damaged file, or one without text.
    """
    with _open_bytes(path) as stream:
        head = stream.read(1024)
    encoding = next((name for mark, name in MARKS.items() if head.startswith(mark)), None)
    if encoding is not None:
        with _open_bytes(path) as stream:
            try:
                return io.BytesIO(stream.read().decode(encoding).encode())
            except UnicodeDecodeError as error:
                raise InputError(f"is damaged: it is not {encoding.upper()}, although it begins so") from error
    if head.count(b"\0") > len(head) / 10:
        raise InputError("is not a text file, or is UTF-16 without a byte order mark: save it as UTF-8")
    stream = _open_bytes(path)
    if head.startswith(codecs.BOM_UTF8):
        stream.read(len(codecs.BOM_UTF8))
    return stream


def encoding_error(where: str) -> InputError:
    """Return the error of text that is not UTF-8."""
    return InputError(
        f"{where} is not UTF-8: save the file as UTF-8, or, if it is Windows-1252 (Latin-1), convert it: "
        "iconv -f WINDOWS-1252 -t UTF-8 OLD > NEW"
    )


def _open_bytes(path: Path) -> IO[bytes]:
    """Open a file, decompressing it if its suffix says so."""
    packed = path.suffix.lower()
    if packed == ".xz":
        import lzma

        return lzma.open(path)
    if packed in COMPRESSIONS:
        import pyarrow as pa

        return io.BufferedReader(pa.input_stream(str(path), compression=COMPRESSIONS[packed]))
    return path.open("rb")
