"""The scores: random windows of real pieces, as lines that an instrument can play."""

import json
from dataclasses import dataclass
from enum import IntFlag
from pathlib import Path

import numpy as np
from chamber_instruments import Instrument
from numpy.typing import NDArray

NOTE = np.dtype(
    [
        *(("start", "f8"), ("length", "f8")),  # seconds
        *(("pitch", "f8"), ("velocity", "f8")),  # MIDI numbers
        *(("part", "i4"), ("flags", "i4")),
    ]
)
Notes = NDArray[np.void]  # of dtype NOTE

_WEIGHTS = {  # of a group of pieces: the small ones would hardly be heard otherwise
    "openscore_quartet": 1.0,
    "openscore_lied_lines": 0.8,
    "mutopia_instrumental": 1.6,
    "mutopia_satb": 1.2,
}
_MOST_WINDOWS = 200  # that are tried for the lines of one track
_SHORTEST = 0.02  # seconds between two notes of a line; closer ones are a chord


class Flag(IntFlag):
    """How a note is written."""

    SLURRED = 1  # from the note before
    STACCATO = 2
    PLUCKED = 4
    ACCENT = 8
    TREMOLO = 16
    TENUTO = 32


@dataclass(frozen=True, slots=True)
class Library:
    """The pieces of one part of the data."""

    pieces: tuple[Notes, ...]
    weights: NDArray[np.float64]


def open_library(kit: Path, split: str) -> Library:
    """Read the scores of ``kit`` that belong to ``split``."""
    listed = json.loads((kit / "scores.json").read_text())
    with np.load(kit / "scores.npz") as stored:
        columns = {name: stored[name] for name in stored.files}
    pieces, weights = [], []
    for index, piece in enumerate(listed):
        if piece["split"] != split:
            continue
        rows = slice(int(columns["offset"][index]), int(columns["offset"][index + 1]))
        notes = np.zeros(rows.stop - rows.start, NOTE)
        notes["start"] = np.cumsum(columns["start_delta_cs"][rows].astype(np.int64)) / 100
        notes["length"] = columns["dur_cs"][rows] / 100
        notes["velocity"] = columns["vel"][rows]
        for name in ("pitch", "part", "flags"):
            notes[name] = columns[name][rows]
        pieces.append(notes)
        weights.append(_WEIGHTS.get(piece["group"], 1.0))
    return Library(tuple(pieces), np.array(weights) / np.sum(weights))


def draw_lines(
    library: Library, count: int, seconds: float, rng: np.random.Generator
) -> list[Notes]:
    """Return ``count`` lines, high to low, of one piece where it has as many.

    What is missing doubles a line of the piece, or comes from another piece.

    Raises:
        ValueError: In window after window no line sounds for long enough.
    """
    lines: list[Notes] = []
    windows = 0
    while len(lines) < count:
        windows += 1
        if windows > _MOST_WINDOWS:
            raise ValueError(f"the pieces are too short or too sparse for {seconds:g} s")
        more = _draw_window(library, seconds, rng)
        missing = count - len(lines)
        if len(more) > missing:
            chosen = np.sort(rng.choice(len(more), missing, replace=False))
            more = [more[index] for index in chosen]
        lines += more
        if lines and rng.random() < 0.6:
            doubled = rng.integers(len(lines), size=count - len(lines))
            lines += [lines[index].copy() for index in doubled]
    return sorted(lines, key=lambda line: -float(line["pitch"].mean()))


def _draw_window(library: Library, seconds: float, rng: np.random.Generator) -> list[Notes]:
    """Return the busy lines of a random window, at another tempo, in another key."""
    piece = library.pieces[int(rng.choice(len(library.pieces), p=library.weights))]
    tempo = rng.uniform(0.72, 1.25)
    span = seconds * tempo
    begin = rng.uniform(-0.3, max(0.0, float(piece["start"][-1]) - 0.9 * span))
    inside = (piece["start"] >= begin) & (piece["start"] < begin + span)
    notes = piece[inside].copy()
    notes["start"] = _bend_time((notes["start"] - begin) / tempo, rng)
    notes["length"] /= tempo
    notes["pitch"] += int(rng.integers(-5, 7))
    lines: list[Notes] = []
    for part in np.unique(notes["part"]):
        lines += _split_chords(notes[notes["part"] == part])
    return [line for line in lines if _sounding(line, seconds) > 0.25 * seconds]


def _bend_time(start: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Let the tempo come and go by a few per cent."""
    speed = 2 * np.pi * rng.uniform(0.08, 0.3)
    phase = rng.uniform(0, 2 * np.pi)
    depth = rng.uniform(0, 0.045) / speed
    bent = start + depth * (np.sin(speed * start + phase) - np.sin(phase))
    return np.asarray(np.maximum(0.0, bent))


def _split_chords(part: Notes) -> list[Notes]:
    """Return a part, or its top and bottom line where it is mostly chords."""
    upper, lower = single_line(part), single_line(part, top=False)
    same_rhythm = len(upper) == len(lower)
    differ = same_rhythm and np.mean(upper["pitch"] != lower["pitch"]) > 0.4
    return [upper, lower] if differ else [part]


def _sounding(line: Notes, seconds: float) -> float:
    left = np.clip(seconds - line["start"], 0.0, None)
    return float(np.minimum(line["length"], left).sum())


def single_line(notes: Notes, *, top: bool = True) -> Notes:
    """Keep one note of every chord, and end it where the next begins."""
    order = np.lexsort((notes["pitch"] * (-1 if top else 1), notes["start"]))
    line: Notes = notes[order]
    if len(line) < 2:
        return line
    line = line[np.concatenate([[True], np.diff(line["start"]) > _SHORTEST])]
    room = np.append(np.diff(line["start"]), np.inf)
    line["length"] = np.minimum(line["length"], np.maximum(room, 0.05))
    return line


def fit_line(notes: Notes, instrument: Instrument) -> Notes:
    """Move a line by octaves into an instrument's range; fold the notes that still stick out."""
    low, high = instrument.low, instrument.high
    pitch = notes["pitch"]

    def fitness(octaves: int) -> float:
        moved = pitch + 12 * octaves
        inside = np.count_nonzero((moved >= low) & (moved <= high))
        return float(inside - 0.02 * abs(np.median(moved) - instrument.centre))

    fitted = notes.copy()
    moved = pitch + 12 * max(range(-4, 5), key=fitness)
    moved = moved + 12 * np.ceil(np.maximum(0, low - moved) / 12)
    fitted["pitch"] = moved - 12 * np.ceil(np.maximum(0, moved - high) / 12)
    return fitted if instrument.bowed else single_line(fitted)
