"""Reader of sequences in FASTA files, with gemmi."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

from .._errors import InputError, MissingPackageError
from ._row import NUMBERS, Options, Row, Wanted, chosen, no_columns, open_text
from .tables import checked_sequence


def count(path: Path) -> int:
    """Return the number of sequences in a file."""
    return sum(1 for _ in _records(path))


def read(path: Path, wanted: Wanted, options: Options) -> Iterator[Row]:
    """Read the wanted sequences; the first word after ``>`` is the id.

    Raises:
        ImportError: gemmi is not installed.
        ValueError: not a FASTA file.
    """
    try:
        import gemmi
    except ImportError as error:
        raise MissingPackageError(f"{path}: reading FASTA needs gemmi: pip install 'hyle[zoo]'") from error
    no_columns(path, options)
    for i, (line, text) in chosen(_records(path), wanted):
        words = text[1:].split("\n", 1)[0].split()
        id_ = words[0] if words and options.id_column != NUMBERS else ""
        try:
            # Parse one record at a time, so that an invalid one does not affect the others.
            (record,) = gemmi.read_pir_or_fasta(text)
            yield Row(i, f"line {line}", id_, {"sequence": checked_sequence(record.seq)})
        except (RuntimeError, ValueError) as error:
            yield Row(i, f"line {line}", id_, problem=str(error))


def _records(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the first line number and the text of each record."""
    start, text = 0, ""
    try:
        with open_text(path) as stream:
            for line, part in enumerate(stream, 1):
                part = part.replace("\r\n", "\n")
                if part.startswith(">"):
                    if text:
                        yield start, text
                    start, text = line, part
                elif text:
                    text += part
                elif part.strip():
                    raise InputError(f"{path} is not FASTA: line {line} is before the first >")
            if text:
                yield start, text
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text: convert it to UTF-8") from error
    except (EOFError, OSError, zlib.error) as error:
        raise InputError(f"{path} is not readable: {error}") from error
