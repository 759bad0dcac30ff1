"""Levels, signs and sides of single sources."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from unmixcli.network import require_range
from unmixcli.training.augment.draws import Draws, chance
from unmixcli.training.augment.step import Material, Step, require_order


@dataclass(frozen=True, kw_only=True)
class Gain(Step):
    """Scale each source by U(low, high).

    Défossez et al. 2019, §5.3, by default; Stoller et al. 2018, §4.1, draw from 0.7 to 1.

    Attributes:
        low: Least factor.
        high: Largest factor.
    """

    low: float = 0.25
    high: float = 1.25

    def __post_init__(self) -> None:
        super().__post_init__()
        require_range("low", self.low, 0, 1000)
        require_range("high", self.high, 0, 1000)
        require_order("low to high", self.low, self.high)

    def __call__(self, sources: Tensor, draws: Draws, material: Material) -> Tensor:
        """Scale each source: (batch, sources, channels, samples) to the same."""
        return sources * draws.each(
            sources, lambda rng: rng.uniform(self.low, self.high) if chance(rng, self.p) else 1.0
        )


@dataclass(frozen=True, kw_only=True)
class Sign(Step):
    """Turn each source upside down (Défossez et al. 2019, §5.3)."""

    p: float = 0.5

    def __call__(self, sources: Tensor, draws: Draws, material: Material) -> Tensor:
        """Negate some sources: (batch, sources, channels, samples) to the same."""
        return sources * draws.each(sources, lambda rng: -1.0 if chance(rng, self.p) else 1.0)


@dataclass(frozen=True, kw_only=True)
class Swap(Step):
    """Exchange left and right of each source (Défossez et al. 2019, §5.3); mono has neither."""

    p: float = 0.5

    def __call__(self, sources: Tensor, draws: Draws, material: Material) -> Tensor:
        """Reverse the channels of some: (batch, sources, channels, samples) to the same."""
        turned = draws.each(sources, lambda rng: chance(rng, self.p)).bool()
        return torch.where(turned, sources.flip(-2), sources)
