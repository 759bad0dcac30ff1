"""Where it sounds: the room, the place of a player in it, and the colour of the recording."""

from dataclasses import dataclass

import numpy as np
from chamber_instruments import Signal
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft, rfftfreq
from scipy.signal import lfilter

_RUMBLE = 28.0  # Hz, below which nothing is kept
_LONGEST = 1.7  # seconds of reverberation that are computed
_SIXTY_DB = 6.9  # nepers


@dataclass(frozen=True, slots=True)
class Room:
    """A room and the chain of a recording in it; all players of a track share it."""

    decay: float  # seconds to -60 dB
    wet: float  # the reverberation's level at a player of middling distance; 1: as the sound
    damping: float  # how long high sounds last, as a share of the decay
    bandwidth: float  # Hz; an old recording has little


def draw_room(rng: np.random.Generator) -> Room:
    """Return a room: three of ten are nearly dry."""
    bandwidth = rng.uniform(4_500, 9_000) if rng.random() < 0.1 else np.inf
    if rng.random() < 0.3:
        return Room(rng.uniform(0.08, 0.25), rng.uniform(0, 0.12), rng.uniform(0.4, 1), bandwidth)
    decay = float(np.exp(rng.uniform(np.log(0.25), np.log(1.6))))
    return Room(decay, rng.uniform(0.05, 0.55), rng.uniform(0.25, 0.9), bandwidth)


def place(sound: Signal, room: Room, sample_rate: int, rng: np.random.Generator) -> Signal:
    """Return a player's sound as it is heard from a seat of its own in the room."""
    response = _response(room, sample_rate, rng)
    size = next_fast_len(len(sound) + len(response), real=True)
    frequencies = rfftfreq(size, 1 / sample_rate)
    spectrum = rfft(sound, size) * rfft(response, size) * _colour(frequencies, room, rng)
    return np.asarray(irfft(spectrum, size)[: len(sound)], np.float32)


def noise_floor(count: int, sample_rate: int, rng: np.random.Generator) -> Signal:
    """Return the noise of a room and a microphone, of power 1."""
    size = next_fast_len(count, real=True)
    frequencies = rfftfreq(size, 1 / sample_rate)
    tilt = rng.uniform(0.0, 0.8)  # white to nearly brown
    shape = np.maximum(frequencies, 40) ** -tilt
    spectrum = rfft(rng.standard_normal(size)) * shape
    noise = irfft(spectrum, size)[:count]
    return np.asarray(noise / np.sqrt(np.mean(noise**2)), np.float32)


def _response(room: Room, sample_rate: int, rng: np.random.Generator) -> Signal:
    """Return the direct sound, some early reflections, and a tail of decaying noise."""
    count = int(min(room.decay * 1.1 + 0.05, _LONGEST) * sample_rate)
    response = np.zeros(count, np.float32)
    response[0] = 1
    wet = room.wet * float(np.exp(rng.normal(0, 0.35)))  # nearer or farther
    if wet < 0.01:
        return response
    taps = rng.integers(3, 9)
    at = (rng.uniform(0.003, 0.05, taps) * sample_rate).astype(np.intp)
    np.add.at(response, at, wet * rng.uniform(0.15, 0.7, taps) * rng.choice([-1, 1], taps))
    time = np.arange(count, dtype=np.float32) / sample_rate
    noise = rng.standard_normal(count, np.float32)
    low = lfilter([0.3], [1, -0.7], noise).astype(np.float32)
    tail = 2 * low * np.exp(-_SIXTY_DB / room.decay * time)
    tail += (noise - low) * np.exp(-_SIXTY_DB / (room.decay * room.damping) * time)
    tail[: int(rng.uniform(0.004, 0.03) * sample_rate)] = 0
    response += wet / (np.sqrt(np.sum(tail**2)) + 1e-9) * tail
    return response


def _colour(
    frequencies: NDArray[np.float64], room: Room, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return gains of one player's microphone and instrument: a tilt and some broad bumps."""
    octaves = np.log2(np.maximum(frequencies, 30) / 800).astype(np.float32)
    gain_db = rng.normal(0, 0.9) * np.clip(octaves, -4, 4)
    for _ in range(3):
        distance = (octaves - rng.uniform(-3, 3.4)) / rng.uniform(0.3, 1.0)
        gain_db += rng.normal(0, 3.0) * np.exp(-0.5 * distance**2)
    gain = 10 ** (gain_db / 20)
    gain *= frequencies**2 / (frequencies**2 + _RUMBLE**2)
    if np.isfinite(room.bandwidth):
        gain /= np.sqrt(1 + (frequencies / room.bandwidth) ** 8)
    return np.asarray(gain, np.float32)
