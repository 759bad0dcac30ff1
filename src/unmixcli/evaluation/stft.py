"""The short-time Fourier transform of the oracles, a few frames at a time.

Frames of 2048 samples under a periodic Hann window, half overlapping, around multiples of
1024; the signal is continued by zeros. Spectra are scaled so that a constant keeps its
value, and synthesis divides by the sum of the squared windows: the defaults of
``scipy.signal.stft``, which the field's oracles use.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

SIZE = 2048
HOP = SIZE // 2

Spectra = NDArray[np.complex128]
"""(..., frames, bins)."""

_WINDOW = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(SIZE) / SIZE)
_GAIN = float(_WINDOW.sum())
_OVERLAP = _WINDOW[:HOP] ** 2 + _WINDOW[HOP:] ** 2


def frame_count(samples: int) -> int:
    """Return how many frames reach into a signal."""
    return -(-samples // HOP) + 1


def analyse(signal: NDArray[np.floating], first: int, stop: int) -> Spectra:
    """Return the spectra of frames ``first`` to ``stop``.

    Args:
        signal: (..., samples).
        first: The first frame; frame 0 is centred on the first sample.
        stop: The frame behind the last one.
    """
    start, end = (first - 1) * HOP, stop * HOP
    piece = np.zeros((*signal.shape[:-1], end - start))
    inner = signal[..., max(start, 0) : end]
    piece[..., max(-start, 0) : max(-start, 0) + inner.shape[-1]] = inner
    frames = np.lib.stride_tricks.sliding_window_view(piece, SIZE, axis=-1)[..., ::HOP, :]
    return np.fft.rfft(frames * (_WINDOW / _GAIN))


def synthesise(blocks: Iterable[Spectra], samples: int) -> NDArray[np.float32]:
    """Return the signal of all its frames.

    Args:
        blocks: Consecutive spectra, (..., any number of frames, bins), from frame 0 on.
        samples: Length of the signal.

    Returns:
        (..., samples).
    """
    signal: NDArray[np.float32] = np.zeros(0, np.float32)
    late: NDArray[np.float64] = np.zeros(HOP)
    position = -HOP  # of the first sample that a block begins, half a frame before its centre
    for spectra in blocks:
        frames = np.fft.irfft(spectra, SIZE) * (_WINDOW * _GAIN)
        early = frames[..., :HOP]
        early[..., 0, :] += late
        early[..., 1:, :] += frames[..., :-1, HOP:]
        late = frames[..., -1, HOP:].copy()
        ready = (early / _OVERLAP).reshape(*early.shape[:-2], -1)
        if not signal.size:
            signal = np.zeros((*ready.shape[:-1], samples), np.float32)
        first, last = max(position, 0), min(position + ready.shape[-1], samples)
        if last > first:
            signal[..., first:last] = ready[..., first - position : last - position]
        position += ready.shape[-1]
    return signal
