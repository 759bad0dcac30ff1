"""Who plays what: styles, and the bass and "other" stems of a track."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from band_effects import (
    Band,
    amplify_guitar,
    brightened,
    compress,
    decibels,
    delayed,
    echo,
    equalise,
    loudness,
    pan,
    random_tone,
    reverberate,
    room,
    saturate,
    scaled,
    widened,
)
from band_grooves import arpeggio, bass_pattern, held_chords, power_chords, strum
from band_instruments import Instruments
from band_notes import SAMPLE_RATE, Excerpt, Note, Signal, rest_between

_SLOW = ("pad", "strings", "organ")  # hold their chords

# Instruments by family, as `Instruments.play` names them; "amp" goes through an amplifier.
FAMILIES: dict[str, tuple[str, ...]] = {
    "piano": ("sample piano_kw", "sample piano_kw", "font 0", "font 1", "font 2"),
    "keys": ("font 4", "font 5", "font 7", "patch keys", "font 11"),
    "organ": ("font 16", "font 17", "font 18", "font 19", "patch pad"),
    "acoustic": ("sample guitar_acoustic", "sample guitar_nylon", "font 24", "font 25"),
    "clean": ("sample guitar_electric", "sample guitar_electric", "font 26", "font 27", "font 28"),
    "power": ("amp sample guitar_electric", "amp sample guitar_electric", "amp font 27"),
    "strings": ("font 48", "font 49", "font 50", "font 51", "font 44", "font 45"),
    "horns": ("font 61", "font 62", "font 61", "font 57", "font 60"),
    "pad": ("patch pad", "patch pad", "font 88", "font 89", "font 90", "font 94", "font 52"),
    "pluck": ("patch pluck", "patch pluck", "patch keys", "font 12", "font 10", "font 46"),
}
LEADS: dict[str, tuple[str, ...]] = {
    "guitar": ("amp sample guitar_electric", "amp font 27", "amp font 29", "amp font 30"),
    "brass": ("font 56", "font 56", "font 57", "font 59", "font 60", "font 61"),
    "sax": ("font 64", "font 65", "font 65", "font 66", "font 66", "font 67"),
    "reed": ("font 71", "font 68", "font 73", "font 22", "font 21"),
    "violin": ("font 40", "font 40", "font 42", "font 41"),
    "synth": ("patch lead", "patch lead", "font 80", "font 81"),
}
_BASSES: dict[str, tuple[str, ...]] = {
    "sampled": ("sample bassYR", "sample bassYR", "sample growlybass"),
    "font": ("font 33", "font 33", "font 34", "font 35", "font 36", "font 38"),
    "upright": ("sample doublebass_pizz", "font 32"),
    "synth": ("patch bass", "patch bass", "patch sub", "font 39"),
}


class Style(NamedTuple):
    """How likely a family takes part, and what the drums, the bass and the lead are."""

    families: dict[str, float]
    drums: dict[str, float]
    basses: dict[str, float]
    leads: tuple[str, ...]
    drive: float  # how often the bass is driven


STYLES: dict[str, Style] = {
    "pop": Style(
        {"piano": 0.6, "acoustic": 0.4, "clean": 0.4, "pad": 0.5, "strings": 0.35, "keys": 0.3},
        {"sampled": 0.5, "font": 0.2, "electronic": 0.3},
        {"sampled": 0.45, "font": 0.3, "synth": 0.25},
        ("guitar", "synth", "violin", "sax", "reed", "brass"),
        0.2,
    ),
    "rock": Style(
        {"power": 0.9, "clean": 0.35, "acoustic": 0.2, "organ": 0.3, "piano": 0.2, "pad": 0.15},
        {"sampled": 0.85, "font": 0.15},
        {"sampled": 0.7, "font": 0.3},
        ("guitar", "guitar", "guitar", "sax"),
        0.6,
    ),
    "electronic": Style(
        {"pad": 0.75, "pluck": 0.8, "keys": 0.4, "strings": 0.2, "piano": 0.25, "clean": 0.15},
        {"electronic": 0.75, "sampled": 0.15, "font": 0.1},
        {"synth": 0.85, "font": 0.15},
        ("synth", "synth", "synth", "sax"),
        0.35,
    ),
    "acoustic": Style(
        {"acoustic": 0.85, "piano": 0.45, "strings": 0.4, "keys": 0.2, "clean": 0.2},
        {"sampled": 0.7, "font": 0.3},
        {"sampled": 0.35, "font": 0.35, "upright": 0.3},
        ("violin", "reed", "sax", "brass"),
        0.05,
    ),
    "soul": Style(
        {"keys": 0.6, "organ": 0.45, "horns": 0.6, "clean": 0.5, "piano": 0.4, "strings": 0.2},
        {"sampled": 0.65, "font": 0.35},
        {"sampled": 0.4, "font": 0.35, "upright": 0.25},
        ("sax", "brass", "brass", "reed", "guitar"),
        0.2,
    ),
}
_SHARES = {"pop": 0.32, "rock": 0.25, "electronic": 0.16, "acoustic": 0.12, "soul": 0.15}


def choose_style(rng: np.random.Generator) -> Style:
    """Return a style by chance."""
    return STYLES[str(rng.choice(list(_SHARES), p=list(_SHARES.values())))]


def pick(weights: dict[str, float], rng: np.random.Generator) -> str:
    """Return a key by the chance that its value is."""
    return str(rng.choice(list(weights), p=list(weights.values())))


def play_bass(
    excerpt: Excerpt,
    style: Style,
    instruments: Instruments,
    rng: np.random.Generator,
    *,
    plain: bool,
) -> Signal:
    """Return the bass, (2, n): the song's own line or a pattern."""
    samples = int(excerpt.seconds * SAMPLE_RATE)
    notes = [note for line in excerpt.of("bass") for note in line.notes]
    if not notes or rng.random() < 0.4:
        notes = bass_pattern(excerpt, rng)
    # A transposed line must stay on the instrument.
    notes = [n._replace(pitch=n.pitch + (12 if n.pitch < 26 else 0)) for n in notes]
    names = _BASSES[pick(style.basses, rng)]
    track = scaled(instruments.play(str(rng.choice(names)), notes, samples, rng), 0.1)
    if rng.random() < style.drive:
        grit = equalise(saturate(track, float(rng.uniform(6, 24))), Band("lowpass", 5000.0))
        track = track * np.float32(0.6) + grit * np.float32(rng.uniform(0.3, 0.8))
    if rng.random() < 0.7:
        track = compress(track, float(rng.uniform(-8, 2)), float(rng.uniform(2, 6)))
    if not plain:
        track = equalise(track, Band("highpass", 28.0), *random_tone(rng, 1.5))
    if rng.random() < 0.15:
        return widened(track, rng, 0.3)
    return pan(track, 0.0)


