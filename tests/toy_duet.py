"""Two synthetic instruments whose spectra overlap, and a small network that learns to be told."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor

from unmixcli.models.conditioned_wave_u_net import ConditionedWaveUNet, ConditionedWaveUNetConfig

RATE = 8000
SOURCES = ("cl", "fl")
NETWORK = ConditionedWaveUNetConfig(  # the published conditioning, and every source predicted
    sources=SOURCES, sample_rate=RATE, channels=1, depth=4, width=10, difference=False
)
SEGMENT, BATCH, STEPS, RATE_OF_LEARNING = 512, 8, 1300, 1.5e-3

Partials = Iterable[tuple[int, float]]


def _tones(
    lowest: float, highest: float, partials: Partials, shape: tuple[int, int], rng: torch.Generator
) -> Tensor:
    """Draw steady tones, (tones, samples): pitches, and phases of all partials."""
    tones, samples = shape
    pitch = lowest * (highest / lowest) ** torch.rand(tones, 1, generator=rng)
    cycles = pitch * torch.arange(samples) / RATE
    sound = torch.zeros(tones, samples)
    for number, amplitude in partials:
        phase = torch.rand(tones, 1, generator=rng)
        sound += amplitude * torch.sin(2 * math.pi * (number * cycles + phase))
    return 0.1 * sound / sound.square().mean(dim=-1, keepdim=True).sqrt()


def clarinet(tones: int, samples: int, rng: torch.Generator) -> Tensor:
    """Draw low tones, of seven partials up to 1540 Hz."""
    partials = [(number, number**-0.75) for number in range(1, 8)]
    return _tones(150, 220, partials, (tones, samples), rng)


def flute(tones: int, samples: int, rng: torch.Generator) -> Tensor:
    """Draw higher tones, of two partials; both lie where the clarinet's do."""
    return _tones(500, 750, [(1, 1.0), (2, 0.5)], (tones, samples), rng)


def examples(samples: int, rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Draw mixtures, labels and what is wanted: silence of what is absent or not asked for."""
    sounds = torch.stack([clarinet(BATCH, samples, rng), flute(BATCH, samples, rng)], dim=1)
    playing = _some(0.3, rng)
    asked = _some(0.3, rng)
    sounds = sounds * playing[..., None]
    return sounds.sum(dim=1, keepdim=True), asked, sounds * asked[..., None]


def _some(share: float, rng: torch.Generator) -> Tensor:
    """Draw which of the two it is: only the one, or only the other, so often; else both."""
    drawn = torch.rand(BATCH, generator=rng)
    return 1 - torch.stack([drawn < share, drawn > 1 - share], dim=1).float()


def trained(seed: int) -> ConditionedWaveUNet:
    """Train the network from nothing, for half a minute of one core."""
    torch.manual_seed(seed)
    rng = torch.Generator().manual_seed(seed)
    network = ConditionedWaveUNet(NETWORK)
    geometry = network.geometry(SEGMENT)
    start = (geometry.input_length - geometry.output_length) // 2
    optimiser = torch.optim.Adam(network.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE_OF_LEARNING, STEPS)
    for _ in range(STEPS):
        mixtures, labels, wanted = examples(geometry.input_length, rng)
        wanted = wanted[..., start : start + geometry.output_length]
        loss = (network(mixtures, labels)[:, :, 0] - wanted).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return network.eval()
