"""What augmentations draw: functions of seed, step and item, never of what was drawn before.

An item so is augmented alike in whatever batch, on whatever device and by whichever
process; nothing has to be remembered for a run to go on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from unmixcli.training.seeds import Purpose, generator


@dataclass(frozen=True, slots=True, kw_only=True)
class Draws:
    """Where random numbers come from.

    Attributes:
        seed: Of the run.
        step: Any number that no other batch has.
        first: Number of the first item within the step, over all devices.
        place: Position of the augmentation among the others.
    """

    seed: int
    step: int
    first: int = 0
    place: int = 0

    def at(self, place: int) -> Draws:
        """Return the draws of another augmentation for the same items."""
        return replace(self, place=place)

    def of(self, item: int) -> np.random.Generator:
        """Return the numbers of an item, by its position in the batch."""
        return generator(self.seed, Purpose.AUGMENT, self.step, self.first + item, self.place)

    def each(self, sources: Tensor, draw: Callable[[np.random.Generator], float]) -> Tensor:
        """Draw one number for each source of each item.

        Args:
            sources: (batch, sources, channels, samples).
            draw: Called for one source after the other.

        Returns:
            (batch, sources, 1, 1), where the sources are.
        """
        batch, count = sources.shape[:2]
        rows = [[draw(rng) for _ in range(count)] for rng in map(self.of, range(batch))]
        return torch.tensor(rows, dtype=sources.dtype).to(sources.device)[..., None, None]


def chance(rng: np.random.Generator, p: float) -> bool:
    """Say yes with probability ``p``."""
    return bool(rng.random() < p)


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """Draw evenly over octaves: from ``low``, above zero, up to ``high``."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))
