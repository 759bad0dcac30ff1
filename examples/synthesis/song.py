"""Composition: tempo, key, chords and melodies, before any sound is made."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import numpy as np

_MAJOR = (0, 2, 4, 5, 7, 9, 11)
_MINOR = (0, 2, 3, 5, 7, 8, 10)
# Roots of four-bar progressions, as steps of the scale from zero.
_MAJOR_PROGRESSIONS = ((0, 4, 5, 3), (5, 3, 0, 4), (0, 5, 3, 4), (0, 2, 3, 4), (0, 3, 5, 4))
_MINOR_PROGRESSIONS = ((0, 5, 2, 6), (0, 3, 5, 6), (0, 6, 5, 6), (0, 2, 5, 3), (0, 5, 3, 4))
# Rhythms of one 4/4 bar of melody, in beats; a negative number is a rest.
_RHYTHMS = (
    (1.0, 1.0, 1.0, 1.0),
    (1.5, 0.5, 1.0, 1.0),
    (0.5, 0.5, 1.0, 1.5, 0.5),
    (1.0, 0.5, 0.5, 2.0),
    (0.5, 0.5, 0.5, 1.5, 1.0),
    (-0.5, 0.5, 0.5, 0.5, 1.0, 1.0),
    (0.75, 0.75, 0.5, 2.0),
)
_ENDINGS = ((1.0, 1.0, 1.25), (1.5, 0.5, 1.25), (0.5, 0.5, 2.0), (3.0,), (0.5, 0.5, 0.5, 1.5))
BEATS_PER_BAR = 4


@dataclass(frozen=True, slots=True)
class Note:
    """One note of one instrument.

    Attributes:
        start: In seconds from the start of the song.
        seconds: Until the next note or rest.
        pitch: MIDI semitones.
        velocity: Loudness in (0, 1].
    """

    start: float
    seconds: float
    pitch: float
    velocity: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Song:
    """What all instruments of a song agree on; bars are counted from zero, without end.

    Attributes:
        seed: Of everything random in this song.
        seconds: Length of the song.
        tempo: Beats per minute.
        tonic: Pitch class of the key, in semitones above C.
        scale: Semitones of the seven steps above the tonic.
        progression: Step of the scale that each bar's chord stands on, repeated.
    """

    seed: int
    seconds: float
    tempo: float
    tonic: int
    scale: tuple[int, ...]
    progression: tuple[int, ...]

    @property
    def beat(self) -> float:
        """Length of a beat, in seconds."""
        return 60.0 / self.tempo

    def bars(self) -> Iterator[tuple[int, float]]:
        """Yield the number and the start, in seconds, of every bar that the song reaches."""
        for bar in count():
            start = bar * BEATS_PER_BAR * self.beat
            if start >= self.seconds:
                return
            yield bar, start

    def pitch(self, step: int) -> int:
        """Return the MIDI pitch of a step of the scale; step 0 lies in the octave from C3."""
        octave, degree = divmod(step, len(self.scale))
        return 48 + self.tonic + 12 * octave + self.scale[degree]

    def chord(self, bar: int, *, size: int = 3) -> tuple[int, ...]:
        """Return the steps of the scale of a bar's chord: stacked thirds, lowest first."""
        root = self.progression[bar % len(self.progression)]
        return tuple(root + 2 * third for third in range(size))


def compose(seed: int, seconds: float) -> Song:
    """Draw tempo, key and chords of a song."""
    rng = np.random.default_rng([seed, 0])
    minor = bool(rng.random() < 0.5)
    progressions = _MINOR_PROGRESSIONS if minor else _MAJOR_PROGRESSIONS
    first, second = rng.choice(len(progressions), 2, replace=False)
    return Song(
        seed=seed,
        seconds=seconds,
        tempo=float(rng.integers(84, 133)),
        tonic=int(rng.integers(0, 12)),
        scale=_MINOR if minor else _MAJOR,
        # Verse twice, then another turn: not every four bars are the same.
        progression=progressions[first] * 2 + progressions[second] * 2,
    )


def write_phrases(
    song: Song, rng: np.random.Generator, *, low: int, high: int
) -> Iterator[list[Note]]:
    """Yield a melody as two-bar phrases with a rest after each.

    The line walks along the scale, and lands on a tone of the chord on every
    beat that a listener hears as strong.

    Args:
        song: Gives the chords.
        rng: Draws the rhythm and the walk.
        low: Lowest pitch of the instrument, MIDI semitones.
        high: Highest pitch, at least an octave above.
    """
    playable = [step for step in range(-28, 36) if low <= song.pitch(step) <= high]
    step = playable[len(playable) // 2]
    for bar, start in song.bars():
        if bar % 2:
            continue
        notes: list[Note] = []
        for offset, patterns in enumerate((_RHYTHMS, _ENDINGS)):
            rhythm = patterns[rng.integers(len(patterns))]
            position = offset * float(BEATS_PER_BAR)
            for beats in rhythm:
                if beats > 0:
                    strong = beats >= 1.0 or position % 2 == 0
                    step = _walk(rng, step, playable, song.chord(bar + offset), strong=strong)
                    notes.append(
                        Note(
                            start + position * song.beat,
                            beats * song.beat,
                            song.pitch(step),
                            float(rng.uniform(0.75, 1.0)),
                        )
                    )
                position += abs(beats)
        yield notes


def _walk(
    rng: np.random.Generator,
    step: int,
    playable: list[int],
    chord: tuple[int, ...],
    *,
    strong: bool,
) -> int:
    """Return the next step of the scale: near, in range, and in the chord if ``strong``."""
    classes = {tone % 7 for tone in chord}
    choices = [choice for choice in playable if not strong or choice % 7 in classes]
    # The middle of the range pulls a little, so that the line does not stick to an edge.
    middle = 0.5 * (playable[0] + playable[-1])
    distance = np.array([abs(choice - step) + 0.15 * abs(choice - middle) for choice in choices])
    weights = np.exp(-distance / 1.5) * np.where(np.array(choices) == step, 0.5, 1.0)
    return int(rng.choice(choices, p=weights / weights.sum()))
