"""A singer without words: glottal pulses and noise through the formants of vowels."""

from dataclasses import dataclass

import numpy as np

from synthesis.melody import Expression, loudness_curve, phrase_seconds, pitch_curve
from synthesis.song import Note, Song, write_phrases
from synthesis.tones import (
    Signal,
    add_room,
    filter_frames,
    frame_axes,
    harmonic_tone,
    noise_band,
    pitch_to_hertz,
    place,
    swell,
    time_axis,
)

# First three formants of a low voice, in Hz.
_VOWELS = {
    "a": (750.0, 1200.0, 2550.0),
    "ae": (660.0, 1700.0, 2400.0),
    "e": (480.0, 1900.0, 2500.0),
    "i": (300.0, 2200.0, 2950.0),
    "o": (480.0, 900.0, 2450.0),
    "u": (330.0, 800.0, 2300.0),
}
_WIDTHS = (90.0, 110.0, 160.0)
_HIGHER = ((3400.0, 250.0, 0.5), (4300.0, 400.0, 0.3), (6000.0, 1500.0, 0.12))
# Consonants: band of the noise in Hz, its length in seconds, its level; hums have no noise.
_CONSONANTS = {
    "s": (4800.0, 10000.0, 0.10, 0.25),
    "sh": (2500.0, 6000.0, 0.09, 0.25),
    "t": (3000.0, 8000.0, 0.025, 0.5),
    "k": (1400.0, 3000.0, 0.03, 0.5),
    "h": (600.0, 4000.0, 0.06, 0.12),
}
_HUMS = ("m", "l")  # the mouth closes while the voice goes on


@dataclass(frozen=True, kw_only=True)
class Singer:
    """One voice.

    Attributes:
        low: Lowest pitch used, MIDI semitones.
        high: Highest pitch used.
        tract: Scale of the formants: 1 for a long vocal tract, up to 1.2 for a short one.
        brightness: Ratio of neighbouring harmonics of the glottal pulses, in (0, 1).
        breath: Level of the air in the tone.
        expression: The singer's manner.
    """

    low: int
    high: int
    tract: float
    brightness: float
    breath: float
    expression: Expression


def play_vocals(song: Song, rng: np.random.Generator, sample_rate: int) -> Signal:
    """Return the vocal stem of a song, (samples, 2): phrases, with a breath before each."""
    track = np.zeros((len(time_axis(song.seconds, sample_rate)), 2))
    singer = _draw_singer(rng)
    for phrase in write_phrases(song, rng, low=singer.low, high=singer.high):
        sound = _sing(phrase, rng, sample_rate, singer)
        place(track, sound, phrase[0].start, sample_rate=sample_rate)
        _add_breath(track, phrase, rng, sample_rate)
    return add_room(track, rng, seconds=0.6, level=0.14, sample_rate=sample_rate)


def _draw_singer(rng: np.random.Generator) -> Singer:
    high_voice = bool(rng.random() < 0.5)
    low = int(rng.integers(55, 60)) if high_voice else int(rng.integers(46, 51))
    return Singer(
        low=low,
        high=low + 16,
        tract=float(rng.uniform(1.1, 1.2) if high_voice else rng.uniform(0.95, 1.05)),
        brightness=float(rng.uniform(0.86, 0.91)),
        breath=float(rng.uniform(0.03, 0.08)),
        expression=Expression(
            glide=float(rng.uniform(0.06, 0.12)),
            vibrato=float(rng.uniform(0.3, 0.6)),
            vibrato_rate=float(rng.uniform(5.0, 6.2)),
            unsteadiness=0.13,
        ),
    )


def _sing(phrase: list[Note], rng: np.random.Generator, sample_rate: int, singer: Singer) -> Signal:
    """Return a phrase on random syllables, (samples,)."""
    times = time_axis(phrase_seconds(phrase) + 0.1, sample_rate)
    frequency = pitch_to_hertz(pitch_curve(phrase, times, rng, singer.expression))
    pulses = harmonic_tone(frequency, singer.brightness, sample_rate=sample_rate)
    air = noise_band(rng, len(times), 500.0, 9000.0, sample_rate=sample_rate)
    loudness = loudness_curve(phrase, times, attack=0.05, dip=0.5)
    syllables = [
        (str(rng.choice([*_CONSONANTS, *_HUMS, ""])), str(rng.choice([*_VOWELS]))) for _ in phrase
    ]
    tract = _tract_gains(phrase, syllables, len(times), sample_rate, singer)
    sung = filter_frames((pulses + singer.breath * air) * loudness, tract)
    for note, (consonant, _) in zip(phrase, syllables, strict=True):
        if consonant in _CONSONANTS:
            low, high, seconds, level = _CONSONANTS[consonant]
            start = int((note.start - phrase[0].start) * sample_rate)
            burst = _burst(rng, low, high, seconds, sample_rate)[: max(0, len(sung) - start)]
            sung[start : start + len(burst)] += level * note.velocity * burst
    return sung


def _tract_gains(
    phrase: list[Note],
    syllables: list[tuple[str, str]],
    samples: int,
    sample_rate: int,
    singer: Singer,
) -> Signal:
    """Return the gains of the moving vocal tract, (frames, bins)."""
    times, frequencies = frame_axes(samples, sample_rate)
    points: list[float] = []
    formants: list[tuple[float, float, float]] = []
    openings: list[float] = []
    for note, (consonant, vowel) in zip(phrase, syllables, strict=True):
        start = note.start - phrase[0].start
        closed = 0.08 if consonant in _HUMS else 0.7
        points += [start - 0.02, start + 0.09, start + max(0.1, note.seconds - 0.08)]
        formants += [(280.0, 1100.0, 2300.0) if consonant in _HUMS else _VOWELS[vowel]]
        formants += [_VOWELS[vowel]] * 2
        openings += [closed, 1.0, 1.0]
    gains = np.zeros((len(times), frequencies.shape[1]))
    for index, width in enumerate(_WIDTHS):
        path = [formant[index] * singer.tract for formant in formants]
        centre = np.interp(times, points, path)
        weaker = 1.0 if index == 0 else (0.75, 0.5)[index - 1] * np.interp(times, points, openings)
        gains += weaker / (1.0 + ((frequencies - centre) / width) ** 2)
    for fixed, width, gain in _HIGHER:
        gains += (
            gain
            * np.interp(times, points, openings)
            / (1.0 + ((frequencies - fixed * singer.tract) / width) ** 2)
        )
    # Lips and nose let a little of everything through; nothing below the chest's range.
    return np.asarray((gains + 0.06) / (1.0 + (90.0 / (frequencies + 1.0)) ** 4))


def _burst(
    rng: np.random.Generator, low: float, high: float, seconds: float, sample_rate: int
) -> Signal:
    times = time_axis(seconds, sample_rate)
    noise = noise_band(rng, len(times), low, high, sample_rate=sample_rate)
    return noise * swell(times, seconds, attack=0.1 * seconds, release=0.5 * seconds)


def _add_breath(
    track: Signal, phrase: list[Note], rng: np.random.Generator, sample_rate: int
) -> None:
    """Add the breath taken before a phrase, if there is time for one."""
    seconds = 0.3
    start = phrase[0].start - seconds - 0.05
    if start > 0.0:
        breath = 0.05 * _burst(rng, 1200.0, 6000.0, seconds, sample_rate)
        place(track, breath, start, sample_rate=sample_rate)
