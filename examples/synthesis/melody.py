"""How a line of notes is played without a gap: gliding pitch, vibrato, breath and bow.

Curves are drawn every few milliseconds and interpolated to samples, which is
all the precision that fingers and throats have.
"""

from dataclasses import dataclass

import numpy as np

from synthesis.song import Note, Song, write_phrases
from synthesis.tones import (
    Signal,
    add_room,
    filter_static,
    harmonic_tone,
    noise_band,
    pitch_to_hertz,
    place,
    resonances,
    spectrum_axis,
    time_axis,
)

_CONTROL = 0.004  # seconds between the points of a curve


@dataclass(frozen=True, kw_only=True)
class Expression:
    """The manner of a player.

    Attributes:
        glide: Time to reach a new pitch, in seconds.
        vibrato: Depth, in semitones.
        vibrato_rate: In Hz.
        unsteadiness: Slow random deviation of the pitch, in semitones.
    """

    glide: float
    vibrato: float
    vibrato_rate: float
    unsteadiness: float = 0.04


@dataclass(frozen=True, kw_only=True)
class Sustained:
    """An instrument that is bowed or blown.

    Attributes:
        low: Lowest pitch used, MIDI semitones.
        high: Highest pitch used.
        brightness: Ratio of neighbouring harmonics, in (0, 1).
        odd: Share of the power of odd harmonics alone, in [0, 1].
        attack: Time of the bow or tongue, in seconds.
        breath: Level of bow or air noise relative to the tone.
        body: Resonances: centre in Hz, width in Hz, gain.
        expression: The player's manner.
    """

    low: int
    high: int
    brightness: float
    odd: float
    attack: float
    breath: float
    body: tuple[tuple[float, float, float], ...]
    expression: Expression


# Names follow the abbreviations of chamber music data sets.
SUSTAINED = {
    "vn": Sustained(
        low=57,
        high=81,
        brightness=0.86,
        odd=0.0,
        attack=0.07,
        breath=0.03,
        body=((290.0, 60.0, 0.8), (460.0, 90.0, 1.0), (1100.0, 250.0, 0.7), (2600.0, 600.0, 1.0)),
        expression=Expression(glide=0.05, vibrato=0.28, vibrato_rate=5.8),
    ),
    "vc": Sustained(
        low=38,
        high=62,
        brightness=0.84,
        odd=0.0,
        attack=0.09,
        breath=0.03,
        body=((110.0, 40.0, 0.8), (200.0, 60.0, 1.0), (420.0, 120.0, 0.8), (1500.0, 500.0, 0.6)),
        expression=Expression(glide=0.06, vibrato=0.22, vibrato_rate=5.2),
    ),
    "cl": Sustained(
        low=52,
        high=77,
        brightness=0.72,
        odd=0.9,
        attack=0.035,
        breath=0.015,
        body=((700.0, 900.0, 1.0), (1900.0, 500.0, 0.4)),
        expression=Expression(glide=0.02, vibrato=0.03, vibrato_rate=4.5, unsteadiness=0.02),
    ),
    "fl": Sustained(
        low=62,
        high=86,
        brightness=0.42,
        odd=0.0,
        attack=0.05,
        breath=0.08,
        body=((900.0, 1200.0, 1.0),),
        expression=Expression(glide=0.03, vibrato=0.12, vibrato_rate=5.0),
    ),
}


def play_sustained(
    song: Song, rng: np.random.Generator, sample_rate: int, instrument: Sustained
) -> Signal:
    """Return the stem of one bowed or blown instrument, (samples, 2)."""
    track = np.zeros((len(time_axis(song.seconds, sample_rate)), 2))
    for phrase in write_phrases(song, rng, low=instrument.low, high=instrument.high):
        sound = _play_phrase(phrase, rng, sample_rate, instrument)
        place(track, sound, phrase[0].start, sample_rate=sample_rate)
    pan = float(rng.uniform(-0.5, 0.5))
    track *= np.array([1.0 - pan, 1.0 + pan])
    return add_room(track, rng, seconds=0.9, level=0.2, sample_rate=sample_rate)


def _play_phrase(
    phrase: list[Note], rng: np.random.Generator, sample_rate: int, instrument: Sustained
) -> Signal:
    times = time_axis(phrase_seconds(phrase) + 0.1, sample_rate)
    frequency = pitch_to_hertz(pitch_curve(phrase, times, rng, instrument.expression))
    tones = [
        harmonic_tone(frequency, instrument.brightness, sample_rate=sample_rate, odd=odd) * share
        for odd, share in ((True, instrument.odd), (False, 1.0 - instrument.odd))
        if share > 0.0
    ]
    air = noise_band(rng, len(times), 800.0, 7000.0, sample_rate=sample_rate)
    loudness = loudness_curve(phrase, times, attack=instrument.attack, dip=0.35)
    body = resonances(spectrum_axis(len(times), sample_rate), instrument.body, floor=0.25)
    return filter_static((sum(tones) + instrument.breath * air) * loudness, body)


def phrase_seconds(phrase: list[Note]) -> float:
    """Return the time from the first note's start to the last note's end, in seconds."""
    return phrase[-1].start + phrase[-1].seconds - phrase[0].start


def pitch_curve(
    phrase: list[Note], times: Signal, rng: np.random.Generator, expression: Expression
) -> Signal:
    """Return the pitch at each of ``times`` since the phrase began, in MIDI semitones."""
    control = np.arange(0.0, times[-1] + 2 * _CONTROL, _CONTROL)
    starts = np.array([note.start for note in phrase]) - phrase[0].start
    current = np.searchsorted(starts, control, side="right") - 1
    pitches = np.array([note.pitch for note in phrase])
    since = control - starts[current]
    # The old pitch fades into the new one along half a cosine; the first note starts from below.
    before = np.concatenate([[pitches[0] - 0.7], pitches[:-1]])[current]
    blend = 0.5 - 0.5 * np.cos(np.pi * np.clip(since / expression.glide, 0.0, 1.0))
    pitch = before + (pitches[current] - before) * blend
    # Vibrato sets in once a note has settled.
    depth = expression.vibrato * np.clip((since - 0.15) / 0.25, 0.0, 1.0)
    rate = expression.vibrato_rate * (1.0 + 0.05 * _drift(rng, control))
    pitch += depth * np.sin(2.0 * np.pi * np.cumsum(rate) * _CONTROL)
    pitch += expression.unsteadiness * _drift(rng, control)
    return np.asarray(np.interp(times, control, pitch))


def loudness_curve(phrase: list[Note], times: Signal, *, attack: float, dip: float) -> Signal:
    """Return the envelope of a phrase: a dip of share ``dip`` before each note, none held over."""
    points, levels = [0.0], [0.0]
    origin = phrase[0].start
    for note, following in zip(phrase, [*phrase[1:], None], strict=True):
        start, end = note.start - origin, note.start - origin + note.seconds
        held = following is not None and following.start - origin < end + 0.01
        points += [start + attack, max(start + 1.01 * attack, end - 0.06), end]
        levels += [note.velocity, 0.8 * note.velocity, (1.0 - dip) * note.velocity if held else 0.0]
        if following is not None and not held:
            points.append(following.start - origin)
            levels.append(0.0)
    return np.interp(times, points, levels, right=0.0)


def _drift(rng: np.random.Generator, control: Signal) -> Signal:
    """Return a smooth random curve of about unit size that turns a few times per second."""
    knots = np.arange(0.0, control[-1] + 0.4, 0.2)
    return np.interp(control, knots, rng.standard_normal(len(knots)))
