"""One note from one sample: as long, as high and as lively as it is wanted."""

from dataclasses import dataclass

import numpy as np
from chamber_instruments import Signal
from chamber_kit import Sample
from numpy.typing import NDArray

_FADE = 0.022  # seconds, where a long note goes back in its sample
_MOST_LOOPS = 200
_SHORTEST = 64  # samples of a note that is worth playing


@dataclass(frozen=True, slots=True)
class Tone:
    """A note as it is to sound."""

    pitch: float  # MIDI number, tuning included
    length: float  # seconds, without the release
    attack: float
    release: float
    level_db: float
    loudness: float  # pp 1 ... ff 6: the tone colour
    slurred: bool = False
    glide: float = 0.0  # semitones above the note where it begins, and
    glide_time: float = 0.02  # the seconds until two thirds of that are gone
    vibrato_cents: float = 0.0
    vibrato_rate: float = 5.5
    vibrato_delay: float = 0.2
    vibrato_swing: float = 0.0  # of the loudness
    swell_db: float = 0.0
    slope_db: float = 0.0
    strokes: float = 0.0  # per second, of a tremolo


def sound_tone(
    tone: Tone, sample: Sample, sound: Signal, sample_rate: int, rng: np.random.Generator
) -> Signal:
    """Return the note; shorter than wanted where the sample cannot go on."""
    count = int((tone.length + tone.release) * sample_rate)
    if count < _SHORTEST:
        return np.zeros(0, np.float32)
    time = np.arange(count) / sample_rate
    phase = rng.uniform(0, 2 * np.pi)
    semitones = tone.pitch - sample.pitch + tone.glide * np.exp(-time / tone.glide_time)
    wave = None
    if tone.vibrato_cents:
        wave = np.sin(2 * np.pi * tone.vibrato_rate * time + phase)
        wave *= np.clip((time - tone.vibrato_delay) / 0.25, 0, 1)
        semitones += tone.vibrato_cents / 100 * wave
    positions = np.cumsum(np.exp2(semitones / 12))
    if tone.slurred:  # begin behind the attack
        positions += min(max(sample.attack + 0.03, 0.05), 0.14) * sample_rate
    sound = _lengthen(sound, sample.loops, int(positions[-1]) + 8, sample_rate, rng)
    positions = positions[: np.searchsorted(positions, len(sound) - 3)]
    if len(positions) < _SHORTEST:
        return np.zeros(0, np.float32)
    played = read_at(sound, positions) * _envelope(tone, len(positions), sample_rate)
    if wave is not None and tone.vibrato_swing:
        played *= 1 + tone.vibrato_swing * wave[: len(played)].astype(np.float32)
    return played


def read_at(sound: Signal, positions: NDArray[np.float64]) -> Signal:
    """Return a sound at positions between its samples, by a cubic through the four around."""
    index = np.clip(positions.astype(np.intp), 1, len(sound) - 3)
    part = (positions - index).astype(np.float32)
    before, here, after, later = (sound[index + step] for step in (-1, 0, 1, 2))
    slope = 0.5 * (after - before)
    square = before - 2.5 * here + 2 * after - 0.5 * later
    cube = 0.5 * (later - before) + 1.5 * (here - after)
    return np.asarray(((cube * part + square) * part + slope) * part + here, np.float32)


def _lengthen(
    sound: Signal,
    loops: tuple[tuple[int, int], ...],
    needed: int,
    sample_rate: int,
    rng: np.random.Generator,
) -> Signal:
    """Go back at points where the waveform matches until ``needed`` samples are there."""
    fade = int(_FADE * sample_rate)
    usable = [(first, last) for first, last in loops if first + fade < last < len(sound) - fade]
    if needed <= len(sound) or not usable:
        return sound[:needed]
    rising = np.sin(np.linspace(0, np.pi / 2, fade, dtype=np.float32)) ** 2
    pieces: list[Signal] = []
    length = position = 0
    for _ in range(_MOST_LOOPS):
        ahead = [loop for loop in usable if loop[1] > position + fade]
        if not ahead or length + len(sound) - position >= needed:
            break
        first, last = ahead[int(rng.integers(len(ahead)))]
        joint = sound[last : last + fade] * (1 - rising) + sound[first : first + fade] * rising
        pieces += [sound[position:last], joint]
        length += last - position + fade
        position = first + fade
    return np.concatenate([*pieces, sound[position:]])[:needed]


def _envelope(tone: Tone, count: int, sample_rate: int) -> Signal:
    """Return the loudness over the note: its attack, swell, strokes and release."""
    share = np.linspace(0, 1, count, dtype=np.float32)
    level = tone.level_db + tone.slope_db * (share - 0.5)
    level += tone.swell_db * np.sin(np.pi * share)
    envelope = np.exp(level * np.float32(np.log(10) / 20))
    rise = min(count, int(tone.attack * sample_rate))
    fall = min(count, int(tone.release * sample_rate))
    envelope[:rise] *= _ramp(rise)
    envelope[count - fall :] *= _ramp(fall)[::-1]
    if tone.strokes:
        turn = np.pi * tone.strokes / sample_rate * np.arange(count, dtype=np.float32)
        envelope *= 0.5 + 0.5 * np.abs(np.sin(turn))
    return np.asarray(envelope, np.float32)


def _ramp(count: int) -> Signal:
    return (0.5 - 0.5 * np.cos(np.linspace(0, np.pi, count))).astype(np.float32)
