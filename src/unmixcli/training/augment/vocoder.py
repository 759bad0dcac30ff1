"""Tempo and pitch by a phase vocoder, on whatever device the signal is.

Flanagan & Golden, "Phase Vocoder", Bell System Technical Journal, 1966, with one change:
all channels advance by the same phase, that of their cross-spectrum, so that what differs
between them, the stereo image, stays as it was.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil

import torch
import torch.nn.functional as F
from torch import Tensor

from unmixcli.layers.resample import resample

FRAME = 0.046
"""Seconds of a frame, about: long enough for bass, short enough for drums."""

FINEST = 100
"""Largest term of the ratio that stands for a shift of pitch; within 0.2 cents of a semitone."""


def stretch(signal: Tensor, rate: float, sample_rate: int) -> Tensor:
    """Play faster or slower, at the same pitch.

    Args:
        signal: (channels, samples), of one source.
        rate: How much faster.
        sample_rate: In Hz.

    Returns:
        (channels, samples / rate).
    """
    length = 2 ** max(4, round(FRAME * sample_rate).bit_length() - 1)
    hop, window = length // 4, torch.hann_window(length, dtype=signal.dtype, device=signal.device)
    spectrum = torch.stft(
        signal, length, hop, window=window, pad_mode="constant", return_complex=True
    )
    frames = ceil(spectrum.shape[-1] / rate)
    spectrum = F.pad(spectrum, (0, 2))
    position = torch.arange(frames, dtype=torch.float64, device=signal.device) * rate
    before = position.long()
    share = (position - before).to(signal.dtype)

    magnitude = torch.lerp(spectrum[..., before].abs(), spectrum[..., before + 1].abs(), share)
    # Hops are as long as they were: of the advance only the angle matters, and of
    # sums over thousands of frames only float64 keeps it.
    advance = (spectrum[..., 1:] * spectrum[..., :-1].conj()).sum(dim=0).angle().double()
    read, made = _sums(advance)[:, before], _sums(advance[:, before])[:, :-1]
    phase = spectrum[..., before].angle() + (made - read).to(signal.dtype)
    return torch.istft(
        torch.polar(magnitude, phase),
        length,
        hop,
        window=window,
        length=round(signal.shape[-1] / rate),
    )


def repitch(signal: Tensor, semitones: int, tempo: float, sample_rate: int) -> Tensor:
    """Play faster or slower, and higher or lower.

    Args:
        signal: (channels, samples), of one source.
        semitones: How much higher.
        tempo: How much faster.
        sample_rate: In Hz.

    Returns:
        (channels, samples / tempo), give or take one.
    """
    higher = Fraction(2 ** (semitones / 12)).limit_denominator(FINEST)
    stretched = stretch(signal, tempo / float(higher), sample_rate)
    return resample(stretched, higher.numerator, higher.denominator)


def _sums(advances: Tensor) -> Tensor:
    """Return the sum of all before each, and after the last: one more than there are."""
    return F.pad(advances.cumsum(dim=-1), (1, 0))
