"""What is asked of a run, what comes of it, and who is told meanwhile."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Protocol

from unmixcli.training.frozen import Frozen

if TYPE_CHECKING:
    from unmixcli.training.trainer import Trainer
    from unmixcli.training.validation import Verdict


class Listener(Protocol):
    """Who is told of a run, to tell a person."""

    def note(self, text: str) -> None:
        """Take note of something worth knowing."""

    def indexed(self, done: int, total: int) -> None:
        """Take note of how many tracks are known."""

    def stepped(self, trainer: Trainer, loss: float, speed: float) -> None:
        """Take note of a step, and of how many examples a second there are."""

    def validated(self, trainer: Trainer, verdict: Verdict, better: bool) -> None:
        """Take note of a validation."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is asked for.

    Attributes:
        frozen: The recipe and what it is applied to; of a resumed run, its own.
        output: Folder of the run.
        resume: Go on with the run that is there.
        sources_chosen: Whether the user named the sources.
        max_steps: Stop after so many steps in all.
        max_hours: Stop after so much time.
        device: Where to compute.
        save_minutes: From one checkpoint to the next, beside those of validations.
        policy: Which terms of weights are accepted; by default as the environment says.
        cancel: Set it to stop in order.
    """

    frozen: Frozen
    output: Path
    resume: bool = False
    sources_chosen: bool = False
    max_steps: int | None = None
    max_hours: float | None = None
    device: str = "auto"
    save_minutes: float = 10.0
    policy: str | None = None
    cancel: Event = field(default_factory=Event)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a run.

    Attributes:
        folder: Its folder.
        model: The file of weights; ``None`` where a signal ended the run.
        step: Steps taken in all.
        finished: Whether its last stage is over.
        best: What the best validation said.
    """

    folder: Path
    model: Path | None
    step: int
    finished: bool
    best: float | None
