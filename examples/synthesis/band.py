"""Bass and "other": what accompanies the voice besides the drums."""

from collections.abc import Callable

import numpy as np

from synthesis.song import Song
from synthesis.tones import (
    Signal,
    add_room,
    harmonic_tone,
    pitch_to_hertz,
    place,
    swell,
    time_axis,
)

# Bass patterns of a bar: start in beats, length in beats, step above the chord's root.
_BASS_PATTERNS = (
    ((0.0, 1.5, 0), (1.5, 0.5, 0), (2.0, 1.0, 4), (3.0, 1.0, 0)),
    tuple((0.5 * eighth, 0.45, 0) for eighth in range(8)),
    ((0.0, 0.75, 0), (0.75, 0.75, 0), (1.5, 1.0, 7), (2.5, 0.5, 4), (3.0, 1.0, 2)),
    ((0.0, 2.0, 0), (2.0, 1.0, 4), (3.0, 0.5, 7), (3.5, 0.5, 4)),
    ((0.0, 1.0, 0), (1.0, 1.0, 2), (2.0, 1.0, 4), (3.0, 1.0, 5)),
)


def play_bass(song: Song, rng: np.random.Generator, sample_rate: int) -> Signal:
    """Return the bass stem of a song, (samples, 2): plucked, low-passed, in the middle."""
    track = np.zeros((len(time_axis(song.seconds, sample_rate)), 2))
    patterns = rng.choice(len(_BASS_PATTERNS), 2, replace=False)
    tone = float(rng.uniform(0.62, 0.8))
    for bar, start in song.bars():
        # Mostly one pattern; the second one turns to the next part.
        pattern = _BASS_PATTERNS[patterns[1 if bar % 4 == 3 else 0]]
        root = song.chord(bar)[0]
        for beat, beats, above in pattern:
            # The root lies in the octave from E1, the lowest string, and the rest above it.
            pitch = 28 + (song.pitch(root) - 28) % 12 + song.pitch(root + above) - song.pitch(root)
            sound = _pluck_bass(pitch, beats * song.beat, tone, sample_rate)
            velocity = float(rng.uniform(0.8, 1.0))
            place(track, sound * velocity, start + beat * song.beat, sample_rate=sample_rate)
    return add_room(track, rng, seconds=0.2, level=0.04, sample_rate=sample_rate)


def _pluck_bass(pitch: float, seconds: float, tone: float, sample_rate: int) -> Signal:
    """Return one note whose upper harmonics die before its fundamental, like a damped string."""
    times = time_axis(seconds, sample_rate)
    brightness = 0.3 + (tone - 0.3) * np.exp(-times / 0.25)
    frequency = np.full(len(times), float(pitch_to_hertz(pitch)))
    sound = harmonic_tone(frequency, brightness, sample_rate=sample_rate)
    decay = np.exp(-times / 1.2)
    return np.asarray(sound * decay * swell(times, seconds, attack=0.006, release=0.04))


Voice = Callable[[Signal, Signal, int], Signal]  # times, frequency in Hz, sample rate


def _organ(times: Signal, frequency: Signal, sample_rate: int) -> Signal:
    """Return four drawbars with the slow beat of a rotating speaker."""
    angle = 2.0 * np.pi * np.cumsum(frequency) / sample_rate
    drawbars = ((1, 0.8), (2, 0.6), (3, 0.45), (4, 0.3), (6, 0.15))
    wheel = 1.0 + 0.12 * np.sin(2.0 * np.pi * 6.1 * times)
    audible = [(n, g) for n, g in drawbars if n * frequency[0] < 0.45 * sample_rate]
    return np.asarray(0.7 * wheel * sum(g * np.sin(n * angle) for n, g in audible))


def _electric_piano(times: Signal, frequency: Signal, sample_rate: int) -> Signal:
    """Return frequency modulation with a bell-like attack that mellows."""
    angle = 2.0 * np.pi * np.cumsum(frequency) / sample_rate
    index = 1.4 * np.exp(-times / 0.35) + 0.25
    bell = 0.12 * np.sin(7.0 * angle) * np.exp(-times / 0.12)
    bell *= 7.0 * frequency[0] < 0.45 * sample_rate
    return np.asarray((np.sin(angle + index * np.sin(angle)) + bell) * np.exp(-times / 1.1))


def _pad(times: Signal, frequency: Signal, sample_rate: int) -> Signal:
    """Return a slow saw-like swell."""
    brightness = 0.55 + 0.2 * np.sin(np.pi * np.clip(times / times[-1:].clip(1e-3), 0.0, 1.0))
    return harmonic_tone(frequency, brightness, sample_rate=sample_rate) * np.clip(
        times / 0.25, 0.0, 1.0
    )


