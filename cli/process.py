"""Settings of a process of the command line: environment variables, and terminals that are not UTF-8."""

from __future__ import annotations

import codecs
import contextlib
import os
import sys
import unicodedata
from typing import NoReturn

from hyle.zoo import cache_dir

# ASCII by another name: click takes the encoding ascii for a mistake, and writes UTF-8 instead.
ASCII = "hyle_ascii"
# In place of a character that the encoding of the terminal does not have.
FALLBACKS = {
    **{"≈": "~", "→": "->", "←": "<-", "±": "+-", "×": "x", "·": "*", "²": "2", "³": "3", "Å": "A", "µ": "u"},
    **{"–": "-", "—": "-", "─": "-", "━": "-", "│": "|", "−": "-", "…": "...", "≤": "<=", "≥": ">=", "≠": "!="},
    **{"“": '"', "”": '"', "‘": "'", "’": "'", "•": "*"},
}


def prepare_process() -> None:
    """Set the environment of a process of the command line, unless the user has set it; never done on import."""
    settings = {
        # JAX and torch share the GPU here: neither may take all of its memory at once.
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        # Compiled programs are kept, so that a second run of the same shapes starts in seconds.
        "JAX_COMPILATION_CACHE_DIR": str(cache_dir() / "programs"),
        "JAX_COMPILATION_CACHE_MAX_SIZE": str(2**28),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "0",
        # Threads that wait by spinning make small torch models several times slower on a machine that is not idle.
        "OMP_WAIT_POLICY": "passive",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TOKENIZERS_PARALLELISM": "false",
    }
    for name, value in settings.items():
        os.environ.setdefault(name, value)


def accept_encoding() -> None:
    """Let standard output and error print every character: in an encoding without it, its ASCII fallback."""
    codecs.register_error("hyle", _fallback)
    codecs.register(_find_codec)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            ascii_only = codecs.lookup(stream.encoding or "ascii").name == "ascii"
            stream.reconfigure(encoding=ASCII if ascii_only else None, errors="hyle")


def _find_codec(name: str) -> codecs.CodecInfo | None:
    if name != ASCII:
        return None
    codec = codecs.lookup("ascii")
    return codecs.CodecInfo(
        codec.encode,
        codec.decode,
        codec.streamreader,
        codec.streamwriter,
        codec.incrementalencoder,
        codec.incrementaldecoder,
        name=ASCII,
    )


def _fallback(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_ascii, error.object[error.start : error.end])), error.end


def _ascii(character: str) -> str:
    if character in FALLBACKS:
        return FALLBACKS[character]
    if "\u2800" <= character <= "\u28ff":  # the dots of a spinner
        return "*"
    # Letters without their accents.
    return unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode() or "?"


def end_at_once(code: int) -> NoReturn:
    """End this process without what JAX does at its end: to wait for a process that is lost, and to abort."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # such as a closed pipe
            stream.flush()
    os._exit(code)
