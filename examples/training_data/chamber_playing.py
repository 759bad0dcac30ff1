"""A player: turns the notes of a line, or recorded phrases, into sound."""

from dataclasses import dataclass, replace

import numpy as np
from chamber_instruments import INSTRUMENTS, Instrument, Signal
from chamber_kit import Kit, Sample, Voice
from chamber_scores import Flag, Notes
from chamber_tones import Tone, read_at, sound_tone
from numpy.typing import NDArray

_VOICE_WEIGHTS = {"phil": 0.58, "gm": 0.22, "alto": 0.12, "soprano": 0.06, "muted": 0.05}
_OTHER_VOICE = 0.2
_CONNECTED = 0.06  # seconds between two notes that may still be slurred
_WIDEST_GLIDE = 7  # semitones


@dataclass(frozen=True, slots=True)
class Manner:
    """What stays the same about a player for the length of a track."""

    voice: Voice
    tuning: float  # semitones
    loudness: float  # steps of written dynamics
    lag: float  # seconds behind the others
    vibrato_cents: float  # 0: none
    vibrato_rate: float
    legato: bool  # slurs wherever notes touch
    reach: float  # semitones above the wanted note where a sample is preferably taken
    detached: float  # share of its written length that a note lasts


def play_line(
    kit: Kit, label: str, notes: Notes, count: int, tuning: float, rng: np.random.Generator
) -> Signal:
    """Return ``count`` samples of a line that fits the instrument's range."""
    rate = kit.sample_rate
    manner = _draw_manner(kit, label, tuning, rng)
    played = np.zeros(count + rate, np.float32)
    notes = notes[np.argsort(notes["start"], kind="stable")]
    slurred = _slurs(notes, manner)
    joined = np.append(slurred[1:], False)  # the next note takes over without a gap
    for index, note in enumerate(notes):
        tone = _draw_tone(note, manner, INSTRUMENTS[label], rng)
        if slurred[index]:
            tone = _slur(tone, float(notes["pitch"][index - 1] - note["pitch"]), label, rng)
        if joined[index]:
            tone = replace(tone, length=float(note["length"]), release=rng.uniform(0.03, 0.07))
        plucked = bool(note["flags"] & Flag.PLUCKED) and label in kit.plucked
        if plucked:
            tone = replace(tone, length=0.6, release=0.15, vibrato_cents=0.0, slurred=False)
            sample = _nearest(kit.plucked[label], tone.pitch)
        else:
            sample = _choose(manner, tone, rng)
        sound = sound_tone(tone, sample, kit.sound(sample), rate, rng)
        delay = (manner.lag + rng.normal(0, 0.010)) * (0.4 if slurred[index] else 1.0)
        _add(played, sound, int((note["start"] + delay) * rate))
    return played[:count] * slow_gain(count, rate, 2.6, rng)


