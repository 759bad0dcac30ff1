"""Another pitch and tempo for a whole item."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from unmixcli.network import require_count, require_range
from unmixcli.training.augment import soundstretch, vocoder
from unmixcli.training.augment.draws import Draws, chance
from unmixcli.training.augment.step import Material, Step
from unmixcli.training.settings import require_choice

METHODS = ("vocoder", "soundstretch")


@dataclass(frozen=True, kw_only=True)
class Repitch(Step):
    """Change pitch and tempo of all sources of an item alike (Défossez et al. 2019, §5.3).

    The paper draws the tempo evenly from ±12 %; the code that made the published weights
    draws it normally, and is followed. Every item gets shorter by as much as the fastest
    does, so that all are of one length.

    Attributes:
        semitones: Largest shift of pitch; whole semitones, evenly from both sides of none.
        deviation: Standard deviation of the tempo, in percent.
        most: Largest change of the tempo, in percent; draws beyond it are brought to it.
        method: ``vocoder``, or ``soundstretch``: the program that the authors used.
        voices: Sources that ``soundstretch`` is told are speech.
    """

    p: float = 0.2
    semitones: int = 2
    deviation: float = 5.0
    most: float = 12.0
    method: str = "vocoder"
    voices: tuple[str, ...] = ("vocals",)

    def __post_init__(self) -> None:
        super().__post_init__()
        require_count("semitones", self.semitones, 0, 12)
        require_range("deviation", self.deviation, 0, 50)
        require_range("most", self.most, 0, 50)
        require_choice("method", self.method, METHODS)
        if self.method == "soundstretch":
            soundstretch.require()

    def reads(self, samples: int) -> int:
        """Return how many samples it needs, to give so many."""
        needed = ceil(samples / self._kept)
        # Rounding can go either way; the least that is enough is one of these.
        return next(n for n in range(needed - 1, needed + 2) if int(n * self._kept) >= samples)

    def __call__(self, sources: Tensor, draws: Draws, material: Material) -> Tensor:
        """Change some items: (batch, sources, channels, samples) to fewer samples."""
        kept = int(sources.shape[-1] * self._kept)
        made = sources[..., :kept].clone()
        for item, waveforms in enumerate(sources):
            rng = draws.of(item)
            done, (semitones, tempo) = chance(rng, self.p), self._drawn(rng)
            if not done:
                continue
            for index, waveform in enumerate(waveforms):
                name = material.sources[index] if index < len(material.sources) else ""
                changed = self._changed(waveform, name, semitones, tempo, material.sample_rate)
                missing = max(0, kept - changed.shape[-1])
                made[item, index] = F.pad(changed, (0, missing))[..., :kept]
        return made

    @property
    def _kept(self) -> float:
        """Share of the samples that is left of the fastest."""
        return 1 - self.most / 100

    def _drawn(self, rng: np.random.Generator) -> tuple[int, float]:
        semitones = int(rng.integers(-self.semitones, self.semitones + 1))
        percent = float(np.clip(rng.normal(0.0, self.deviation), -self.most, self.most))
        return semitones, 1 + percent / 100

    def _changed(
        self, waveform: Tensor, name: str, semitones: int, tempo: float, rate: int
    ) -> Tensor:
        """Change one source, (channels, samples)."""
        if not torch.any(waveform):
            return waveform  # no rounding makes silence anything else
        if self.method == "soundstretch":
            speech = name in self.voices
            return soundstretch.repitch(waveform, semitones, tempo, rate, speech=speech)
        return vocoder.repitch(waveform, semitones, tempo, rate)
