"""Amino-acid sequences in files, distinguished from nucleotide sequences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from ...base import InputError, shorten

NUCLEOTIDES = frozenset("ACGTUN")
# The codes of several possible nucleotides. The other letters are amino acids alone.
_AMBIGUOUS = frozenset("RYKMSWBDHV")
# A protein of 12 residues has only the five letters that are amino acids too, A, C, G, T and N, in one case of 10^7.
FILE_LENGTH, LENGTH = 12, 20
SHARE = 0.9  # of letters A, C, G, T, U and N, where the others are codes of several nucleotides
INSIST = "amino-acid sequences are needed: translate them, or read them as they are with --view sequence"


def checked_sequence(text: str) -> str:
    """Return the sequence in capital letters, without a stop sign (*) at the end.

    Raises:
        ValueError: the sequence is empty or contains anything but letters.
    """
    sequence = text.upper().removesuffix("*")
    if not sequence:
        raise InputError("the sequence is empty")
    invalid = sorted({letter for letter in sequence if not ("A" <= letter <= "Z")})
    if "-" in invalid:
        raise InputError("the sequence has gaps (-): remove the gaps of an alignment first")
    if invalid:
        raise InputError(f"the sequence contains {' '.join(map(repr, invalid[:5]))}, which is not an amino acid")
    return sequence


def refuse_nucleotides(sequence: str) -> None:
    """Raise InputError if a sequence is one of nucleotides for certain: 20 of them at least, and all four kinds."""
    letters = set(sequence)
    if len(sequence) >= LENGTH and letters <= NUCLEOTIDES and {"A", "C", "G"} <= letters and letters & {"T", "U"}:
        raise InputError(f"{shorten(sequence, 30)!r} is a sequence of nucleotides; {INSIST}")


def refuse_nucleotide_file(name: str, sequences: Iterable[str]) -> None:
    """Raise InputError if the sequences of a file, of which some may be short, are nucleotides together.

    They are if all letters are codes of nucleotides, few of them codes of several nucleotides, one sequence has 12 or
    more, and at least three of A, C, G and T or U occur. Reading stops at the first other sequence.

    Args:
        name: file or column, for the message.
        sequences: the sequences, as written.
    """
    kinds: set[str] = set()
    longest = 0
    for text in sequences:
        letters = Counter(letter for letter in text.upper() if letter.isalpha())
        plain = sum(letters[letter] for letter in NUCLEOTIDES)
        if not letters.keys() <= NUCLEOTIDES | _AMBIGUOUS or plain < SHARE * letters.total():
            return
        kinds |= {"T" if letter == "U" else letter for letter in letters} & set("ACGT")
        longest = max(longest, letters.total())
    if longest >= FILE_LENGTH and len(kinds) >= 3:
        raise InputError(f"{name} contains nucleotides, not amino acids; {INSIST}")
