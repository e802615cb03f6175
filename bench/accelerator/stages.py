"""The stages, in the order in which they run, and their limits."""

from __future__ import annotations

from dataclasses import dataclass

# Seconds of the whole command, which should end within eight minutes; the sum of the limits is no larger.
TOTAL = 470.0


@dataclass(frozen=True)
class Stage:
    """One stage, which runs in a process of its own.

    Args:
        name: its name, by default also that of its module in this folder.
        limit: seconds after which it is stopped.
        target: the function ``MODULE:NAME`` that takes a `Job` and yields a `Row` as soon as it is measured.
        rest: whether it also gets the time that the stages before have left.
    """

    name: str
    limit: float
    target: str = ""
    rest: bool = False

    @property
    def function(self) -> str:
        """The function, ``MODULE:NAME``."""
        return self.target or f"bench.accelerator.{self.name}:measure"


# The study is the largest and comes last, so that it gets the time that the others leave.
STAGES = (
    Stage("facts", 45),
    Stage("correct", 75),
    Stage("twelve", 100),
    Stage("zero_copy", 25),
    Stage("distillation", 45),
    Stage("mesh", 60),
    Stage("potential", 40),
    Stage("study", 80, rest=True),
)
