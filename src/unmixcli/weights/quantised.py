"""Weights of a few bits: whole numbers on a ladder from the lowest to the highest value.

Défossez, Adi & Synnaeve 2021, "Differentiable Model Compression via Pseudo Quantization
Noise" (DiffQ): each group of a few weights has a number of bits of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor

MOST_BITS = 16


@dataclass(frozen=True, slots=True)
class Quantised:
    """A tensor as whole numbers.

    Attributes:
        levels: (groups, size of a group), integers.
        bits: Of each group, (groups, 1), or one number for all.
        low: Value of level 0.
        high: Value of the highest level, ``2**bits - 1``.
        shape: Of the tensor.
    """

    levels: Tensor
    bits: Tensor | int
    low: float
    high: float
    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        if self.levels.ndim != 2 or not _is_whole(self.levels):
            raise ValueError("levels that are not groups of whole numbers")
        if self.levels.numel() != prod(self.shape):
            raise ValueError(f"{self.levels.numel()} levels for a tensor of {self.shape}")
        least = most = self.bits
        if isinstance(self.bits, Tensor):
            # Of any other shape, torch would spread them over more than the groups.
            if not _is_whole(self.bits) or self.bits.shape != (len(self.levels), 1):
                raise ValueError(
                    f"bit widths that are not one for each of {len(self.levels)} groups"
                )
            least, most = (
                (int(bound) for bound in self.bits.aminmax()) if len(self.bits) else (1, 1)
            )
        if not 1 <= least <= most <= MOST_BITS:
            raise ValueError(f"bit widths outside 1..{MOST_BITS}")

    def dequantise(self) -> Tensor:
        """Return the weights in float32."""
        steps = (2 ** torch.as_tensor(self.bits).to(torch.int32) - 1).float()
        # Not a division by the steps: the library's own rounding, to the last bit.
        values = self.levels.float() * (1 / steps) * (self.high - self.low) + self.low
        return values.reshape(self.shape)


def _is_whole(numbers: Tensor) -> bool:
    return not (numbers.is_floating_point() or numbers.is_complex() or numbers.dtype == torch.bool)


State = Mapping[str, Tensor | Quantised]
"""Weights by name, each as it is stored."""


def dense(weight: Tensor | Quantised) -> Tensor:
    """Return a weight as a tensor of numbers that a network can use."""
    return weight.dequantise() if isinstance(weight, Quantised) else weight
