"""Batches to augment, and how to."""

import torch

from unmixcli.training import augment
from unmixcli.training.settings import AugmentStep

RATE = 44_100
NAMES = ("drums", "bass", "other", "vocals")


def batch(*, items=4, sources=4, channels=2, samples=2000, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(items, sources, channels, samples, generator=generator) * 0.1


def built(name, **params):
    step = AugmentStep(name=name, params=params)
    return augment.build([step], sample_rate=RATE, sources=NAMES)


def augmented(name, sources, *, seed=1, step=2, first=0, **params):
    return built(name, **params)(sources, seed=seed, step=step, first=first)
