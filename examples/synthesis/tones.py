"""Building blocks of every instrument: oscillators, noise, filters, room and panning.

Signals are float64 arrays, mono (samples,) or stereo (samples, 2). Times are in
seconds, frequencies in Hz, pitches in MIDI semitones (69 is A4, 440 Hz).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Signal = NDArray[np.float64]

_FRAME = 1024  # about 23 ms at 44.1 kHz: shorter than a syllable, longer than a pitch period
_HOP = _FRAME // 4


def pitch_to_hertz(pitch: Signal | float) -> Signal:
    """Return the frequency of a MIDI pitch in equal temperament, in Hz."""
    return np.asarray(440.0 * 2.0 ** ((np.asarray(pitch, dtype=np.float64) - 69.0) / 12.0))


def time_axis(seconds: float, sample_rate: int) -> Signal:
    """Return the time of each sample of a sound, in seconds; at least one sample."""
    return np.arange(max(1, round(seconds * sample_rate))) / sample_rate


def harmonic_tone(
    frequency: Signal,
    brightness: Signal | float,
    *,
    sample_rate: int,
    odd: bool = False,
    phase: float = 0.0,
) -> Signal:
    """Return a band-limited tone whose k-th harmonic has amplitude ``brightness**k``.

    All harmonics come from the closed form of the geometric series, so that a
    bright low note costs no more than a dull high one; the series ends below
    the Nyquist frequency, so nothing aliases.

    Args:
        frequency: Fundamental per sample, in Hz, (samples,).
        brightness: Ratio of neighbouring harmonics, in (0, 1); constant or (samples,).
        sample_rate: In Hz.
        odd: Odd harmonics only, as in a clarinet.
        phase: Of the fundamental at the first sample, in radians.

    Returns:
        The tone at unit power, (samples,).
    """
    angle = (phase + 2.0 * np.pi * np.cumsum(frequency) / sample_rate) % (2.0 * np.pi)
    count = max(1, int(0.46 * sample_rate / float(np.max(frequency))))
    step, terms = (2, (count + 1) // 2) if odd else (1, count)
    first = brightness * np.exp(1j * angle)
    ratio = brightness**step * np.exp(1j * step * angle)
    last = np.asarray(brightness) ** (step * terms) * np.exp(1j * step * terms * angle)
    power = np.asarray(brightness) ** 2 / (1.0 - np.asarray(brightness) ** (2 * step)) / 2.0
    return np.asarray((first * (1.0 - last) / (1.0 - ratio)).imag / np.sqrt(power))


def swell(times: Signal, seconds: float, *, attack: float, release: float) -> Signal:
    """Return an envelope in [0, 1] that rises at once and is silent again after ``seconds``."""
    rise = np.clip(times / attack, 0.0, 1.0)
    fall = np.clip((seconds - times) / release, 0.0, 1.0)
    return np.asarray(np.sin(0.5 * np.pi * rise) ** 2 * np.sin(0.5 * np.pi * fall) ** 2)


def noise_band(
    rng: np.random.Generator, samples: int, low: float, high: float, *, sample_rate: int
) -> Signal:
    """Return noise of unit power between two edges in Hz, with soft slopes.

    Edges above the Nyquist frequency move below it: a hi-hat at 8 kHz stays audible.
    """
    nyquist = sample_rate / 2.0
    low, high = min(low, 0.6 * nyquist), min(high, nyquist)
    frequencies = spectrum_axis(samples, sample_rate)
    gains = (
        1.0 / (1.0 + (low / np.maximum(frequencies, 1.0)) ** 4) / (1.0 + (frequencies / high) ** 4)
    )
    noise = np.fft.irfft(np.fft.rfft(rng.standard_normal(samples)) * np.sqrt(gains), samples)
    return np.asarray(noise / (np.sqrt(np.mean(noise**2)) + 1e-12))


def resonances(
    frequencies: Signal, peaks: Sequence[tuple[float, float, float]], *, floor: float
) -> Signal:
    """Return the gains of a body: ``floor`` plus peaks of (centre Hz, width Hz, gain)."""
    gains = np.full_like(frequencies, floor)
    for centre, width, gain in peaks:
        gains += gain / (1.0 + ((frequencies - centre) / width) ** 2)
    return gains


def spectrum_axis(samples: int, sample_rate: int) -> Signal:
    """Return the frequencies of the bins of a real Fourier transform, in Hz."""
    return np.arange(samples // 2 + 1, dtype=np.float64) * (sample_rate / samples)


def filter_static(signal: Signal, gains: Signal) -> Signal:
    """Multiply the spectrum of a whole mono sound by gains of shape (samples // 2 + 1,)."""
    return np.asarray(np.fft.irfft(np.fft.rfft(signal) * gains, len(signal)))


def frame_axes(samples: int, sample_rate: int) -> tuple[Signal, Signal]:
    """Return the times (frames, 1) and frequencies (1, bins) that :func:`filter_frames` reads."""
    frames = 1 + -(-(samples + _FRAME) // _HOP)
    times = (np.arange(frames) * _HOP - _FRAME / 2) / sample_rate
    return times[:, None], spectrum_axis(_FRAME, sample_rate)[None, :]


def filter_frames(signal: Signal, gains: Signal) -> Signal:
    """Filter a mono sound with gains that change over time.

    Args:
        signal: (samples,).
        gains: Of every frame and bin of :func:`frame_axes`, (frames, bins).

    Returns:
        (samples,); gains of one give the signal back.
    """
    frames = len(gains)
    window = np.sqrt(0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(_FRAME) / _FRAME))
    padded = np.zeros((frames - 1) * _HOP + _FRAME)
    padded[_FRAME : _FRAME + len(signal)] = signal
    cut = np.lib.stride_tricks.sliding_window_view(padded, _FRAME)[::_HOP]
    shaped = np.fft.irfft(np.fft.rfft(cut * window) * gains, _FRAME) * window
    output = np.zeros_like(padded)
    # Four neighbouring frames overlap; every fourth one does not, and is added as one row.
    for first in range(4):
        rows = shaped[first::4].ravel()
        output[first * _HOP : first * _HOP + len(rows)] += rows
    # The squared windows of four overlapping frames sum to two.
    return np.asarray(output[_FRAME : _FRAME + len(signal)] / 2.0)


def place(
    track: Signal, sound: Signal, start: float, *, sample_rate: int, pan: float = 0.0
) -> None:
    """Add a sound to a stereo track in place, cut where the track ends.

    Args:
        track: (samples, 2).
        sound: Mono (samples,), or stereo (samples, 2).
        start: In seconds.
        sample_rate: In Hz.
        pan: From -1, left, to 1, right, at equal power.
    """
    begin = max(0, round(start * sample_rate))
    wanted = sound[: max(0, len(track) - begin)]
    angle = 0.25 * np.pi * (1.0 + pan)
    sides = np.sqrt(2.0) * np.array([np.cos(angle), np.sin(angle)])
    track[begin : begin + len(wanted)] += (wanted[:, None] if wanted.ndim == 1 else wanted) * sides


def add_room(
    track: Signal, rng: np.random.Generator, *, seconds: float, level: float, sample_rate: int
) -> Signal:
    """Return a stereo track with the decaying, slightly dull echo of a room.

    Args:
        track: (samples, 2).
        rng: Draws the room.
        seconds: Time in which the echo falls by 60 dB.
        level: Echo relative to the dry sound, 0 for none.
        sample_rate: In Hz.
    """
    times = time_axis(seconds, sample_rate)
    decay = np.exp(-6.9 * times / seconds) * (times > 0.008)
    response = rng.standard_normal((len(times), 2)) * decay[:, None]
    # A short moving average: walls swallow the treble.
    response = response + np.roll(response, 1, axis=0)
    response /= np.sqrt(np.sum(response**2) / 2.0) + 1e-12
    return track + level * _convolve(track.mean(axis=1), response)


def _convolve(signal: Signal, response: Signal) -> Signal:
    """Convolve (samples,) with (taps, 2) in blocks, which a long song needs; (samples, 2)."""
    taps = len(response)
    size = 1 << max(15, (2 * taps - 1).bit_length())
    step = size - taps + 1
    spectrum = np.fft.rfft(response, size, axis=0)
    output = np.zeros((len(signal) + size, 2))
    for start in range(0, len(signal), step):
        block = np.fft.rfft(signal[start : start + step], size)
        output[start : start + size] += np.fft.irfft(block[:, None] * spectrum, size, axis=0)
    return output[: len(signal)]
