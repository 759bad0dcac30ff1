"""Random numbers as functions of where training is, so that none need be remembered."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
import torch


class Purpose(IntEnum):
    """What numbers are drawn for; none shares its stream with another."""

    ORDER = 0
    SEGMENT = 1
    AUGMENT = 2
    NETWORK = 3
    WEIGHTS = 4


def generator(seed: int, purpose: Purpose, *place: int) -> np.random.Generator:
    """Return numbers for one purpose at one place: the same, whoever asks and when."""
    return np.random.default_rng([seed, purpose, *place])


def drawn(seed: int, purpose: Purpose, *place: int) -> int:
    """Return a seed for one purpose at one place, for who wants to be seeded."""
    return int(generator(seed, purpose, *place).integers(1 << 62))


def seed_torch(seed: int, purpose: Purpose, *place: int) -> None:
    """Seed torch itself, on all devices: dropout and initial weights draw from there."""
    torch.manual_seed(drawn(seed, purpose, *place))
