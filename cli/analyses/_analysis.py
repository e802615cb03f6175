"""The typed form of an analysis."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ._question import AnalysisInput

if TYPE_CHECKING:
    from ..figures import Figure

R = TypeVar("R")


@dataclass(frozen=True)
class Analysis(Generic[R]):
    """One analysis of a Comparison, generic over the type of its result.

    Args:
        name: identifier, as ``--only``, ``--json`` and the figure files use it.
        question: the question that it answers, for a reader.
        compute: the result, or None where a required input is missing.
        summarise: the sentences that the result supports; may be empty.
        print_result: prints the result on standard output.
        to_dict: the result as plain data for JSON.
        make_figures: the figures by file name; may be empty.
    """

    name: str
    question: str
    compute: Callable[[AnalysisInput], R | None]
    summarise: Callable[[R], list[str]]
    print_result: Callable[[R], None]
    to_dict: Callable[[R], Any]
    make_figures: Callable[[R], dict[str, Figure]]
