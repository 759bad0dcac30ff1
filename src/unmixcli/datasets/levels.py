"""How loud a stem is, and where it is silent."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unmixcli.audio.blocks import rechunk
from unmixcli.audio.finite import LOUDEST

GRID = 0.05
"""Seconds of a cell: the 50 ms that the Wavenet's voiced segments are found on."""

_CELLS = 1024
_LARGEST = float(np.finfo(np.float16).max)


@dataclass(frozen=True, slots=True)
class Levels:
    """What a pass over a stem finds.

    Attributes:
        rms: Root of the mean square of all samples; full scale is 1.
        peak: Largest magnitude.
        cell: Samples of a cell of the grid; the last one may be shorter.
        grid: Mean magnitude in each cell, over its channels, (cells,), float16; zero only
            where every sample is.
    """

    rms: float
    peak: float
    cell: int
    grid: NDArray[np.float16]

    @property
    def silent(self) -> bool:
        """Whether every sample is zero."""
        return self.peak == 0

    def decibels(self) -> float:
        """Return the root mean square in dB of full scale; minus infinity is silence."""
        return 20 * math.log10(self.rms) if self.rms > 0 else -math.inf

    def active(self, share: float = 0.1) -> NDArray[np.int64]:
        """Return where the stem sounds.

        Args:
            share: Of the loudest cell, above which a cell sounds; 0 is any sound at all.

        Returns:
            (stretches, 2), the first sample of each and the one behind its last; the end may
            lie behind that of the stem by less than a cell.
        """
        magnitudes = self.grid.astype(np.float32)
        sounding = magnitudes > share * magnitudes.max(initial=0)
        edges = np.flatnonzero(np.diff(sounding, prepend=False, append=False))
        return edges.reshape(-1, 2).astype(np.int64) * self.cell


def cell_of(sample_rate: int) -> int:
    """Return the samples of a cell."""
    return max(round(GRID * sample_rate), 1)


def measure(blocks: Iterable[Tensor], sample_rate: int) -> Levels:
    """Measure a stem.

    Args:
        blocks: Consecutive blocks, (channels, any length), float32, finite.
        sample_rate: In Hz.
    """
    cell = cell_of(sample_rate)
    squares, count, peak = 0.0, 0, 0.0
    grid: list[Tensor] = []
    for block in rechunk(blocks, cell * _CELLS):
        magnitudes = block.abs()
        squares += float(magnitudes.double().square().sum())
        count += block.numel()
        peak = max(peak, float(magnitudes.max()))
        grid += [part.mean(dim=(0, 2)) for part in _cells(magnitudes, cell)]
    cells = torch.cat(grid).double() if grid else torch.zeros(0, dtype=torch.float64)
    return Levels(math.sqrt(squares / max(count, 1)), min(peak, LOUDEST), cell, _halved(cells))


def _cells(magnitudes: Tensor, cell: int) -> Iterable[Tensor]:
    """Yield a block as (channels, cells, samples), and what is left of it likewise."""
    whole = magnitudes.shape[-1] // cell * cell
    if whole:
        yield magnitudes[:, :whole].reshape(len(magnitudes), -1, cell)
    if whole < magnitudes.shape[-1]:
        yield magnitudes[:, whole:].unsqueeze(1)


def _halved(cells: Tensor) -> NDArray[np.float16]:
    """Round to half precision, in which no sound becomes silence, nor an infinity."""
    values: NDArray[np.float64] = cells.numpy()
    halved = np.minimum(values, _LARGEST).astype(np.float16)
    halved[(values > 0) & (halved == 0)] = np.finfo(np.float16).smallest_subnormal
    return halved
