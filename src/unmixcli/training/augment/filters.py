"""Other colours for sources and whole items; ours, from no paper."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from unmixcli.errors import ConfigError
from unmixcli.network import require_count, require_range
from unmixcli.training.augment.biquad import Biquad, filtered
from unmixcli.training.augment.draws import Draws, chance, log_uniform
from unmixcli.training.augment.step import Material, Step, require_order

HIGHEST = 0.45
"""Of the sample rate: the highest frequency of a filter."""

BUTTERWORTH = (0.54119610, 1.30656296)
"""Qualities of two low-passes that together are Butterworth's of fourth order."""


@dataclass(frozen=True, kw_only=True)
class Equaliser(Step):
    """Raise and lower bands of each source.

    Attributes:
        bands: How many.
        low: Least centre, in Hz.
        high: Largest centre, in Hz; octaves are equally likely.
        gain: Largest gain up or down, in dB.
        narrow: Largest quality of a band; the least is 0.5.
    """

    p: float = 0.5
    bands: int = 3
    low: float = 60.0
    high: float = 12_000.0
    gain: float = 6.0
    narrow: float = 2.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_count("bands", self.bands, 1, 32)
        require_range("low", self.low, 10, 100_000)
        require_range("high", self.high, 10, 100_000)
        require_order("low to high", self.low, self.high)
        require_range("gain", self.gain, 0, 40)
        require_range("narrow", self.narrow, 0.5, 10)

    def __call__(self, sources: Tensor, draws: Draws, material: Material) -> Tensor:
        """Colour some sources: (batch, sources, channels, samples) to the same."""
        made = sources.clone()
        for item in range(len(sources)):
            rng = draws.of(item)
            for index in range(sources.shape[1]):
                done, filters = chance(rng, self.p), self._drawn(rng, material.sample_rate)
                if done:
                    made[item, index] = filtered(
                        sources[item, index], filters, material.sample_rate
                    )
        return made

    def _drawn(self, rng: np.random.Generator, sample_rate: int) -> list[Biquad]:
        highest = HIGHEST * sample_rate
        return [
            Biquad.peak(
                min(log_uniform(rng, self.low, self.high), highest),
                rng.uniform(-self.gain, self.gain),
                log_uniform(rng, 0.5, self.narrow),
                sample_rate,
            )
            for _ in range(self.bands)
        ]


@dataclass(frozen=True, kw_only=True)
class LowPass(Step):
    """Take the treble from whole items, as bad codecs and old recordings do.

    Attributes:
        low: Least cutoff, in Hz.
        high: Largest cutoff, in Hz; octaves are equally likely.
    """

    p: float = 0.1
    low: float = 8000.0
    high: float = 19_000.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_range("low", self.low, 10, 100_000)
        require_range("high", self.high, 10, 100_000)
        require_order("low to high", self.low, self.high)

    def __call__(self, sources: Tensor, draws: Draws, material: Material) -> Tensor:
        """Darken some items: (batch, sources, channels, samples) to the same."""
        made, rate = sources.clone(), material.sample_rate
        for item in range(len(sources)):
            rng = draws.of(item)
            done, cutoff = chance(rng, self.p), log_uniform(rng, self.low, self.high)
            if done and cutoff < HIGHEST * rate:
                filters = [Biquad.low_pass(cutoff, q, rate) for q in BUTTERWORTH]
                made[item] = filtered(sources[item], filters, rate)
        return made


@dataclass(frozen=True, kw_only=True)
class Shelf(Step):
    """Lower or raise the treble of some sources: rendered ones may be brighter than real ones.

    Attributes:
        sources: Which; none are all.
        corner: Where the treble begins, in Hz.
        low: Least gain, in dB.
        high: Largest gain, in dB.
    """

    p: float = 0.5
    sources: tuple[str, ...] = ()
    corner: float = 4000.0
    low: float = -12.0
    high: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_range("corner", self.corner, 10, 100_000)
        require_range("low", self.low, -40, 40)
        require_range("high", self.high, -40, 40)
        require_order("low to high", self.low, self.high)

    def __call__(self, sources: Tensor, draws: Draws, material: Material) -> Tensor:
        """Colour some sources: (batch, sources, channels, samples) to the same.

        Raises:
            ConfigError: A source of these is not separated.
        """
        for name in self.sources:
            if name not in material.sources:
                raise ConfigError(f"shelf: no source named '{name}' is separated")
        made, rate = sources.clone(), material.sample_rate
        chosen = [material.sources.index(name) for name in self.sources]
        for item in range(len(sources)):
            rng = draws.of(item)
            for index in chosen or range(sources.shape[1]):
                done, gain = chance(rng, self.p), rng.uniform(self.low, self.high)
                if done and self.corner < HIGHEST * rate:
                    shelf = Biquad.high_shelf(self.corner, gain, rate)
                    made[item, index] = filtered(sources[item, index], [shelf], rate)
        return made