def _guitar(times: Signal, frequency: Signal, sample_rate: int) -> Signal:
    """Return a steel string: bright when plucked, dull when it dies."""
    brightness = 0.35 + 0.5 * np.exp(-times / 0.3)
    sound = harmonic_tone(frequency, brightness, sample_rate=sample_rate)
    return np.asarray(sound * np.exp(-times / 0.7))


_CHORD_VOICES: tuple[Voice, ...] = (_organ, _electric_piano, _pad, _guitar)
# When chords are struck in a bar: start and length, in beats.
_STRUMS = (
    ((0.0, 4.0),),
    ((0.0, 2.0), (2.0, 2.0)),
    ((0.0, 1.5), (1.5, 1.0), (2.5, 1.5)),
    ((0.0, 1.0), (1.0, 1.0), (2.0, 1.0), (3.0, 1.0)),
    ((0.5, 0.5), (1.5, 0.5), (2.5, 0.5), (3.5, 0.5)),
)


def play_other(song: Song, rng: np.random.Generator, sample_rate: int) -> Signal:
    """Return the "other" stem, (samples, 2): chords across the stage and an arpeggio."""
    track = np.zeros((len(time_axis(song.seconds, sample_rate)), 2))
    voice = _CHORD_VOICES[rng.integers(len(_CHORD_VOICES))]
    strums = _STRUMS[rng.integers(len(_STRUMS) if voice is not _pad else 2)]
    size = int(rng.choice([3, 4]))
    for bar, start in song.bars():
        pitches = [_close_to(song.pitch(step), 60) for step in song.chord(bar, size=size)]
        for beat, beats in strums:
            chord = _strike(rng, voice, pitches, beats * song.beat, sample_rate)
            place(track, chord, start + beat * song.beat, sample_rate=sample_rate)
    _add_arpeggio(track, song, rng, sample_rate)
    return add_room(track, rng, seconds=0.7, level=0.16, sample_rate=sample_rate)


def _close_to(pitch: int, centre: int) -> int:
    """Move a pitch by octaves to at most half an octave from ``centre``: smooth voice leading."""
    return centre - 6 + (pitch - centre + 6) % 12


def _strike(
    rng: np.random.Generator,
    voice: Voice,
    pitches: list[int],
    seconds: float,
    sample_rate: int,
) -> Signal:
    """Return one chord, (samples, 2); each tone is detuned between the sides, hence wide."""
    times = time_axis(seconds, sample_rate)
    chord = np.zeros((len(times), 2))
    for index, pitch in enumerate(sorted(pitches)):
        pan = 0.5 * (index / max(1, len(pitches) - 1) - 0.5)
        detune = float(rng.uniform(0.02, 0.05))
        for side, sign in enumerate((-1.0, 1.0)):
            frequency = np.full(len(times), float(pitch_to_hertz(pitch + sign * detune)))
            gain = (1.0 + sign * pan) * float(rng.uniform(0.85, 1.0))
            chord[:, side] += gain * voice(times, frequency, sample_rate)
    envelope = swell(times, seconds, attack=0.006, release=min(0.08, 0.3 * seconds))
    return np.asarray(chord * envelope[:, None] / len(pitches))


def _add_arpeggio(track: Signal, song: Song, rng: np.random.Generator, sample_rate: int) -> None:
    """Add broken chords in eighths above the chords, in every other group of four bars."""
    order = rng.permutation([0, 1, 2, 3, 2, 1, 3, 0])
    resting_half = int(rng.integers(2))
    pan = float(rng.choice([-0.5, 0.5]))
    eighth = 0.5 * song.beat
    for bar, start in song.bars():
        if bar // 4 % 2 == resting_half:
            continue
        tones = [*song.chord(bar), song.chord(bar)[0] + 7]
        for index, tone in enumerate(order):
            times = time_axis(2.5 * eighth, sample_rate)
            pitch = (
                _close_to(song.pitch(tones[0]), 67) + song.pitch(tones[tone]) - song.pitch(tones[0])
            )
            frequency = np.full(len(times), float(pitch_to_hertz(pitch)))
            sound = _guitar(times, frequency, sample_rate)
            sound *= swell(times, times[-1], attack=0.004, release=0.1)
            velocity = 0.35 * float(rng.uniform(0.7, 1.0))
            place(track, sound * velocity, start + index * eighth, sample_rate=sample_rate, pan=pan)
