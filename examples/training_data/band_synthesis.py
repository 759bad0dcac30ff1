"""Synthesiser patches and electronic drums, computed: no recording behind them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from band_effects import Band, equalise
from band_notes import SAMPLE_RATE, Note, Signal

_TABLE = 4096  # samples of one period
_CUTOFFS = np.geomspace(150.0, 15000.0, 8)  # of the tables of one pitch, in Hz


class Patch(NamedTuple):
    """One sound: harmonics, how it opens and closes, and how it swells and dies."""

    wave: str  # saw, square, triangle or fm
    voices: int
    detune: float  # semitones between the outer voices
    bright: tuple[float, float]  # cutoff in octaves above the note, first and last
    sweep: float  # seconds from one to the other
    attack: float
    decay: float
    sustain: float
    release: float
    vibrato: float = 0.0  # semitones


def _random_patch(kind: str, rng: np.random.Generator) -> Patch:
    """Return a patch of a kind: bass, sub, pad, lead, pluck or keys."""
    low, high = float(rng.uniform(0.5, 2.5)), float(rng.uniform(2.5, 6.0))
    wave = str(rng.choice(["saw", "saw", "square", "fm"]))
    spread = float(rng.uniform(0.08, 0.3))
    if kind == "sub":
        return Patch("triangle", 1, 0.0, (1.5, 0.5), 0.2, 0.004, 2.0, 0.7, 0.06)
    if kind == "bass":
        sweep = float(rng.uniform(0.08, 0.5))
        return Patch(wave, int(rng.integers(1, 3)), 0.1, (high, low), sweep, 0.004, 0.6, 0.6, 0.05)
    if kind == "pad":
        attack = float(rng.uniform(0.05, 0.5))
        voices = int(rng.integers(3, 6))
        saw = str(rng.choice(["saw", "saw", "square"]))
        return Patch(saw, voices, spread, (low, low + 1.5), 1.5, attack, 4.0, 0.9, 0.4)
    if kind == "lead":
        vibrato = float(rng.uniform(0.05, 0.3))
        voices = int(rng.choice([1, 2, 5]))
        return Patch(wave, voices, spread, (high, high - 1), 0.5, 0.01, 1.5, 0.8, 0.1, vibrato)
    if kind == "pluck":
        sweep = float(rng.uniform(0.05, 0.25))
        return Patch(wave, 2, 0.1, (high, low - 0.5), sweep, 0.002, 0.35, 0.05, 0.12)
    return Patch("fm", 1, 0.0, (2.5, 0.5), 0.4, 0.003, 1.2, 0.15, 0.2)


def play_patch(kind: str, notes: Sequence[Note], samples: int, rng: np.random.Generator) -> Signal:
    """Return notes played with a random patch of a kind, mono."""
    patch = _random_patch(kind, rng)
    ratio = float(rng.choice([1.0, 1.0, 2.0, 3.0, 14.0]))
    seeds = rng.uniform(0.0, 1.0, patch.voices)
    track = np.zeros(samples, dtype=np.float32)
    heard: dict[tuple[int, int], Signal] = {}
    for note in notes:
        length = int(min(note.seconds, 8.0) * 100)
        key = (note.pitch, length)
        if key not in heard:
            heard[key] = _note(patch, note.pitch, length / 100, ratio, seeds)
        start = int(note.start * SAMPLE_RATE)
        sound = heard[key][: max(0, samples - start)]
        track[start : start + len(sound)] += sound * np.float32(note.velocity)
    return track


def _note(patch: Patch, pitch: int, seconds: float, ratio: float, seeds: Signal) -> Signal:
    times = np.arange(int((seconds + patch.release) * SAMPLE_RATE)) / SAMPLE_RATE
    swing = np.minimum(1.0, times / 0.5) * np.sin(2.0 * np.pi * 5.5 * times)
    shape = np.minimum(1.0, times / patch.attack)
    shape = shape * (patch.sustain + (1.0 - patch.sustain) * np.exp(-times / patch.decay))
    shape = shape * np.clip((seconds + patch.release - times) / patch.release, 0.0, 1.0)
    first, last = patch.bright
    bright = last + (first - last) * np.exp(-times / patch.sweep)
    total = np.zeros(len(times))
    offsets = np.linspace(-0.5, 0.5, patch.voices) if patch.voices > 1 else np.zeros(1)
    for offset, seed in zip(offsets, seeds, strict=True):
        hertz = 440.0 * 2.0 ** ((pitch - 69 + offset * patch.detune) / 12.0)
        cycles = seed + np.cumsum(hertz * 2.0 ** (patch.vibrato * swing / 12.0)) / SAMPLE_RATE
        if patch.wave == "fm":
            depth = 0.5 * 2.0 ** np.minimum(bright, 3.0) / ratio**0.7
            inner = depth * np.sin(2.0 * np.pi * ratio * cycles)
            total += np.sin(2.0 * np.pi * cycles + inner)
        else:
            total += _wave(patch.wave, cycles, hertz, bright)
    return np.asarray(total * shape / np.sqrt(patch.voices), dtype=np.float32)


def _wave(wave: str, cycles: Signal, hertz: float, bright: Signal) -> Signal:
    """Return a band-limited wave whose cutoff moves, from tables that differ in brightness."""
    harmonics = np.arange(1, max(2, int(min(_TABLE / 2, 0.45 * SAMPLE_RATE / hertz))))
    powers = 1.0 / harmonics if wave != "triangle" else 1.0 / harmonics**2
    if wave != "saw":
        powers = powers * (harmonics % 2)
    roll = 1.0 / (1.0 + (harmonics * hertz / _CUTOFFS[:, None]) ** 4) ** 0.75
    spectra = np.zeros((len(_CUTOFFS), _TABLE // 2 + 1), dtype=complex)
    spectra[:, 1 : len(harmonics) + 1] = -1j * powers * roll
    tables = np.fft.irfft(spectra, _TABLE) * (_TABLE / 2)
    octaves = np.log2(_CUTOFFS / hertz)
    level = np.interp(bright, octaves, np.arange(len(octaves)))
    lower = np.minimum(level.astype(int), len(octaves) - 2)
    share = level - lower
    place = (cycles % 1.0 * _TABLE).astype(int) % _TABLE
    flat = tables.ravel()
    low, high = flat[lower * _TABLE + place], flat[(lower + 1) * _TABLE + place]
    return np.asarray(low + share * (high - low))


def electronic_drums(rng: np.random.Generator) -> dict[str, Signal]:
    """Return one-shots by role as drum machines make them: swept sines, squares and noise."""
    closed, opened = float(rng.uniform(0.02, 0.06)), float(rng.uniform(0.15, 0.4))
    return {
        "kick": _kick(rng),
        "snare": _snare(rng),
        "clap": _clap(rng),
        "stick": _tone(rng, float(rng.uniform(1500, 2200)), 0.02, 0.0),
        "hat": _metal(rng, closed, 7000.0),
        "openhat": _metal(rng, opened, 7000.0),
        "ride": _metal(rng, 0.6, 5000.0),
        "crash": _metal(rng, 0.9, 3500.0),
        "tom_lo": _tone(rng, 90.0, 0.25, 0.6),
        "tom_mid": _tone(rng, 130.0, 0.22, 0.6),
        "tom_hi": _tone(rng, 190.0, 0.2, 0.6),
        "perc": _tone(rng, float(rng.uniform(500, 900)), 0.06, 0.2),
    }


def _times(seconds: float) -> Signal:
    return np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE


def _kick(rng: np.random.Generator) -> Signal:
    decay = float(np.exp(rng.uniform(np.log(0.08), np.log(0.5))))
    times = _times(min(5 * decay, 1.5))
    base, jump = float(rng.uniform(42, 60)), float(rng.uniform(60, 260))
    cycles = np.cumsum(base + jump * np.exp(-times / rng.uniform(0.01, 0.04))) / SAMPLE_RATE
    click = 0.3 * rng.standard_normal(len(times)) * np.exp(-times / 0.002)
    sound = np.sin(2.0 * np.pi * cycles) * np.exp(-times / decay) + rng.uniform(0, 1) * click
    return np.tanh(rng.uniform(1.0, 3.0) * sound).astype(np.float32)


def _tone(rng: np.random.Generator, hertz: float, decay: float, fall: float) -> Signal:
    times = _times(6 * decay)
    cycles = np.cumsum(hertz * (1.0 + fall * np.exp(-times / (0.3 * decay)))) / SAMPLE_RATE
    noise = 0.15 * rng.standard_normal(len(times)) * np.exp(-times / (0.15 * decay))
    return (np.sin(2.0 * np.pi * cycles) * np.exp(-times / decay) + noise).astype(np.float32)


def _snare(rng: np.random.Generator) -> Signal:
    decay = float(rng.uniform(0.07, 0.22))
    times = _times(6 * decay)
    hertz = float(rng.uniform(160, 240))
    body = np.sin(2.0 * np.pi * hertz * (times + 0.004 * (1 - np.exp(-times / 0.02))))
    body = body * np.exp(-times / (0.5 * decay))
    noise = rng.standard_normal(len(times)).astype(np.float32) * np.exp(-times / decay)
    noise = equalise(noise.astype(np.float32), Band("highpass", float(rng.uniform(700, 2500))))
    return (rng.uniform(0.3, 0.9) * body + rng.uniform(0.3, 0.7) * noise).astype(np.float32)


def _clap(rng: np.random.Generator) -> Signal:
    times = _times(0.5)
    shape = np.exp(-np.maximum(times - 0.03, 0.0) / rng.uniform(0.05, 0.15)) * (times > 0.03)
    for start in (0.0, 0.011, 0.021):
        shape += np.exp(-np.maximum(times - start, 0.0) / 0.004) * (times >= start)
    noise = (rng.standard_normal(len(times)) * shape).astype(np.float32)
    return equalise(noise, Band("peak", 1200.0, 12.0, 1.2), Band("highpass", 600.0))


def _metal(rng: np.random.Generator, decay: float, edge: float) -> Signal:
    times = _times(5 * decay)
    ratios = np.array([2.0, 3.0, 4.16, 5.43, 6.79, 8.21]) * rng.uniform(0.97, 1.03, 6)
    squares = np.sign(np.sin(2.0 * np.pi * rng.uniform(120, 220) * np.outer(ratios, times)))
    noise = rng.uniform(0.5, 2.0) * rng.standard_normal(len(times)) + squares.mean(axis=0)
    sound = (noise * np.exp(-times / decay)).astype(np.float32)
    return equalise(sound, Band("highpass", edge), Band("highpass", 0.7 * edge))
