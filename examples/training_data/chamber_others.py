"""What no label names: a piano, a harp, an organ, a voice, or the people in the room."""

from collections.abc import Callable

import numpy as np
from chamber_instruments import Signal
from chamber_scores import Notes
from scipy.signal import lfilter

_HIGHEST = 9_000.0  # Hz, of a partial
_VOWELS = ((700, 1150, 2600), (400, 2000, 2700), (300, 900, 2400), (450, 800, 2500))  # Hz


def play_other(notes: Notes, count: int, sample_rate: int, rng: np.random.Generator) -> Signal:
    """Return ``count`` samples of some other instrument that plays ``notes``."""
    kinds: tuple[Callable[..., Signal], ...] = (_strings_struck, _pipes, _voice)
    tone = kinds[int(rng.choice(3, p=[0.5, 0.2, 0.3]))]
    dullness = rng.uniform(0.5, 1.6)
    played = np.zeros(count, np.float32)
    for note in notes:
        begin = int((note["start"] + abs(rng.normal(0, 0.01))) * sample_rate)
        hertz = 440 * 2 ** ((float(note["pitch"]) - 69) / 12)
        sound = tone(hertz, float(note["length"]), dullness, sample_rate, rng)[: count - begin]
        level = 0.16 * (float(note["velocity"]) - 75) + rng.normal(0, 1)
        if begin < count:
            played[begin : begin + len(sound)] += sound * np.float32(10 ** (level / 20))
    return played


def murmur(count: int, sample_rate: int, rng: np.random.Generator) -> Signal:
    """Return noise that comes and goes like talk at the back of a hall."""
    noise = rng.standard_normal(count)
    turn = 2 * np.pi * rng.uniform(300, 900) / sample_rate
    radius = rng.uniform(0.85, 0.97)
    shaped = lfilter([1, -1], [1, -2 * radius * np.cos(turn), radius**2], noise)
    knots = np.exp(rng.normal(0, 0.8, int(count / sample_rate * 4) + 3))
    swing = np.interp(np.linspace(0, len(knots) - 1, count), np.arange(len(knots)), knots)
    return np.asarray(shaped * swing, np.float32)


def _strings_struck(
    hertz: float, length: float, dullness: float, rate: int, rng: np.random.Generator
) -> Signal:
    """A piano or a harp: partials a little too high that die away, the high ones first."""
    time = np.arange(int((length + 0.25) * rate), dtype=np.float32) / rate
    stiffness = rng.uniform(1e-4, 6e-4)
    sound = np.zeros(len(time), np.float32)
    for number in range(1, 17):
        partial = hertz * number * np.sqrt(1 + stiffness * number**2)
        if partial > _HIGHEST:
            break
        decay = (0.6 + hertz / 500) * (1 + 0.25 * number)
        strength = number**-dullness * abs(np.sin(np.pi * number / 7.5))
        turn = np.float32(2 * np.pi * partial) * time + np.float32(rng.uniform(0, 2 * np.pi))
        sound += np.float32(strength) * np.exp(-decay * time) * np.sin(turn)
    return sound * _gate(len(time), 0.003, 0.2, rate)


def _pipes(
    hertz: float, length: float, dullness: float, rate: int, rng: np.random.Generator
) -> Signal:
    """An organ: some ranks of steady pipes, each with few partials."""
    time = np.arange(int((length + 0.1) * rate), dtype=np.float32) / rate
    sound = np.zeros(len(time), np.float32)
    for rank in (1, 2, 4, 3, 6, 8):
        for number in (1, 2, 3):
            partial = hertz * rank * number * (1 + rng.normal(0, 0.0007))
            if partial < _HIGHEST:
                strength = rank ** (-0.5 * dullness) * number ** (-1.5 * dullness)
                sound += np.float32(strength) * np.sin(np.float32(2 * np.pi * partial) * time)
    return sound * _gate(len(time), 0.03, 0.08, rate)


def _voice(
    hertz: float, length: float, dullness: float, rate: int, rng: np.random.Generator
) -> Signal:
    """A singer: partials under the three humps of a vowel, with vibrato."""
    while hertz > 900:
        hertz /= 2
    time = np.arange(int((length + 0.1) * rate), dtype=np.float32) / rate
    wave = np.sin(2 * np.pi * 5.4 * time) * np.clip(time / 0.4, 0, 1)
    turn = 2 * np.pi * hertz * time + hertz * 0.012 / 5.4 * wave
    vowel = _VOWELS[int(rng.integers(len(_VOWELS)))]
    sound = np.zeros(len(time), np.float32)
    for number in range(1, int(min(40, _HIGHEST / hertz)) + 1):
        humps = [np.exp(-(((number * hertz - hump) / 180) ** 2)) for hump in vowel]
        strength = number**-dullness * (0.08 + float(np.sum(humps)))
        sound += np.float32(strength) * np.sin(number * turn)
    return sound * _gate(len(time), 0.05, 0.1, rate)


def _gate(count: int, rise: float, fall: float, sample_rate: int) -> Signal:
    up = np.minimum(1, np.arange(1, count + 1) / (rise * sample_rate))
    down = np.minimum(1, np.arange(count, 0, -1) / (fall * sample_rate))
    return np.asarray(up * down, np.float32)
