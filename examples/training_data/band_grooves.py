"""Patterns made from beats and chords, beside the note lists: beats, bass lines, comping."""

from typing import NamedTuple

import numpy as np
from band_notes import Chord, Excerpt, Note

KICK, STICK, SNARE, CLAP, HAT, OPEN_HAT, RIDE, CRASH = 36, 37, 38, 39, 42, 46, 51, 49
_TOMS = (50, 47, 45, 43)
_FOUR = (0, 4, 8, 12)  # four on the floor
# Kick patterns of a bar, in sixteenths.
_KICKS = (
    (0, 8),
    (0, 6, 8),
    (0, 10),
    (0, 3, 8, 10),
    (0, 7, 8, 14),
    (0, 4, 8, 12),
    (0, 2, 8, 11),
)


class _Beat(NamedTuple):
    """What a drummer repeats every bar, in sixteenths."""

    kicks: tuple[int, ...]
    snares: tuple[int, ...]
    backbeat: int  # key
    cymbal: int  # key
    step: int  # between strokes of the cymbal
    offbeat: bool  # opens the hat between the beats


def _choose_beat(rng: np.random.Generator, *, electronic: bool) -> _Beat:
    four = electronic and rng.random() < 0.6
    backbeats = [SNARE, SNARE, CLAP] if electronic else [SNARE, SNARE, SNARE, STICK]
    return _Beat(
        kicks=_FOUR if four else _KICKS[int(rng.integers(len(_KICKS)))],
        snares=(8,) if rng.random() < 0.15 else (4, 12),
        backbeat=int(rng.choice(backbeats)),
        cymbal=int(rng.choice([HAT, HAT, HAT, RIDE])),
        step=int(rng.choice([1, 2, 2, 2, 4])),
        offbeat=electronic and rng.random() < 0.4,
    )


def _bar(beat: _Beat, number: int, rng: np.random.Generator) -> list[tuple[int, int, float]]:
    """Return the strokes of a bar: place, key, velocity."""
    fill = number % 4 == 3 and rng.random() < 0.4
    last = int(rng.choice([8, 12])) if fill else 16
    strokes = [(place, KICK, 0.9) for place in beat.kicks]
    strokes += [(place, beat.backbeat, 0.9) for place in beat.snares]
    for place in range(0, last, beat.step):
        key = OPEN_HAT if beat.offbeat and place % 4 == 2 else beat.cymbal
        strokes.append((place, key, 0.75 if place % 4 == 0 else 0.5))
    for place in range(last, 16):
        strokes.append((place, int(rng.choice([SNARE, *_TOMS])), 0.6 + 0.02 * place))
    if number % 8 == 1 or (number % 4 == 0 and rng.random() < 0.3):
        strokes.append((0, CRASH, 0.85))
    if rng.random() < 0.3:
        strokes.append((int(rng.choice([7, 9, 15])), SNARE, 0.25))
    return strokes


def beat_pattern(excerpt: Excerpt, rng: np.random.Generator, *, electronic: bool) -> list[Note]:
    """Return a backbeat for the excerpt, with a crash and a fill now and then."""
    beat = _choose_beat(rng, electronic=electronic)
    swing = float(rng.choice([0.0, 0.0, 0.0, 0.16]))
    loose = 0.0 if electronic else 0.003
    sixteenth = excerpt.beat / 4
    notes = []
    for number, bar in enumerate(excerpt.bars()):
        for place, key, velocity in _bar(beat, number, rng):
            late = swing * sixteenth * (place % 2) + rng.normal(0, loose)
            start = float(bar + place * sixteenth + late)
            loud = float(np.clip(velocity + rng.normal(0, 0.05), 0.1, 1.0))
            if 0.0 <= start < excerpt.seconds:
                notes.append(Note(start, 0.2, key, loud))
    return notes


def _times(excerpt: Excerpt, chord: Chord, step: float) -> list[float]:
    """Return the places of a grid of so many beats that lie within a chord, in seconds."""
    grid = step * excerpt.beat
    first = int(np.ceil((chord.start - excerpt.downbeat) / grid - 0.01))
    last = int(np.ceil((chord.start + chord.seconds - excerpt.downbeat) / grid - 0.01))
    times = [excerpt.downbeat + grid * i for i in range(first, last)]
    return [time for time in times if time >= 0.0] or [chord.start]


