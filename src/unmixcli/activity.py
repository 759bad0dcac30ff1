"""Which sources sound in a track, by their energy: a rule of ours, see :mod:`.selection`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import inf, isfinite, log10
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """How loud the stems of a track are, and which are kept for that.

    Attributes:
        threshold: The level from which one is kept, in dB of the mixture.
        levels: Energy of each over the whole track, in dB of the mixture's; silence is
            minus infinity.
    """

    threshold: float
    levels: dict[str, float]

    @property
    def active(self) -> tuple[str, ...]:
        """The stems at the threshold or above it."""
        return tuple(stem for stem, level in self.levels.items() if level >= self.threshold)

    @property
    def kept(self) -> tuple[str, ...]:
        """The active ones or, where there is none, the loudest: a track is of something."""
        return self.active or (max(self.levels, key=lambda stem: self.levels[stem]),)

    @property
    def dropped(self) -> tuple[str, ...]:
        """The others."""
        kept = self.kept
        return tuple(stem for stem in self.levels if stem not in kept)

    def as_dict(self) -> dict[str, Any]:
        """Return all this as plain JSON values, which know no infinity."""
        levels = {
            s: round(level, 2) if isfinite(level) else None for s, level in self.levels.items()
        }
        return {"threshold": self.threshold, "levels": levels, "dropped": list(self.dropped)}


class Meter:
    """Adds up the energy of stems while they pass.

    Args:
        stems: Their names; what passes beside them is not measured.
        threshold: In dB of the mixture; ``None`` measures nothing.
    """

    def __init__(self, stems: tuple[str, ...], threshold: float | None) -> None:
        self._stems = stems
        self._threshold = threshold
        self._energies = torch.zeros(len(stems), dtype=torch.float64)

    def watch(self, blocks: Iterator[Tensor]) -> Iterator[Tensor]:
        """Yield blocks, (stems, channels, any length), as they come."""
        for block in blocks:
            if self._threshold is not None:
                self._energies += block[: len(self._stems)].double().square().sum(dim=(1, 2))
            yield block

    def read(self, mixture: Iterable[Tensor]) -> Activity | None:
        """Return what was measured.

        Args:
            mixture: The track, in blocks of the same rate and channels; read only where
                there is a threshold.
        """
        if self._threshold is None:
            return None
        whole = sum(float(block.double().square().sum()) for block in mixture)
        energies = zip(self._stems, self._energies.tolist(), strict=True)
        levels = {stem: _decibels(energy, whole) for stem, energy in energies}
        return Activity(threshold=self._threshold, levels=levels)


def _decibels(energy: float, whole: float) -> float:
    if not energy:
        return -inf
    return 10 * log10(energy / whole) if whole else inf
