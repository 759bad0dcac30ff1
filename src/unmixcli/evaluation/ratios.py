"""Energies, and the ratios of energies that need no filters: SDR, SI-SDR, energy at silence.

In BSSEval v4 the four parts of an estimate (target, spatial distortion, interference,
artifacts) sum to it, so that target over distortion is the signal-to-noise ratio
``10 lg(|s|² / |s - ŝ|²)`` (Stöter, Liutkus & Ito 2018): filters decide only how the
distortion is shared out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
"""Samples of a signal, (channels, samples), full scale 1."""

_BLOCK = 1 << 16
"""Samples that are held in float64 at once; few enough to stay in a cache."""

_PEEK = 1024
"""Samples that are looked at first; most signals are not silent, and say so at once."""


def decibels(numerator: float, denominator: float) -> float:
    """Return a ratio of energies in dB: infinite without a denominator, NaN without either."""
    if not denominator:
        return math.inf if numerator else math.nan
    return 10 * math.log10(numerator / denominator) if numerator else -math.inf


def energy(signal: Array) -> float:
    """Return the sum of squares over all channels and samples, in float64."""
    # In the order they lie in: files are read with their channels interleaved.
    flat = signal.astype(np.float64, copy=False).ravel(order="K")
    return float(np.dot(flat, flat))


def is_silent(signal: Array, *, summed: bool = False) -> bool:
    """Say whether a signal is digital silence.

    Args:
        signal: (channels, samples).
        summed: Judge the sum of the channels, as museval does; left = -right is silent then.
    """
    for start in range(0, signal.shape[-1], _PEEK):
        block = signal[:, start : start + _PEEK]
        if (block.astype(np.float64).sum(axis=0) if summed else block).any():
            return False
    return True


def sdr(reference: Array, estimate: Array) -> float:
    """Return the signal-to-distortion ratio of BSSEval v4 of all that is given, in dB."""
    target = distortion = 0.0
    for true, guess in _blocks(reference, estimate):
        target += energy(true)
        distortion += energy(np.subtract(true, guess, out=guess))
    return decibels(target, distortion)


def frame_sdr(reference: Array, estimate: Array, windows: Sequence[slice]) -> NDArray[np.float64]:
    """Return the SDR of each window, in dB; NaN where the reference is silent."""
    scores = np.full(len(windows), np.nan)
    for index, window in enumerate(windows):
        true = reference[:, window]
        if not is_silent(true):
            scores[index] = sdr(true, estimate[:, window])
    return scores


def si_sdr(reference: Array, estimate: Array) -> float:
    """Return the scale-invariant SDR, in dB (Le Roux, Wisdom, Erdogan & Hershey 2019).

    The channels count as one long signal, with one gain; means are not removed.
    """
    target = product = 0.0
    for true, guess in _blocks(reference, estimate):
        target += energy(true)
        product += float(np.dot(true.ravel(order="K"), guess.ravel(order="K")))
    if not target:
        return math.nan
    gain, distortion = product / target, 0.0
    for true, guess in _blocks(reference, estimate):
        np.multiply(true, gain, out=true)
        distortion += energy(np.subtract(true, guess, out=guess))
    return decibels(gain * gain * target, distortion)


def energy_at_silence(reference: Array, estimate: Array, windows: Sequence[slice]) -> float:
    """Return how loud an estimate is where there is nothing to hear, in dB of full scale.

    The mean square over all windows whose reference is digital silence, where no ratio to the
    reference exists; after the predicted energy at silence of Schulze-Forster, Doire, Richard
    & Badeau 2019, as a mean, so that it depends on no window's length.

    Returns:
        NaN where the reference is never silent, minus infinity where the estimate is, too.
    """
    total, count = 0.0, 0
    for window in windows:
        if is_silent(reference[:, window]):
            total += energy(estimate[:, window])
            count += estimate[:, window].size
    return decibels(total, count) if count else math.nan


def _blocks(
    reference: Array, estimate: Array
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Yield copies of both signals a block at a time, in float64 and in one order."""
    order: Literal["F", "C"] = "F" if reference.flags.f_contiguous else "C"
    for start in range(0, reference.shape[-1], _BLOCK):
        block = slice(start, start + _BLOCK)
        yield (
            reference[:, block].astype(np.float64, order=order),
            estimate[:, block].astype(np.float64, order=order),
        )
