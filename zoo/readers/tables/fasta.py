"""Reader of sequences in FASTA files, with gemmi."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...base import MAX_REASON, InputError, MissingPackageError, install_command, shorten
from ..files import NUMBERS, Options, Row, Wanted, chosen, no_columns, not_empty, read_lines
from .sequences import checked_sequence, refuse_nucleotide_file, refuse_nucleotides


def count(path: Path) -> int:
    """Return the number of sequences in a file."""
    return sum(1 for _ in not_empty(path, _records(path)))


def read(path: Path, wanted: Wanted, options: Options) -> Iterator[Row]:
    """Read the wanted sequences; the first word after ``>`` is the id.

    Sequences of nucleotides are refused unless the view ``sequence`` is requested.

    Raises:
        ImportError: gemmi is not installed.
        ValueError: not a FASTA file, or nucleotides.
    """
    try:
        import gemmi
    except ImportError as error:
        raise MissingPackageError(f"{path}: reading FASTA needs gemmi: {install_command('gemmi')}") from error
    no_columns(path, options)
    insist = options.view == "sequence"
    column = "sequence" if insist else ""  # marks that the view was requested
    if not insist:
        refuse_nucleotide_file(str(path), (text.partition("\n")[2] for _, text in _records(path)))
    for i, (line, text) in chosen(not_empty(path, _records(path)), wanted):
        words = text[1:].split("\n", 1)[0].split()
        id_ = words[0] if words and options.id_column != NUMBERS else ""
        try:
            # Parse one record at a time, so that an invalid one does not affect the others.
            (record,) = gemmi.read_pir_or_fasta(text)
            sequence = checked_sequence(record.seq)
            if not insist:
                refuse_nucleotides(sequence)
            yield Row(i, f"line {line}", id_, {"sequence": sequence}, column=column)
        except (RuntimeError, ValueError) as error:
            yield Row(i, f"line {line}", id_, problem=shorten(error, MAX_REASON), column=column)


def _records(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the first line number and the text of each record."""
    start = 0
    lines: list[str] = []
    for number, line in read_lines(path):
        if line.startswith(">"):
            if lines:
                yield start, "".join(lines)
            start, lines = number, [line]
        elif lines:
            lines.append(line)
        elif line.strip():
            raise InputError(f"{path} is not FASTA: line {number} is before the first >")
    if lines:
        yield start, "".join(lines)
