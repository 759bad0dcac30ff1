"""Filters of second order, done all at once in the frequency domain.

Coefficients as in Bristow-Johnson, "Cookbook formulae for audio equalizer biquad filter
coefficients". Done by the response, a filter needs no loop over samples, and many run
together on any device; what it rings on past the end is cut off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, pi, sin

import torch
from torch import Tensor

RINGING = 0.25
"""Seconds of silence behind a signal, for filters to ring out in; then they are below -100 dB."""


@dataclass(frozen=True, slots=True)
class Biquad:
    """H(z) = (b0 + b1/z + b2/z²) / (a0 + a1/z + a2/z²)."""

    b: tuple[float, float, float]
    a: tuple[float, float, float]

    @classmethod
    def peak(cls, frequency: float, gain: float, q: float, sample_rate: int) -> Biquad:
        """Raise what is around a frequency, in Hz, by a gain in dB."""
        omega, level = 2 * pi * frequency / sample_rate, 10 ** (gain / 40)
        alpha, middle = sin(omega) / (2 * q), -2 * cos(omega)
        return cls(
            (1 + alpha * level, middle, 1 - alpha * level),
            (1 + alpha / level, middle, 1 - alpha / level),
        )

    @classmethod
    def high_shelf(cls, frequency: float, gain: float, sample_rate: int) -> Biquad:
        """Raise what is above a frequency, in Hz, by a gain in dB, with a slope of 1."""
        omega, level = 2 * pi * frequency / sample_rate, 10 ** (gain / 40)
        cosine, alpha = cos(omega), sin(omega) * 2**0.5 * level**0.5
        more, less = level + 1, level - 1
        return cls(
            (
                level * (more + less * cosine + alpha),
                -2 * level * (less + more * cosine),
                level * (more + less * cosine - alpha),
            ),
            (
                more - less * cosine + alpha,
                2 * (less - more * cosine),
                more - less * cosine - alpha,
            ),
        )

    @classmethod
    def low_pass(cls, frequency: float, q: float, sample_rate: int) -> Biquad:
        """Take away what is above a frequency, in Hz."""
        omega = 2 * pi * frequency / sample_rate
        alpha, cosine = sin(omega) / (2 * q), cos(omega)
        return cls(
            ((1 - cosine) / 2, 1 - cosine, (1 - cosine) / 2), (1 + alpha, -2 * cosine, 1 - alpha)
        )


def filtered(signal: Tensor, filters: Sequence[Biquad], sample_rate: int) -> Tensor:
    """Send a signal through filters, one after the other, from silence.

    Args:
        signal: (..., samples).
        filters: At least one.
        sample_rate: In Hz.

    Returns:
        (..., samples).
    """
    if not torch.any(signal):
        return signal  # silence rings in no filter; of many sources, most may be silent
    samples = signal.shape[-1]
    # Whole blocks of the transform: other lengths can take many times as long.
    length = -(-(samples + round(RINGING * sample_rate)) // 4096) * 4096
    spectrum = torch.fft.rfft(signal, length)
    response = _response(filters, spectrum.shape[-1]).to(spectrum.dtype).to(signal.device)
    made: Tensor = torch.fft.irfft(spectrum * response, length)
    return made[..., :samples]


def _response(filters: Sequence[Biquad], bins: int) -> Tensor:
    """Return the product of all responses at that many frequencies up to half the rate."""
    angle = torch.linspace(0, pi, bins, dtype=torch.float64)
    back = torch.polar(torch.ones_like(angle), -angle)
    response = torch.ones_like(back)
    for biquad in filters:
        b, a = (c[0] + c[1] * back + c[2] * back**2 for c in (biquad.b, biquad.a))
        response = response * b / a
    return response
