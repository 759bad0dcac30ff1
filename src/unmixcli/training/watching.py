"""What a loop is given beside its network: who judges it, who watches it, when it stops."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event
from typing import TYPE_CHECKING, Protocol

from torch import nn

from unmixcli.training.validation import Verdict

if TYPE_CHECKING:
    from unmixcli.training.trainer import Trainer

Validate = Callable[[nn.Module, Event | None], Verdict]
"""Judges a network; raises ``Cancelled`` once the event is set."""


class Watcher(Protocol):
    """Who is told how a run goes on, and keeps what is to be kept of it."""

    def stepped(self, trainer: Trainer, loss: float, rate: float, norm: float) -> None:
        """Take note of a step."""

    def validated(self, trainer: Trainer, verdict: Verdict, better: bool) -> None:
        """Take note of a validation; the network has the weights that it is about."""

    def settled(self, trainer: Trainer) -> None:
        """Take note that a validation is over, and the network as it was before."""

    def unreadable(self, message: str) -> None:
        """Take note of what could not be read, once for each message."""

    def entered(self, trainer: Trainer) -> None:
        """Take note of a new stage, which may begin with the best weights."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """When a run stops though it could go on.

    Attributes:
        steps: Of the optimiser, in all.
        until: On the monotonic clock, in seconds.
        cancel: Set from outside.
    """

    steps: int | None = None
    until: float | None = None
    cancel: Event = field(default_factory=Event)

    def late(self) -> bool:
        """Say whether it is time to stop."""
        return self.cancel.is_set() or (self.until is not None and time.monotonic() > self.until)
