"""The learning rate, as a function of the step and of how validation went."""

from __future__ import annotations

import math
from dataclasses import dataclass

from unmixcli.training.settings import SchedulerSettings


@dataclass(kw_only=True)
class LearningRate:
    """How the rate changes; what it must remember is plain numbers.

    Attributes:
        settings: Which way.
        end: Step at which a cosine ends.
        reached: Factor that plateaus have led to.
        waited: Validations since the last better one, or since the rate went down.
    """

    settings: SchedulerSettings
    end: int
    reached: float = 1.0
    waited: int = 0

    def at(self, step: int, first: float) -> float:
        """Return the rate of a step.

        Args:
            step: Of the optimiser, from 0.
            first: The rate to begin with.
        """
        settings = self.settings
        warm = min((step + 1) / settings.warmup, 1.0) if settings.warmup else 1.0
        return first * warm * max(self._factor(step), settings.floor)

    def _factor(self, step: int) -> float:
        settings = self.settings
        if settings.name == "exponential":
            return float(settings.factor ** (step / settings.every))
        if settings.name == "cosine":
            done = min(step / max(self.end, 1), 1.0)
            return settings.floor + (1 - settings.floor) * (1 + math.cos(math.pi * done)) / 2
        return self.reached

    def validated(self, better: bool) -> None:
        """Take note of a validation."""
        self.waited = 0 if better else self.waited + 1
        if self.settings.name == "plateau" and self.waited > self.settings.patience:
            self.reached *= self.settings.factor
            self.waited = 0

    def state(self) -> dict[str, float]:
        """Return what has to be remembered."""
        return {"reached": self.reached, "waited": self.waited}

    def restore(self, state: dict[str, float]) -> None:
        """Go on from what was remembered."""
        self.reached, self.waited = float(state["reached"]), int(state["waited"])
