"""Songs as notes: excerpts of `songs.npz`, by the role that plays them.

Held out for the test part is every tenth song, in the order of the file; the train part never
uses those.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Signal = npt.NDArray[Any]  # samples, (n,) or (2, n), at SAMPLE_RATE

SAMPLE_RATE = 44100
_TICKS = 48  # of a beat
_EVERY_NTH_SONG = 10
_PITCH_CLASSES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
# How a chord's name goes on after its root, the first that matches, and the third and fifth.
_QUALITIES = (
    (r"dim|o|m7b5", (3, 6)),
    (r"aug|\+", (4, 8)),
    (r"sus2", (2, 7)),
    (r"sus", (5, 7)),
    (r"m(?!aj)", (3, 7)),
    (r"", (4, 7)),
)


class Note(NamedTuple):
    """One note: start and length in seconds, MIDI pitch (or drum key), velocity 0 to 1."""

    start: float
    seconds: float
    pitch: int
    velocity: float


class Chord(NamedTuple):
    """One chord: start and length in seconds, the root's pitch class, and steps above it."""

    start: float
    seconds: float
    root: int
    steps: tuple[int, ...]


class Line(NamedTuple):
    """What one instrument plays: its role, its General MIDI program and its notes."""

    role: str
    program: int
    notes: list[Note]


@dataclass(frozen=True)
class Excerpt:
    """Some seconds of a song: every line, the chords, and where the beats are."""

    seconds: float
    beat: float
    downbeat: float  # the first one, in seconds
    lines: list[Line]
    chords: list[Chord]

    def of(self, role: str) -> list[Line]:
        """Return the lines of a role that play at all."""
        return [line for line in self.lines if line.role == role and line.notes]

    def bars(self) -> list[float]:
        """Return when bars start, in seconds, the first of them perhaps before the excerpt."""
        first = self.downbeat - 4 * self.beat
        count = int((self.seconds - first) / (4 * self.beat)) + 1
        return [first + 4 * self.beat * bar for bar in range(count)]

    def pitch_classes(self) -> Signal:
        """Return how long each of the twelve pitch classes sounds, the drums left out."""
        weights = np.zeros(12)
        for line in self.lines:
            if line.role != "drums":
                for note in line.notes:
                    weights[note.pitch % 12] += note.seconds
        return weights


class Songbook:
    """The songs of one part, train or test."""

    def __init__(self, path: Path, *, held_out: bool) -> None:
        with np.load(path) as arrays:
            songs = json.loads(str(arrays["meta"]))
            ends = np.cumsum(arrays["count"])
            columns = {name: arrays[name] for name in ("start", "dur", "pitch", "vel", "track")}
        self._songs: dict[int, dict[str, Any]] = {}
        self._notes: dict[int, dict[str, Signal]] = {}
        for order, (song, end) in enumerate(zip(songs, ends, strict=True)):
            if (order % _EVERY_NTH_SONG == _EVERY_NTH_SONG - 1) != held_out:
                continue
            begin = int(ends[order - 1]) if order else 0
            notes = {name: column[begin:end] for name, column in columns.items()}
            notes["start"] = np.cumsum(notes["start"].astype(np.int64)) / _TICKS
            notes["dur"] = notes["dur"] / _TICKS
            self._songs[song["id"]] = song
            self._notes[song["id"]] = notes

    def __contains__(self, song: object) -> bool:
        return song in self._songs

    def ids(self) -> list[int]:
        """Return the songs' numbers."""
        return list(self._songs)

    def beats(self, song: int) -> int:
        """Return how many beats a song has."""
        return 4 * int(self._songs[song]["bars"])

    def beat(self, song: int) -> float:
        """Return how long one beat of a song is, in seconds."""
        return 60.0 / float(self._songs[song]["bpm"])

    def excerpt(
        self, song: int, first: float, seconds: float, *, tempo: float = 1.0, transpose: int = 0
    ) -> Excerpt:
        """Return the excerpt that starts at a beat, `tempo` times as fast, some semitones off."""
        beat = self.beat(song) / tempo
        columns = self._notes[song]
        starts = (columns["start"] - first) * beat
        lengths = columns["dur"] * beat
        keep = np.flatnonzero((starts < seconds) & (starts + lengths > 0.1))
        tracks = self._songs[song]["tracks"]
        lines = [Line(role, int(program), []) for role, program, _ in tracks]
        for i in keep:
            line = lines[columns["track"][i]]
            start, length = float(starts[i]), float(lengths[i])
            if start < 0.0:
                start, length = 0.0, length + start
            pitch = int(columns["pitch"][i]) + (0 if line.role == "drums" else transpose)
            line.notes.append(Note(start, length, pitch, float(columns["vel"][i]) / 127))
        downbeat = (-first % 4) * beat
        chords = self._chords(song, first, seconds, beat, transpose)
        return Excerpt(seconds, beat, downbeat, lines, chords)

    def _chords(
        self, song: int, first: float, seconds: float, beat: float, transpose: int
    ) -> list[Chord]:
        named = self._songs[song]["chords"]
        ends = [start for start, _ in named[1:]] + [self.beats(song)]
        chords = []
        for (start, name), end in zip(named, ends, strict=True):
            begin, stop = max(0.0, (start - first) * beat), min(seconds, (end - first) * beat)
            chord = read_chord(name)
            if chord is not None and stop - begin > 0.05:
                root, steps = chord
                chords.append(Chord(begin, stop - begin, (root + transpose) % 12, steps))
        return chords


def read_chord(name: str) -> tuple[int, tuple[int, ...]] | None:
    """Return the root's pitch class and the steps above it of a chord's name, such as `F#m7`.

    None is for a name that is no chord's.
    """
    match = re.match(r"([A-G])([#b]?)(.*)", name)
    if match is None:
        return None
    letter, accidental, rest = match.groups()
    root = _PITCH_CLASSES[letter] + {"#": 1, "b": -1, "": 0}[accidental]
    middle = next(steps for pattern, steps in _QUALITIES if re.match(pattern, rest))
    seventh: tuple[int, ...] = ()
    if re.search(r"M7|maj7", rest):
        seventh = (11,)
    elif "7" in rest:
        seventh = (10,)
    return root % 12, (0, *middle, *seventh)


def rest_between(notes: list[Note], begin: float, end: float) -> list[Note]:
    """Return the notes without those that start in an interval, and cut those that reach it."""
    kept = []
    for note in notes:
        if begin <= note.start < end:
            continue
        length = note.seconds
        if note.start < begin:
            length = min(length, begin - note.start)
        kept.append(note._replace(seconds=length))
    return kept
