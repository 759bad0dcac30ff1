"""Spectra on a scale of pitch, on which a tone looks the same wherever it lies."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

Weights = NDArray[np.float32]

OVERTONES = (2, 3, 4, 5, 6, 8)
"""How many times as high as a bin are those, above and below, that are seen with it."""


class PitchScale(NamedTuple):
    """Pitches, and the bins of a transform that they are read from.

    Attributes:
        lowest: The lowest pitch, in Hz.
        per_octave: Pitches of an octave.
        pitches: How many there are.
        bins: Frequencies of the transform.
        spacing: From one of them to the next, in Hz.
    """

    lowest: float
    per_octave: int
    pitches: int
    bins: int
    spacing: float


def overtones(features: Tensor, per_octave: float) -> Tensor:
    """Put beside each pitch those that are its overtones, and those that it is one of.

    Args:
        features: (batch, width, pitches, frames).
        per_octave: Pitches of an octave.

    Returns:
        (batch, thirteen times the width, pitches, frames).
    """
    steps = [round(per_octave * math.log2(times)) for times in OVERTONES]
    made: Tensor = _Shifted.apply(features, (0, *steps, *(-step for step in steps)))
    return made


class _Shifted(torch.autograd.Function):
    """Copies of features, moved along the pitches; past either end there is nothing.

    What slices would do, but their slopes are each as large as all features.
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor, steps: tuple[int, ...]) -> Tensor:
        ctx.steps = steps
        pitches = features.shape[2]
        most = max(map(abs, steps))
        padded = F.pad(features, (0, 0, most, most))
        return torch.cat([padded.narrow(2, most + step, pitches) for step in steps], dim=1)

    @staticmethod
    def backward(ctx: Any, slopes: Tensor) -> tuple[Tensor, None]:
        batch, width, pitches, frames = slopes.shape
        most = max(map(abs, ctx.steps))
        padded = slopes.new_zeros((batch, width // len(ctx.steps), pitches + 2 * most, frames)).to(
            memory_format=torch.channels_last
        )
        for step, part in zip(ctx.steps, slopes.chunk(len(ctx.steps), dim=1), strict=True):
            padded.narrow(2, most + step, pitches).add_(part)
        return padded.narrow(2, most, pitches), None


def to_pitches(scale: PitchScale) -> Tensor:
    """Return the weights of bins in pitches: (pitches, bins), rows add up to 1.

    A pitch reads the two bins that it lies between or, where pitches are farther apart than
    bins, all bins up to the next pitches, the nearest most.
    """
    return torch.from_numpy(_pitches_of_bins(scale))


def to_bins(scale: PitchScale) -> Tensor:
    """Return the weights of pitches in bins: (bins, pitches), rows add up to 1."""
    return torch.from_numpy(_bins_of_pitches(scale))


# Arrays are kept, not tensors: those that were made in inference mode cannot be trained with.
@lru_cache(maxsize=4)
def _pitches_of_bins(scale: PitchScale) -> Weights:
    bins = np.arange(scale.bins)
    centre = scale.lowest * 2 ** (np.arange(scale.pitches) / scale.per_octave) / scale.spacing
    reach = np.maximum(centre * (2 ** (1 / scale.per_octave) - 1), 1.0)
    weights = np.maximum(1 - np.abs(bins - centre[:, None]) / reach[:, None], 0)
    weights[:, -1] += weights.sum(axis=1) == 0  # a pitch above all bins reads the last
    kept: Weights = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return kept


@lru_cache(maxsize=4)
def _bins_of_pitches(scale: PitchScale) -> Weights:
    hertz = np.maximum(np.arange(scale.bins) * scale.spacing, scale.lowest)
    place = np.clip(np.log2(hertz / scale.lowest) * scale.per_octave, 0, scale.pitches - 1)
    weights = np.maximum(1 - np.abs(place[:, None] - np.arange(scale.pitches)), 0)
    kept: Weights = weights.astype(np.float32)
    return kept
