"""Rooms for sources; ours, from no paper."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from unmixcli.network import require_range
from unmixcli.training.augment.draws import Draws, chance, log_uniform
from unmixcli.training.augment.step import Material, Step, require_order


@dataclass(frozen=True, kw_only=True)
class Reverb(Step):
    """Put each source into a room of its own: itself, and decaying noise after it.

    Attributes:
        shortest: Least time in which the room falls by 60 dB, in seconds.
        longest: The longest; octaves are equally likely.
        driest: Least level of the noise: its energy is the square of it, the source's own 1.
        wettest: The largest; octaves are equally likely.
        gap: Longest time before the noise, in seconds.
        cut: Seconds after which the room is silent.
    """

    p: float = 0.15
    shortest: float = 0.12
    longest: float = 1.5
    driest: float = 0.03
    wettest: float = 0.5
    gap: float = 0.03
    cut: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        require_range("shortest", self.shortest, 0.01, 20)
        require_range("longest", self.longest, 0.01, 20)
        require_order("shortest to longest", self.shortest, self.longest)
        require_range("driest", self.driest, 1e-4, 10)
        require_range("wettest", self.wettest, 1e-4, 10)
        require_order("driest to wettest", self.driest, self.wettest)
        require_range("cut", self.cut, 0.01, 20)
        require_range("gap", self.gap, 0, self.cut / 2)

    def __call__(self, sources: Tensor, draws: Draws, material: Material) -> Tensor:
        """Give some sources a room: (batch, sources, channels, samples) to the same."""
        made = sources.clone()
        for item in range(len(sources)):
            rng = draws.of(item)
            # Each source draws its own stream, so that no room depends on another's length.
            for index, stream in enumerate(rng.spawn(sources.shape[1])):
                if chance(stream, self.p):
                    room = self._room(stream, sources.shape[2], material.sample_rate)
                    made[item, index] = _convolved(sources[item, index], room)
        return made

    def _room(self, rng: np.random.Generator, channels: int, sample_rate: int) -> Tensor:
        """Draw an impulse response, (channels, samples), that begins with 1."""
        seconds = np.arange(1, round(self.cut * sample_rate) + 1) / sample_rate
        decay = log_uniform(rng, self.shortest, self.longest)
        level, gap = log_uniform(rng, self.driest, self.wettest), rng.uniform(0, self.gap)
        noise = rng.standard_normal((channels, len(seconds)))
        noise *= np.where(seconds > gap, 10 ** (-3 * seconds / decay), 0)
        noise *= level / np.sqrt((noise**2).sum(axis=1, keepdims=True))
        return torch.from_numpy(np.concatenate([np.ones((channels, 1)), noise], axis=1))


def _convolved(signal: Tensor, response: Tensor) -> Tensor:
    """Convolve (channels, samples) with as many responses; what comes after the end is cut off."""
    samples = signal.shape[-1]
    length = -(-(samples + response.shape[-1]) // 4096) * 4096
    spectrum = torch.fft.rfft(response.to(signal), length)
    made: Tensor = torch.fft.irfft(torch.fft.rfft(signal, length) * spectrum, length)
    return made[..., :samples]
