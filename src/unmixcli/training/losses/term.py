"""What every term of a loss is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor

QUIETEST = 1e-3
"""Least level that anything is related to: -60 dB of full scale."""

SILENT = 1e-8
"""Mean square up to which a reference counts as silent: -80 dB."""


@dataclass(frozen=True, kw_only=True)
class Term(ABC):
    """One term; its fields are what a recipe may set.

    Attributes:
        sources: Which sources' estimates count; none are all.
    """

    sources: tuple[str, ...] = ()

    @abstractmethod
    def __call__(self, estimates: Tensor, references: Tensor, chosen: Tensor) -> Tensor:
        """Return the term, a scalar.

        Args:
            estimates: (batch, sources, channels, samples).
            references: The same shape.
            chosen: Indices of the sources that count, (chosen,).
        """


def level(references: Tensor) -> Tensor:
    """Return the root mean square of each item's mixture, which is at least :data:`QUIETEST`.

    Args:
        references: (batch, sources, channels, samples); the mixture is their sum.

    Returns:
        (batch, 1, 1, 1).
    """
    power = references.sum(dim=1, keepdim=True).square().mean(dim=(2, 3), keepdim=True)
    return power.clamp(min=QUIETEST**2).sqrt()
