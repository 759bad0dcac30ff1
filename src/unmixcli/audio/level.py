"""Mean and standard deviation of a whole track, measured as it streams by."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from unmixcli.audio.blocks import rechunk

_ROUNDING = 1e-12
"""A deviation below this share of the mean is float64 rounding, not sound."""


@dataclass(frozen=True, slots=True)
class Level:
    """What normalisation takes from a track and gives back to its estimates.

    Attributes:
        mean: Mean of the mono mixture.
        deviation: Its unbiased standard deviation; 0 where every sample of every channel
            is the same, 1 where only their mean is (left = -right; a single sample).
    """

    mean: float
    deviation: float

    def apply(self, blocks: Iterable[Tensor]) -> Iterator[Tensor]:
        """Yield each block less the mean, over the deviation (over 1 where that is 0)."""
        if self == UNIT_LEVEL:
            yield from blocks
            return
        divisor = self.deviation or 1.0
        for block in blocks:
            yield (block - self.mean) / divisor

    def undo(self, blocks: Iterable[Tensor]) -> Iterator[Tensor]:
        """Yield each block of estimates times the deviation, plus the mean.

        A deviation of 0 is not replaced here, so the estimates of a silent track are
        exactly silent whatever the network invents.
        """
        if self == UNIT_LEVEL:
            yield from blocks
            return
        for block in blocks:
            yield block * self.deviation + self.mean


UNIT_LEVEL = Level(mean=0.0, deviation=1.0)
"""Leaves a track as it is."""


def measure(blocks: Iterable[Tensor]) -> Level:
    """Measure the mono mixture of a track, as ``ref = x.mean(0)`` would give it.

    Moments are accumulated in float64 over blocks of fixed size, so the block size of the
    stream changes no bit, and merged as deviations from the running mean (Chan, Golub &
    LeVeque 1979), so a loud offset does not drown a quiet signal.

    Args:
        blocks: Consecutive blocks, (channels, any length), float32.
    """
    count, mean, squares = 0, 0.0, 0.0
    lowest, highest = math.inf, -math.inf
    for block in rechunk(blocks):
        lowest, highest = min(lowest, float(block.min())), max(highest, float(block.max()))
        mono = block.to(torch.float64).mean(dim=0)
        length = mono.shape[-1]
        block_mean = float(mono.mean())
        block_squares = float((mono - block_mean).square().sum())
        delta = block_mean - mean
        total = count + length
        squares += block_squares + delta * delta * count * length / total
        mean += delta * length / total
        count = total
    deviation = math.sqrt(squares / (count - 1)) if count > 1 else 0.0
    if deviation <= _ROUNDING * abs(mean):
        # Nothing to divide by; but what is in the side channel must not be multiplied by 0.
        deviation = 1.0 if highest > lowest else 0.0
    return Level(mean, deviation)
