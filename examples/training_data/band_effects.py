"""Effects on signals, (n,) or (2, n): equaliser, compressor, drive, room, echo, width."""

from typing import NamedTuple

import numpy as np
import soxr
from band_notes import SAMPLE_RATE, Signal
from scipy import fft, ndimage, signal

_BLOCK = 64  # samples between two points of a gain curve


class Band(NamedTuple):
    """One band of an equaliser; kinds: peak, lowshelf, highshelf, lowpass, highpass."""

    kind: str
    hertz: float
    decibels: float = 0.0
    q: float = 0.71


def decibels(value: float) -> float:
    """Return the factor that a number of decibels is."""
    return float(10.0 ** (value / 20.0))


def loudness(sound: Signal) -> float:
    """Return the RMS of what sounds: of the half seconds that are not 30 dB below the loudest."""
    mono = np.square(sound).mean(axis=0) if sound.ndim == 2 else np.square(sound)
    size = SAMPLE_RATE // 2
    whole = mono[: len(mono) // size * size].reshape(-1, size).mean(axis=1)
    if not len(whole) or whole.max() <= 0.0:
        return float(np.sqrt(mono.mean())) if len(mono) else 0.0
    return float(np.sqrt(whole[whole > 0.001 * whole.max()].mean()))


def scaled(sound: Signal, level: float) -> Signal:
    """Return a sound whose loudness is a level, silence as it is."""
    now = loudness(sound)
    return sound * np.float32(level / now) if now > 1e-6 else sound


def spectra(sound: Signal, size: int, hop: int) -> Signal:
    """Return the windowed spectra of a mono sound, (frames, bins)."""
    padded = np.pad(sound, size // 2)
    windows = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    return np.asarray(fft.rfft(windows * np.hanning(size).astype(np.float32), axis=1))


def _section(band: Band) -> list[float]:
    """Return a biquad after the formulas of Bristow-Johnson's cookbook."""
    omega = 2.0 * np.pi * min(band.hertz, 0.47 * SAMPLE_RATE) / SAMPLE_RATE
    cos, alpha = np.cos(omega), np.sin(omega) / (2.0 * band.q)
    gain = 10.0 ** (band.decibels / 40.0)
    root = 2.0 * np.sqrt(gain) * alpha
    if band.kind == "peak":
        b = [1 + alpha * gain, -2 * cos, 1 - alpha * gain]
        a = [1 + alpha / gain, -2 * cos, 1 - alpha / gain]
    elif band.kind in ("lowpass", "highpass"):
        sign = 1.0 if band.kind == "lowpass" else -1.0
        edge = (1 - sign * cos) / 2
        b = [edge, sign * 2 * edge, edge]
        a = [1 + alpha, -2 * cos, 1 - alpha]
    else:
        sign = 1.0 if band.kind == "lowshelf" else -1.0
        more, less = gain + 1, gain - 1
        b = [
            gain * (more - sign * less * cos + root),
            sign * 2 * gain * (less - sign * more * cos),
            gain * (more - sign * less * cos - root),
        ]
        a = [
            more + sign * less * cos + root,
            -sign * 2 * (less + sign * more * cos),
            more + sign * less * cos - root,
        ]
    return [value / a[0] for value in (*b, *a)]


def equalise(sound: Signal, *bands: Band) -> Signal:
    """Return a sound through bands in a row."""
    if not bands:
        return sound
    sections = np.array([_section(band) for band in bands])
    return np.asarray(signal.sosfilt(sections, sound, axis=-1), dtype=np.float32)


def _brightness(sound: Signal) -> float:
    """Return the energy above 8 kHz against that from 1 to 4 kHz, in decibels."""
    power = np.square(np.abs(spectra(sound.mean(axis=0), 4096, 8192))).sum(axis=0)
    hertz = fft.rfftfreq(4096, 1.0 / SAMPLE_RATE)
    high = power[hertz > 8000].sum()
    middle = power[(hertz > 1000) & (hertz < 4000)].sum()
    return float(10.0 * np.log10((high + 1e-9) / (middle + 1e-9)))


def brightened(sound: Signal, goal: float, limits: tuple[float, float]) -> Signal:
    """Return a stereo sound whose highs go towards a level, by shelves within limits.

    The goal is the energy above 8 kHz against that from 1 to 4 kHz, in decibels.
    """
    for edge in (9000.0, 12000.0):
        lift = float(np.clip(goal - _brightness(sound), *limits))
        sound = equalise(sound, Band("highshelf", edge, lift))
    return sound


def random_tone(rng: np.random.Generator, amount: float = 2.0) -> list[Band]:
    """Return a gentle equaliser as someone who mixes might set it."""
    return [
        Band("lowshelf", float(rng.uniform(90, 250)), float(rng.normal(0, amount))),
        Band("peak", float(np.exp(rng.uniform(5.7, 8.3))), float(rng.normal(0, amount)), 0.9),
        Band("highshelf", float(rng.uniform(4000, 9000)), float(rng.normal(0, amount))),
    ]


def compression_gain(
    sound: Signal, threshold: float, ratio: float, attack: float = 0.01, release: float = 0.12
) -> Signal:
    """Return a compressor's gain curve; the threshold is in decibels above the loudness."""
    power = np.square(sound).mean(axis=0) if sound.ndim == 2 else np.square(sound)
    blocks = -(-len(power) // _BLOCK)
    power = np.pad(power, (0, blocks * _BLOCK - len(power))).reshape(blocks, _BLOCK).mean(axis=1)
    level = 10.0 * np.log10(power + 1e-12) - 20.0 * np.log10(loudness(sound) + 1e-6)
    wanted = -np.maximum(level - threshold, 0.0) * (1.0 - 1.0 / ratio)
    step = _BLOCK / SAMPLE_RATE
    down, up = 1.0 - np.exp(-step / attack), 1.0 - np.exp(-step / release)
    curve, now = [], 0.0
    for goal in wanted.tolist():
        now += (down if goal < now else up) * (goal - now)
        curve.append(now)
    gain = 10.0 ** (np.asarray(curve) / 20.0)
    places = (np.arange(blocks) + 0.5) * _BLOCK
    n = sound.shape[-1]
    return np.interp(np.arange(n), places, gain).astype(np.float32)


def compress(sound: Signal, threshold: float, ratio: float, **times: float) -> Signal:
    """Return a compressed sound, as loud as before."""
    before = loudness(sound)
    return scaled(sound * compression_gain(sound, threshold, ratio, **times), before)


def limiter_gain(peaks: Signal, ceiling: float, release: float = 0.08) -> Signal:
    """Return a gain curve that keeps peaks, one per sample, below a ceiling."""
    blocks = -(-len(peaks) // _BLOCK)
    padded = np.pad(peaks, (0, blocks * _BLOCK - len(peaks)))
    needed = np.minimum(1.0, ceiling / (padded.reshape(blocks, _BLOCK).max(axis=1) + 1e-9))
    # Look two blocks ahead, recover slowly, smooth within what the look-ahead allows.
    held = ndimage.minimum_filter1d(needed, 7, mode="nearest")
    recover = float(np.exp(-_BLOCK / SAMPLE_RATE / release))
    curve, now = [], 1.0
    for goal in held.tolist():
        now = min(goal, 1.0 - (1.0 - now) * recover)
        curve.append(now)
    smooth = ndimage.uniform_filter1d(np.asarray(curve), 5, mode="nearest")
    places = (np.arange(blocks) + 0.5) * _BLOCK
    return np.asarray(np.interp(np.arange(len(peaks)), places, smooth), dtype=np.float32)


def saturate(sound: Signal, drive: float) -> Signal:
    """Return a sound through a soft curve, driven by decibels above its loudness."""
    before = loudness(sound)
    if before < 1e-6:
        return sound
    return scaled(np.tanh(sound * np.float32(0.35 * decibels(drive) / before)), before)


def amplify_guitar(sound: Signal, rng: np.random.Generator, gain: float) -> Signal:
    """Return a mono guitar through a distorting amplifier and its cabinet."""
    tight = equalise(sound, Band("highpass", float(rng.uniform(90, 200))))
    fast = soxr.resample(tight, SAMPLE_RATE, 2 * SAMPLE_RATE, quality="MQ")
    fast = fast * np.float32(0.5 * decibels(gain) / (loudness(fast) + 1e-6))
    bias = np.float32(rng.uniform(0.0, 0.25))
    fast = np.tanh(1.4 * np.tanh(fast + bias))
    slow = soxr.resample(fast, 2 * SAMPLE_RATE, SAMPLE_RATE, quality="MQ")[: len(sound)]
    slow = np.pad(slow, (0, len(sound) - len(slow)))
    return equalise(
        slow,
        Band("highpass", float(rng.uniform(70, 110))),
        Band("peak", float(rng.uniform(350, 600)), float(rng.uniform(-5, 0)), 0.8),
        Band("peak", float(rng.uniform(1800, 3200)), float(rng.uniform(1, 6)), 0.9),
        Band("lowpass", float(rng.uniform(4300, 6500)), q=0.9),
        Band("lowpass", float(rng.uniform(5500, 8000))),
    )


def pan(sound: Signal, place: float) -> Signal:
    """Return a mono sound in stereo, from -1, left, to 1, with constant power."""
    angle = (place + 1.0) * np.pi / 4.0
    gains = np.array([[np.cos(angle)], [np.sin(angle)]], dtype=np.float32) * np.float32(2**0.5)
    return gains * sound


def delayed(sound: Signal, seconds: float) -> Signal:
    """Return a sound later, cut to its length."""
    count = min(round(seconds * SAMPLE_RATE), sound.shape[-1])
    moved = np.zeros_like(sound)
    moved[..., count:] = sound[..., : sound.shape[-1] - count]
    return moved


def wobbled(sound: Signal, rng: np.random.Generator, seconds: float, depth: float) -> Signal:
    """Return a mono sound late by a wandering time: another take, or one side of a chorus."""
    n = len(sound)
    count = max(4, int(n / SAMPLE_RATE / 0.4))
    knots = seconds + depth * rng.uniform(-1.0, 1.0, count + 1)
    times = np.linspace(0, n - 1, count + 1)
    smooth = ndimage.gaussian_filter1d(np.interp(np.arange(0, n, 512), times, knots), 12)
    late = np.interp(np.arange(n), np.arange(0, n, 512), smooth) * SAMPLE_RATE
    whole = np.arange(n) - late
    return np.asarray(np.interp(whole, np.arange(n), sound, left=0.0), dtype=np.float32)


def widened(sound: Signal, rng: np.random.Generator, amount: float = 0.6) -> Signal:
    """Return a mono sound as a wide chorus in stereo."""
    sides = [wobbled(sound, rng, float(rng.uniform(0.006, 0.02)), 0.002) for _ in range(2)]
    return (np.stack([sound, sound]) + np.float32(amount) * np.stack(sides)) / np.float32(1.3)


def room(
    rng: np.random.Generator, seconds: float, *, bright: float, predelay: float = 0.01
) -> Signal:
    """Return a stereo impulse response: early taps, then noise that decays and darkens."""
    n = int(seconds * SAMPLE_RATE)
    times = np.arange(n) / SAMPLE_RATE
    noise = rng.standard_normal((2, n)).astype(np.float32)
    dark = equalise(noise, Band("lowpass", bright / 3))
    mellow = np.exp(-times / (0.3 * seconds)).astype(np.float32)
    tail = equalise(noise * mellow + dark * (1 - mellow), Band("lowpass", bright))
    tail = tail * np.exp(-6.9 * times / seconds).astype(np.float32)
    tail *= np.minimum(1.0, times / 0.01 + 0.05).astype(np.float32)
    for _ in range(int(rng.integers(3, 9))):
        place = int(rng.uniform(0.001, 0.03) * SAMPLE_RATE)
        tail[int(rng.integers(2)), min(place, n - 1)] += np.float32(rng.uniform(-2, 2))
    tail = equalise(tail, Band("highpass", 180))
    tail /= np.sqrt(np.square(tail).sum(axis=1, keepdims=True)) + 1e-9
    return np.pad(tail, ((0, 0), (int(predelay * SAMPLE_RATE), 0))).astype(np.float32)


def reverberate(sound: Signal, impulse: Signal, wet: float) -> Signal:
    """Return a stereo sound with a room around it."""
    echoes = signal.oaconvolve(sound, impulse, axes=-1)[:, : sound.shape[1]]
    return np.asarray(sound + np.float32(wet) * echoes, dtype=np.float32)


def echo(sound: Signal, seconds: float, feedback: float, level: float) -> Signal:
    """Return a stereo sound with repeats, darker and from side to side."""
    result, repeat = sound.copy(), sound
    for count in range(4):
        repeat = equalise(delayed(repeat, seconds), Band("lowpass", 4500), Band("highpass", 250))
        sides = np.array([[1.0], [0.5]] if count % 2 else [[0.5], [1.0]], dtype=np.float32)
        result += np.float32(level * feedback**count) * sides * repeat
    return result