def _voicing(chord: Chord, bottom: int) -> list[int]:
    """Return a chord's pitches within the octave above a pitch, lowest first."""
    return sorted(bottom + (chord.root + step - bottom) % 12 for step in chord.steps)


def bass_pattern(excerpt: Excerpt, rng: np.random.Generator, *, low: int = 28) -> list[Note]:
    """Return a bass line of roots, fifths and octaves."""
    step = float(rng.choice([0.5, 0.5, 1.0, 0.25, 4.0]))
    length = float(rng.uniform(0.6, 1.0))
    moves = int(rng.integers(3))
    notes = []
    for chord in excerpt.chords:
        root = low + (chord.root - low) % 12
        times = [chord.start] if step > 2 else _times(excerpt, chord, step)
        for count, time in enumerate(times):
            if step == 0.25 and rng.random() < 0.35:
                continue
            above = 0
            if moves and count % 4 == 3:
                above = 12 if moves == 1 else 7
            seconds = chord.seconds if step > 2 else step * excerpt.beat * length
            notes.append(Note(time, seconds, root + above, float(rng.uniform(0.7, 0.9))))
    return notes


def power_chords(excerpt: Excerpt, rng: np.random.Generator) -> list[Note]:
    """Return a rhythm guitar's fifths: held, in eighths, or damped between accents."""
    step = float(rng.choice([4.0, 2.0, 1.0, 0.5, 0.5, 0.5]))
    damped = step == 0.5 and rng.random() < 0.6
    octave = rng.random() < 0.6
    notes = []
    for chord in excerpt.chords:
        root = 40 + (chord.root - 40) % 12
        times = [chord.start] if step > 2 else _times(excerpt, chord, step)
        for time in times:
            accent = not damped or rng.random() < 0.3
            seconds = chord.seconds if step > 2 else step * excerpt.beat * (0.95 if accent else 0.4)
            steps = (0, 7, 12) if octave and accent else (0, 7)
            loud = 0.9 if accent else 0.55
            notes += [Note(time, seconds, root + above, loud) for above in steps]
    return notes


def strum(excerpt: Excerpt, rng: np.random.Generator) -> list[Note]:
    """Return a guitar's strummed chords, down and up, some strokes left out."""
    pattern = rng.random(8) < (1.0, 0.3, 0.8, 0.6, 0.5, 0.7, 0.8, 0.6)
    notes = []
    for chord in excerpt.chords:
        low = _voicing(chord, 45)
        pitches = [low[0] - 12 if low[0] >= 52 else low[0], *low[1:], low[0] + 12]
        for count, time in enumerate(_times(excerpt, chord, 0.5)):
            if not pattern[count % 8]:
                continue
            stroke = pitches if count % 2 == 0 else pitches[::-1]
            spread = float(rng.uniform(0.006, 0.016))
            loud = float(rng.uniform(0.6, 0.85))
            for string, pitch in enumerate(stroke):
                seconds = 0.9 * excerpt.beat
                notes.append(Note(time + string * spread, seconds, pitch, loud))
    return notes


def arpeggio(excerpt: Excerpt, rng: np.random.Generator) -> list[Note]:
    """Return broken chords in eighths or sixteenths."""
    step = float(rng.choice([0.5, 0.25, 0.25]))
    bottom = int(rng.choice([48, 55, 60, 67]))
    order = int(rng.integers(3))
    notes = []
    for chord in excerpt.chords:
        rising = _voicing(chord, bottom)
        rising = [*rising, rising[0] + 12]
        figure = (rising, [*rising, *rising[-2:0:-1]], list(rng.permutation(rising)))[order]
        for count, time in enumerate(_times(excerpt, chord, step)):
            pitch = int(figure[count % len(figure)])
            notes.append(Note(time, step * excerpt.beat * 1.1, pitch, float(rng.uniform(0.6, 0.9))))
    return notes


def held_chords(excerpt: Excerpt, rng: np.random.Generator) -> list[Note]:
    """Return chords held as long as they last: pads, organs, strings."""
    bottom = int(rng.choice([48, 52, 57, 60]))
    doubled = rng.random() < 0.4
    notes = []
    for chord in excerpt.chords:
        pitches = _voicing(chord, bottom)
        if doubled:
            pitches = [*pitches, pitches[0] + 12, pitches[0] - 12]
        loud = float(rng.uniform(0.55, 0.75))
        notes += [Note(chord.start, chord.seconds, pitch, loud) for pitch in pitches]
    return notes
