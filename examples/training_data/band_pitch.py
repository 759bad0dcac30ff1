"""Pitch of recordings: how much of each pitch class they hold, and moving them up or down."""

import numpy as np
import soxr
from band_effects import spectra
from band_notes import SAMPLE_RATE, Signal
from scipy import fft

_SIZE, _HOP = 2048, 512


def pitch_classes(sound: Signal) -> Signal:
    """Return the weights of the twelve pitch classes in a mono sound."""
    power = np.square(np.abs(spectra(sound, 8192, 4096))).mean(axis=0)
    hertz = np.fft.rfftfreq(8192, 1.0 / SAMPLE_RATE)
    use = (hertz > 90) & (hertz < 1200)
    classes = np.round(12 * np.log2(hertz[use] / 440.0) + 69).astype(int) % 12
    return np.bincount(classes, weights=np.sqrt(power[use]), minlength=12)


def best_transposition(moved: Signal, fixed: Signal, limit: int) -> int:
    """Return by how many semitones to move what has pitch classes, to fit others best."""
    steps = sorted(range(-limit, limit + 1), key=abs)
    centred = fixed - fixed.mean()
    fits = [float(np.dot(np.roll(moved, step), centred)) for step in steps]
    return steps[int(np.argmax(fits))]


def varispeed(sound: Signal, semitones: float) -> Signal:
    """Return a sound as if a tape ran faster: pitch, length and formants move together."""
    if abs(semitones) < 0.01:
        return sound
    ratio = 2.0 ** (semitones / 12.0)
    return np.asarray(soxr.resample(sound, SAMPLE_RATE * ratio, SAMPLE_RATE), dtype=np.float32)


def shift_pitch(sound: Signal, semitones: float) -> Signal:
    """Return a mono sound at another pitch, of the same length: a phase vocoder."""
    n = len(sound)
    if abs(semitones) < 0.01 or n < 4 * _SIZE:
        return sound
    frames = spectra(sound, _SIZE, _HOP)
    places = np.arange(0.0, len(frames) - 1, 2.0 ** (-semitones / 12.0))
    before = places.astype(int)
    share = (places - before)[:, None].astype(np.float32)
    size, angle = np.abs(frames), np.angle(frames)
    # Each frame goes on from the one before it, by as much as the original turns in one hop.
    expected = (2.0 * np.pi * _HOP * np.arange(_SIZE // 2 + 1) / _SIZE).astype(np.float32)
    turn = angle[before + 1] - angle[before]
    turn -= np.float32(2.0 * np.pi) * np.round((turn - expected) / np.float32(2.0 * np.pi))
    phase = angle[0] + np.cumsum(turn, axis=0, dtype=np.float64) - turn
    phase = (phase % (2.0 * np.pi)).astype(np.float32)
    moved = np.empty(phase.shape, dtype=np.complex64)
    moved.real, moved.imag = np.cos(phase), np.sin(phase)
    moved *= (1 - share) * size[before] + share * size[before + 1]
    pieces = fft.irfft(moved, axis=1) * np.hanning(_SIZE).astype(np.float32)
    longer = np.zeros(len(pieces) * _HOP + _SIZE, dtype=np.float32)
    for quarter in range(_SIZE // _HOP):  # pieces that do not overlap are added in one go
        part = pieces[quarter :: _SIZE // _HOP]
        begin = quarter * _HOP
        longer[begin : begin + part.size] += part.ravel()
    shorter = varispeed(longer[_SIZE // 2 :] / np.float32(1.5), semitones)[:n]
    return np.pad(shorter, (0, n - len(shorter)))