def _notes_for(family: str, excerpt: Excerpt, rng: np.random.Generator) -> list[Note]:
    """Return what an instrument of a family plays: a pattern, or a line of the song."""
    patterns: dict[str, Callable[[Excerpt, np.random.Generator], list[Note]]] = {
        "power": power_chords,
        "pad": held_chords,
        "strings": held_chords,
        "organ": held_chords,
        "pluck": arpeggio,
        "acoustic": strum if rng.random() < 0.6 else arpeggio,
        "clean": strum if rng.random() < 0.5 else arpeggio,
    }
    lines = excerpt.of("chord")
    if family in ("piano", "keys") and rng.random() < 0.6:
        lines = excerpt.of("piano") or lines
    if family in patterns and (family == "power" or not lines or rng.random() < 0.6):
        return patterns[family](excerpt, rng)
    if not lines:
        return held_chords(excerpt, rng)
    return lines[int(rng.integers(len(lines)))].notes


def _perform(
    name: str, notes: list[Note], samples: int, instruments: Instruments, rng: np.random.Generator
) -> Signal:
    """Return notes on an instrument, mono, at a common loudness, amplified where it says so."""
    amplified = name.startswith("amp ")
    track = instruments.play(name.removeprefix("amp "), notes, samples, rng)
    if amplified and loudness(track) > 1e-6:
        track = amplify_guitar(track, rng, float(rng.uniform(8, 38)))
    return scaled(track, 0.1)


