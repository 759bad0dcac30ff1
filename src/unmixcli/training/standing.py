"""Where a run stands: counters, and what follows from them."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Any

from unmixcli.training.recipe import Recipe
from unmixcli.training.settings import Stage


@dataclass(kw_only=True)
class Standing:
    """Counters of a run; with the weights, all that a resumed one needs.

    Attributes:
        step: Steps of the optimiser.
        epoch: Epochs that are over.
        batch: Batches of the present one that are over.
        stage: Number of the present stage.
        stage_steps: Steps of this stage.
        stage_epochs: Epochs of this stage.
        waited: Validations of this stage since the last better one.
        validated: Epochs that were over at the last validation.
        validated_step: Steps that were taken then.
        best: What the best validation said; ``None`` before the first.
        best_step: At which step that was.
    """

    step: int = 0
    epoch: int = 0
    batch: int = 0
    stage: int = 0
    stage_steps: int = 0
    stage_epochs: int = 0
    waited: int = 0
    validated: int = 0
    validated_step: int = 0
    best: float | None = None
    best_step: int = 0

    def took_step(self, epoch_steps: int) -> None:
        """Count a step.

        Args:
            epoch_steps: Batches of an epoch.
        """
        self.step += 1
        self.stage_steps += 1
        self.batch += 1
        if self.batch >= epoch_steps:
            self.batch = 0
            self.epoch += 1
            self.stage_epochs += 1

    def to_validate(self, every: int) -> bool:
        """Say whether a validation is due."""
        return self.batch == 0 and self.epoch > self.validated and self.epoch % every == 0

    def beaten(self, value: float, *, more: bool) -> bool:
        """Say whether what a validation says is better than all before it.

        Args:
            value: What it says; NaN is never better.
            more: Whether more is better.
        """
        if math.isnan(value):
            return False
        if self.best is None:
            return True
        return value > self.best if more else value < self.best

    def took_verdict(self, value: float, *, better: bool) -> None:
        """Take note of a validation."""
        self.validated, self.validated_step = self.epoch, self.step
        self.waited = 0 if better else self.waited + 1
        if better:
            self.best, self.best_step = value, self.step

    def over(self, stage: Stage) -> bool:
        """Say whether a stage has reached one of its limits."""
        reached = (
            (stage.steps, self.stage_steps),
            (stage.epochs, self.stage_epochs),
            (stage.patience, self.waited),
        )
        return any(limit and count >= limit for limit, count in reached)

    def enter_next_stage(self) -> None:
        """Begin the next stage, with an epoch of its own."""
        self.stage += 1
        self.stage_steps = self.stage_epochs = self.waited = 0
        if self.batch:  # the stage ended within an epoch, whose batches had another size
            self.batch = 0
            self.epoch += 1

    def as_dict(self) -> dict[str, Any]:
        """Return the counters as plain values."""
        return asdict(self)

    @classmethod
    def of(cls, values: dict[str, Any]) -> Standing:
        """Return the counters that were kept."""
        return cls(**{field.name: values[field.name] for field in fields(cls)})


def steps_in_all(recipe: Recipe, epoch_steps: list[int]) -> int | None:
    """Return how many steps the stages take at most; ``None`` where one has no such limit.

    Args:
        recipe: The recipe.
        epoch_steps: Batches of an epoch in each stage.
    """
    total = 0
    for stage, steps in zip(recipe.stages, epoch_steps, strict=True):
        limits = [stage.steps, stage.epochs * steps]
        if not any(limits):
            return None
        total += min(limit for limit in limits if limit)
    return total