def play_phrases(kit: Kit, label: str, count: int, rng: np.random.Generator) -> Signal:
    """Return recorded phrases of one player in a row, all moved by the same interval."""
    rate = kit.sample_rate
    phrases = kit.phrases[label]
    speed = 2 ** (rng.uniform(-2.2, 2.2) / 12)
    played = np.zeros(count, np.float32)
    position = int(rng.uniform(0, 0.3) * rate)
    phrase = phrases[int(rng.integers(len(phrases)))]
    skip = rng.uniform(0, 0.4)  # the first phrase may have begun already
    while position < count - rate // 2:
        sound = kit.sound(phrase)
        sound = sound[int(skip * len(sound)) :]
        length = int((len(sound) - 4) / speed)
        taken = read_at(sound, 1 + speed * np.arange(length, dtype=np.float64))
        edge = min(int(0.01 * rate), length // 3)
        taken[:edge] *= np.linspace(0, 1, edge, dtype=np.float32)
        taken[length - edge :] *= np.linspace(1, 0, edge, dtype=np.float32)
        _add(played, taken, position)
        position += length + int(rng.uniform(0.02, 0.5) * rate)
        skip = 0.0
        if rng.random() < 0.7:
            phrase = phrases[int(rng.integers(len(phrases)))]
    return played


def slow_gain(count: int, sample_rate: int, spread_db: float, rng: np.random.Generator) -> Signal:
    """Return a gain that wanders around 1, with a knot every second or two."""
    seconds = count / sample_rate
    knots = np.cumsum(rng.uniform(0.6, 2.6, int(seconds / 0.6) + 3)) - 1.5
    values = rng.normal(0, spread_db, len(knots) + 2)
    smooth = np.convolve(values, [0.25, 0.5, 0.25], "valid")
    curve_db = np.interp(np.arange(count, dtype=np.float32) / sample_rate, knots, smooth)
    return np.asarray(10 ** (curve_db.astype(np.float32) / 20))


def _draw_manner(kit: Kit, label: str, tuning: float, rng: np.random.Generator) -> Manner:
    instrument = INSTRUMENTS[label]
    voices = kit.voices[label]
    weights = np.array([_VOICE_WEIGHTS.get(name, _OTHER_VOICE) for name in voices])
    name = list(voices)[int(rng.choice(len(voices), p=weights / weights.sum()))]
    depth = abs(rng.normal(instrument.vibrato_cents, 0.35 * instrument.vibrato_cents))
    if instrument.bowed and name == "phil":
        depth /= 2  # the recorded notes have some of their own
    return Manner(
        voice=voices[name],
        tuning=tuning + rng.normal(0, 0.07),
        loudness=rng.normal(0, 0.8),
        lag=rng.normal(0, 0.012),
        vibrato_cents=depth if rng.random() < instrument.vibrato_chance else 0.0,
        vibrato_rate=rng.normal(5.6, 0.6),
        legato=bool(rng.random() < 0.35),
        reach=rng.normal(0, 0.8),
        detached=rng.uniform(0.82, 1.02),
    )


def _slurs(notes: Notes, manner: Manner) -> NDArray[np.bool_]:
    """Return which notes are slurred from the one before."""
    slurred = np.zeros(len(notes), np.bool_)
    gap = notes["start"][1:] - notes["start"][:-1] - notes["length"][:-1]
    wanted = (notes["flags"] & Flag.SLURRED) > 0
    if manner.legato:
        wanted |= (notes["flags"] & (Flag.STACCATO | Flag.PLUCKED)) == 0
    slurred[1:] = wanted[1:] & (np.abs(gap) < _CONNECTED)
    return slurred


def _draw_tone(
    note: np.void, manner: Manner, instrument: Instrument, rng: np.random.Generator
) -> Tone:
    """Decide how a note on its own is played."""
    flags, velocity = int(note["flags"]), float(note["velocity"])
    if flags & Flag.STACCATO:
        length = max(0.05, float(note["length"]) * rng.uniform(0.4, 0.62))
    else:
        length = max(0.06, float(note["length"]) * manner.detached)
    accent = 2.5 if flags & Flag.ACCENT else 0.0
    return Tone(
        pitch=float(note["pitch"]) + manner.tuning + rng.normal(0, 0.045),
        length=length,
        attack=rng.uniform(0.006, 0.014),  # hides where a recording was cut
        release=instrument.release * rng.uniform(0.6, 1.7),
        level_db=0.16 * (velocity - 75) + accent + rng.normal(0, 1.1),
        loudness=float(np.clip((velocity - 26) / 18.4 + 1 + manner.loudness, 1, 6)),
        glide=rng.normal(0, 0.12),
        glide_time=0.04,
        vibrato_cents=manner.vibrato_cents if length > 0.25 else 0.0,
        vibrato_rate=manner.vibrato_rate * rng.normal(1, 0.05),
        vibrato_delay=rng.uniform(0.08, 0.3),
        vibrato_swing=0.1 if instrument.breath_vibrato else 0.0,
        swell_db=rng.normal(0, 2.2),
        slope_db=rng.normal(0, 1.2),
        strokes=rng.uniform(9, 14) if flags & Flag.TREMOLO else 0.0,
    )


def _slur(tone: Tone, interval: float, label: str, rng: np.random.Generator) -> Tone:
    """Let a note grow out of the one before: no attack, a short glide."""
    time = rng.uniform(0.015, 0.05) / 3 * INSTRUMENTS[label].slide
    audible = 1.0 if rng.random() < 0.5 else 0.3
    glide = interval * audible if abs(interval) <= _WIDEST_GLIDE else 0.0
    attack = rng.uniform(0.018, 0.055)
    return replace(tone, slurred=True, attack=attack, glide=glide, glide_time=time)


def _choose(manner: Manner, tone: Tone, rng: np.random.Generator) -> Sample:
    """Return a sample near the pitch and dynamics that are wanted, not always the nearest."""
    voice = manner.voice
    cost = np.abs(voice.pitches - tone.pitch - manner.reach)
    cost += 0.55 * np.abs(voice.loudness - tone.loudness) + 1.1 * rng.random(len(cost))
    return voice.samples[int(np.argmin(cost))]


def _nearest(samples: list[Sample], pitch: float) -> Sample:
    return min(samples, key=lambda sample: abs(sample.pitch - pitch))


def _add(played: Signal, sound: Signal, begin: int) -> None:
    """Add a sound to what is played, as far as it lies within."""
    cut = max(0, -begin)
    end = min(len(played), begin + len(sound))
    if end > begin + cut:
        played[begin + cut : end] += sound[cut : end - begin]