def _accompany(
    family: str,
    excerpt: Excerpt,
    instruments: Instruments,
    rng: np.random.Generator,
) -> Signal:
    """Return one accompanying instrument, (2, n), placed in the width."""
    samples = int(excerpt.seconds * SAMPLE_RATE)
    notes = _notes_for(family, excerpt, rng)
    if rng.random() < 0.25:  # waits, or stops, for a while
        begin = float(rng.uniform(0, 0.8)) * excerpt.seconds
        notes = rest_between(notes, begin, begin + float(rng.uniform(4, 12)))
    name = str(rng.choice(FAMILIES[family]))
    track = _perform(name, notes, samples, instruments, rng)
    if family == "power" and rng.random() < 0.7:  # two takes, left and right
        late = [n._replace(start=n.start + abs(float(rng.normal(0.008, 0.006)))) for n in notes]
        other = _perform(name, late, samples, instruments, rng)
        return pan(track, -0.8) + pan(other, 0.8)
    if family in (*_SLOW, "keys", "pluck") and rng.random() < 0.6:
        return widened(track, rng)
    if family in ("acoustic", "clean") and rng.random() < 0.35:
        return pan(track, -0.7) + pan(delayed(track, float(rng.uniform(0.01, 0.025))), 0.7)
    return pan(track, float(rng.uniform(-0.8, 0.8)))


def play_other(
    excerpt: Excerpt,
    style: Style,
    instruments: Instruments,
    rng: np.random.Generator,
    *,
    plain: bool,
    alone: bool,
) -> Signal:
    """Return the accompaniment without lead, (2, n): several instruments, or one."""
    samples = int(excerpt.seconds * SAMPLE_RATE)
    families = [family for family, share in style.families.items() if rng.random() < share]
    main = next(iter(style.families)) if rng.random() < 0.6 else pick(_even(style), rng)
    chosen = [main] if alone else sorted({main, *families}, key=[main, *families].index)[:5]
    space = room(rng, float(rng.uniform(0.4, 2.0)), bright=7000.0)
    total = np.zeros((2, samples), dtype=np.float32)
    for place, family in enumerate(chosen):
        track = _accompany(family, excerpt, instruments, rng)
        if not plain and rng.random() < 0.6:
            track = equalise(track, Band("highpass", 70.0), *random_tone(rng))
        behind = -5.0 if family in _SLOW else -1.5
        level = float(rng.normal(0.0 if place == 0 else behind, 2.0))
        total += np.float32(decibels(level)) * track
    total = reverberate(total, space, float(rng.uniform(0.0, 0.25)))
    if rng.random() < 0.8:  # sound fonts are duller than records
        total = brightened(total, float(rng.normal(-20.0, 4.0)), (0.0, 7.0))
    if rng.random() < 0.4:
        total = compress(total, float(rng.uniform(-4, 4)), float(rng.uniform(1.5, 3)))
    return scaled(total, 0.1)


def _even(style: Style) -> dict[str, float]:
    return {family: 1.0 / len(style.families) for family in style.families}


def play_lead(
    notes: list[Note],
    excerpt: Excerpt,
    style: Style,
    instruments: Instruments,
    rng: np.random.Generator,
) -> Signal:
    """Return a melody on a lead instrument, (2, n), loud and in the middle like a voice."""
    samples = int(excerpt.seconds * SAMPLE_RATE)
    name = str(rng.choice(LEADS[str(rng.choice(style.leads))]))
    octave = int(rng.choice([-12, 0, 0, 12]))
    notes = [note._replace(pitch=note.pitch + octave, velocity=0.85) for note in notes]
    program = name.removeprefix("amp ").split()
    if program[0] == "font" and rng.random() < 0.8:
        depth = float(rng.uniform(0.1, 0.35))
        track = instruments.font.play(notes, samples, int(program[1]), vibrato=depth)
        if name.startswith("amp ") and loudness(track) > 1e-6:
            track = amplify_guitar(track, rng, float(rng.uniform(12, 38)))
        track = scaled(track, 0.1)
    else:
        track = _perform(name, notes, samples, instruments, rng)
    wide = pan(compress(track, -4.0, 3.0), float(np.clip(rng.normal(0, 0.2), -0.7, 0.7)))
    if rng.random() < 0.4:
        wide = echo(wide, 0.5 * excerpt.beat, 0.35, float(rng.uniform(0.1, 0.35)))
    space = room(rng, float(rng.uniform(0.5, 2.2)), bright=7000.0)
    return reverberate(wide, space, float(rng.uniform(0.05, 0.35)))
