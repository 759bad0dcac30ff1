"""Inner products of delayed signals, which is all that projections need to know of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from unmixcli.evaluation.ratios import Array

BATCH = 4
"""Blocks of a matrix product: enough to be one, and little enough to stay in a cache."""

PADDING = 8
"""Length of a block's transform, in filters: the eighth that overlaps is little lost work."""


def correlate(
    references: Sequence[Array], signals: Sequence[Array], taps: int
) -> NDArray[np.float64]:
    """Correlate channels of references with channels of signals, for short lags.

    Blockwise: a block of a reference, padded with zeros, meets a longer block of a signal in
    one transform, and spectra are summed over blocks before the way back. The cost is that of
    a transform of each channel, however many pairs there are, and none is held whole.

    Args:
        references: (channels, samples) each, all of one shape.
        signals: Likewise, as many samples.
        taps: Number of lags.

    Returns:
        (reference channels, signal channels, taps): the sum over ``t`` of
        ``reference[t] · signal[t + lag]``, which is the inner product of a signal with a
        reference delayed by ``lag``; both are silent outside of what is given.
    """
    size = PADDING * taps
    step = size - taps + 1
    length = references[0].shape[-1]
    rows, columns = _channels(references), _channels(signals)
    total = np.zeros((size // 2 + 1, rows, columns), dtype=np.complex128)
    for start in range(0, length, BATCH * step):
        starts = range(start, min(start + BATCH * step, length), step)
        short = _spectra(references, starts, step, size)
        long = _spectra(signals, starts, size, size)
        # A product of matrices for each bin: (rows, blocks) times (blocks, columns).
        total += np.ascontiguousarray(short.conj().transpose(2, 0, 1)) @ np.ascontiguousarray(
            long.transpose(2, 1, 0)
        )
    lags: NDArray[np.float64] = scipy.fft.irfft(total, size, axis=0)[:taps]
    return np.ascontiguousarray(lags.transpose(1, 2, 0))


def _channels(signals: Sequence[Array]) -> int:
    return sum(len(signal) for signal in signals)


def _spectra(
    signals: Sequence[Array], starts: Sequence[int], taken: int, size: int
) -> NDArray[np.complex128]:
    """Transform ``taken`` samples from each start, (channels, blocks, bins)."""
    blocks = np.zeros((_channels(signals), len(starts), size))
    channel = 0
    for signal in signals:
        for index, start in enumerate(starts):
            block = signal[:, start : start + taken]
            blocks[channel : channel + len(signal), index, : block.shape[-1]] = block
        channel += len(signal)
    spectra: NDArray[np.complex128] = scipy.fft.rfft(blocks, axis=-1, overwrite_x=True)
    return spectra
