"""What is asked of an evaluation, and who is told how it goes on."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from unmixcli.evaluation.options import Options

if TYPE_CHECKING:  # both need torch
    from unmixcli.evaluation.scoring import Outcome
    from unmixcli.evaluation.systems.system import Advance


class Listener(Protocol):
    """Who is told how an evaluation goes on."""

    def note(self, text: str) -> None:
        """Hear what is worth knowing."""
        ...

    def opening(self, name: str) -> Advance | None:
        """Hear that a system is made ready; what is returned is told of a download."""
        ...

    def working(self, done: float, total: int) -> None:
        """Hear how many tracks are done, of all systems."""
        ...

    def scored(self, system: str, track: str, outcome: Outcome, *, kept: bool) -> None:
        """Hear what came of a track, in order; ``kept`` if it was scored before."""
        ...


@dataclass(frozen=True, kw_only=True)
class Request:
    """How to evaluate.

    Attributes:
        output: Folder of the results.
        options: How tracks are scored.
        split: Of the data set, for the record.
        accompaniment: Score the accompaniment also where nobody has a file of it.
        keep_stems: Keep estimates, references and mixtures as files.
        resume: Keep scores that were made before with the same settings.
        overwrite: Let results of before be replaced.
        jobs: Processes; 1 is this one alone.
        report: Write the report, too.
    """

    output: Path
    options: Options = field(default_factory=Options)
    split: str | None = None
    accompaniment: bool = False
    keep_stems: bool = False
    resume: bool = False
    overwrite: bool = False
    jobs: int = 1
    report: bool = True
