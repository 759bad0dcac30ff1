"""Instruments that play notes: a General MIDI sound font, sampled notes, synthesiser patches.

`Instruments.play` takes a name of three kinds: `font 27` (a program of the sound font), `sample
piano_kw` (an instrument of `instruments.json`) and `patch pad` (see `band_synthesis`). Files are
decoded once per process.
"""

import importlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
from band_notes import SAMPLE_RATE, Note, Signal
from band_synthesis import play_patch

_RELEASE = int(0.06 * SAMPLE_RATE)
_BEND_RANGE = 2.0  # semitones of a full pitch bend
_BEND_STEP = 441  # samples between two positions of the pitch wheel


class SoundFont:
    """Plays notes with the instruments of a General MIDI sound font."""

    def __init__(self, path: Path) -> None:
        # Not a dependency of the project, and without type hints.
        library: Any = importlib.import_module("tinysoundfont")
        self._synth = library.Synth(samplerate=SAMPLE_RATE)
        self._font = self._synth.sfload(str(path))

    def play(
        self,
        notes: Sequence[Note],
        samples: int,
        program: int,
        *,
        drums: bool = False,
        vibrato: float = 0.0,
    ) -> Signal:
        """Return notes as a mono sound; vibrato is in semitones, and grows within a note."""
        synth = self._synth
        synth.sounds_off(0)
        synth.program_select(0, self._font, 128 if drums else 0, program, drums)
        events: list[tuple[int, int, int, int]] = []
        for note in notes:
            key, velocity = int(np.clip(note.pitch, 0, 127)), round(127 * note.velocity)
            start = int(note.start * SAMPLE_RATE)
            events.append((start, 1, key, int(np.clip(velocity, 1, 127))))
            events.append((start + int(note.seconds * SAMPLE_RATE), 0, key, 0))
        if vibrato:
            events += _wheel(notes, samples, vibrato)
        events.append((samples, 3, 0, 0))
        chunks, place = [], 0
        for time, kind, value, velocity in sorted(events):
            until = min(time, samples)
            if until > place:
                chunks.append(np.frombuffer(synth.generate(until - place), dtype=np.float32))
                place = until
            if kind == 0:
                synth.noteoff(0, value)
            elif kind == 1:
                synth.noteon(0, value, velocity)
            elif kind == 2:
                synth.pitchbend(0, value)
        synth.notes_off(0)
        synth.sounds_off(0)
        synth.pitchbend(0, 8192)
        synth.generate(SAMPLE_RATE // 4)  # what is still in the air must not start the next one
        return np.asarray(np.concatenate(chunks).reshape(-1, 2).mean(axis=1))


def _wheel(notes: Sequence[Note], samples: int, vibrato: float) -> list[tuple[int, int, int, int]]:
    """Return the positions of a pitch wheel: a scoop into each note, then vibrato."""
    times = np.arange(0, samples, _BEND_STEP) / SAMPLE_RATE
    starts = np.array(sorted(note.start for note in notes))
    last = np.searchsorted(starts, times, side="right") - 1
    since = np.where(last >= 0, times - starts[np.maximum(last, 0)], 0.0)
    swing = np.clip((since - 0.15) / 0.3, 0.0, 1.0) * np.sin(2.0 * np.pi * 5.4 * since)
    semitones = vibrato * (swing - 2.0 * np.exp(-since / 0.03))
    wheel = np.clip(8192 + 8191 * semitones / _BEND_RANGE, 0, 16383).astype(int)
    return [(int(i) * _BEND_STEP, 2, int(value), 0) for i, value in enumerate(wheel)]


class Instruments:
    """Everything that plays, and the one-shots of the sampled drums."""

    def __init__(self, kit: Path, font: Path) -> None:
        self._kit = kit
        self.font = SoundFont(font)
        entries = json.loads((kit / "instruments.json").read_text(encoding="utf-8"))
        self.drums: list[dict[str, Any]] = [e for e in entries if e["file"].startswith("drums/")]
        self._notes: dict[str, list[dict[str, Any]]] = {}
        for entry in entries:
            if "midi" in entry:
                self._notes.setdefault(entry["inst"], []).append(entry)
        self._files: dict[str, Signal] = {}
        self._pitched: dict[tuple[str, int], Signal] = {}

    def sound(self, file: str) -> Signal:
        """Return a file of the kit: (n,) or (2, n)."""
        if file not in self._files:
            samples, rate = soundfile.read(self._kit / file, dtype="float32")
            if rate != SAMPLE_RATE:
                raise ValueError(f"{file} has {rate} Hz, not {SAMPLE_RATE}")
            self._files[file] = np.ascontiguousarray(samples.T)
        return self._files[file]

    def play(
        self, name: str, notes: Sequence[Note], samples: int, rng: np.random.Generator
    ) -> Signal:
        """Return notes as a mono sound."""
        kind, which = name.split()
        if kind == "font":
            return self.font.play(notes, samples, int(which))
        if kind == "sample":
            return self._play_samples(which, notes, samples, rng)
        return play_patch(which, notes, samples, rng)

    def _play_samples(
        self, which: str, notes: Sequence[Note], samples: int, rng: np.random.Generator
    ) -> Signal:
        pool = self._notes[which]
        keys = np.array([entry["midi"] for entry in pool])
        track = np.zeros(samples, dtype=np.float32)
        for note in notes:
            # One of the nearest samples, by chance among layers.
            near = int(np.argmin(np.abs(keys - note.pitch) + rng.uniform(0.0, 1.2, len(keys))))
            sound = self._transposed(pool[near]["file"], note.pitch - int(keys[near]))
            start = int(note.start * SAMPLE_RATE)
            length = int(note.seconds * SAMPLE_RATE) + _RELEASE
            sound = sound[: max(0, min(length, samples - start))].copy()
            fade = min(len(sound), _RELEASE)
            if not fade:
                continue
            sound[-fade:] *= np.linspace(1.0, 0.0, fade, dtype=np.float32)
            track[start : start + len(sound)] += sound * np.float32(note.velocity**1.4)
        return track

    def _transposed(self, file: str, semitones: int) -> Signal:
        key = (file, semitones)
        if key not in self._pitched:
            sound = self.sound(file)
            ratio = 2.0 ** (semitones / 12.0)
            moved = soxr.resample(sound, SAMPLE_RATE * ratio, SAMPLE_RATE) if semitones else sound
            self._pitched[key] = moved.astype(np.float32)
        return self._pitched[key]
