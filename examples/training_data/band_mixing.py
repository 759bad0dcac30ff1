"""The mix of four stems: levels as in finished music, and a master that keeps their sum exact."""

import numpy as np
from band_effects import compression_gain, decibels, limiter_gain, scaled
from band_notes import Signal

STEMS = ("drums", "bass", "other", "vocals")
# Loudness of what sounds, in decibels below the mixture: a typical pop song.
_LEVELS = {"drums": -5.4, "bass": -7.4, "other": -6.2, "vocals": -4.7}
_SPREAD = 2.3  # standard deviation of a level, in decibels
_CEILING = 0.972  # leaves room for the rounding of four files


def balance(stems: dict[str, Signal], rng: np.random.Generator) -> Signal:
    """Return the stems at the levels of a mix, (4, 2, n), in the order of STEMS."""
    shifts = np.clip(rng.normal(0.0, _SPREAD, len(STEMS)), -2.5 * _SPREAD, 2.5 * _SPREAD)
    placed = [
        scaled(stems[name], 0.1 * decibels(_LEVELS[name] + shift))
        for name, shift in zip(STEMS, shifts, strict=True)
    ]
    return np.stack(placed).astype(np.float32)


def master(stems: Signal, rng: np.random.Generator) -> Signal:
    """Return the stems, (4, 2, n), through one gain curve that their mixture asks for."""
    mixture = stems.sum(axis=0)
    if rng.random() < 0.7:  # a compressor on the bus
        threshold, ratio = float(rng.uniform(-3, 4)), float(rng.uniform(1.5, 3.0))
        gain = compression_gain(mixture, threshold, ratio, attack=0.02, release=0.2)
        stems, mixture = stems * gain, mixture * gain
    level = float(np.sqrt(np.square(mixture).mean())) + 1e-6
    goal = decibels(float(rng.choice([rng.uniform(-24, -16), rng.uniform(-16, -9)], p=[0.3, 0.7])))
    stems = stems * np.float32(goal / level)
    ceiling = _CEILING * decibels(float(rng.choice([0.0, -0.5, -1.0, -3.0])))
    peaks = _peaks(stems)
    stems = stems * limiter_gain(peaks, ceiling, release=float(rng.uniform(0.04, 0.2)))
    highest = float(_peaks(stems).max())
    return stems * np.float32(min(1.0, _CEILING / (highest + 1e-9)))


def _peaks(stems: Signal) -> Signal:
    """Return, sample by sample, the highest of the mixture and of every stem."""
    alone = np.abs(stems).max(axis=(0, 1))
    return np.asarray(np.maximum(alone, np.abs(stems.sum(axis=0)).max(axis=0)))
