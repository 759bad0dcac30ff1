"""One track: what takes part in it, and its four stems, mixed and mastered."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from band_arrangement import Style, choose_style, pick, play_bass, play_lead, play_other
from band_drums import play_drums
from band_effects import decibels
from band_grooves import beat_pattern
from band_instruments import Instruments
from band_mixing import STEMS, balance, master
from band_notes import SAMPLE_RATE, Excerpt, Note, Signal, Songbook, rest_between
from band_singing import choose_part, mix_vocals, sing
from band_voices import Voices

# Who plays: all, nobody sings, a voice with one instrument, no drums, no bass.
_CASTS = {"all": 0.75, "unsung": 0.12, "duo": 0.05, "drumless": 0.05, "bassless": 0.03}
_LEAD = 0.3  # of the tracks have a loud lead instrument
_BREAK = 0.15  # of the stems pause for some seconds
_PLAIN = 0.3  # of the tracks are mixed without an equaliser


class Solo(NamedTuple):
    """When a lead plays in the place of the voice, in seconds, and what."""

    begin: float
    end: float
    notes: list[Note]


class Studio:
    """All that a part's tracks are made of; one per process."""

    def __init__(self, kit: Path, font: Path, part: str) -> None:
        held_out = part == "test"
        self.songs = Songbook(kit / "songs.npz", held_out=held_out)
        self.voices = Voices(kit, self.songs, held_out=held_out)
        self.instruments = Instruments(kit, font)

    def render(self, seconds: float, rng: np.random.Generator) -> Signal:
        """Return the stems of a random track, (4, 2, n), in the order of STEMS."""
        cast = pick(_CASTS, rng)
        part = choose_part(self.songs, self.voices, seconds, rng, sung=cast != "unsung")
        excerpt = self.songs.excerpt(
            part.song, part.first, seconds, tempo=part.tempo, transpose=part.transpose
        )
        style, plain = choose_style(rng), bool(rng.random() < _PLAIN)
        silence: Signal = np.zeros((2, int(seconds * SAMPLE_RATE)), dtype=np.float32)
        stems: dict[str, Signal] = dict.fromkeys(STEMS, silence)
        if cast not in ("duo", "drumless"):
            stems["drums"] = self._drums(excerpt, style, rng, plain=plain)
        if cast not in ("duo", "bassless"):
            resting = _with_break(excerpt, rng)
            stems["bass"] = play_bass(resting, style, self.instruments, rng, plain=plain)
        stems["other"] = play_other(
            _with_break(excerpt, rng),
            style,
            self.instruments,
            rng,
            plain=plain,
            alone=cast == "duo",
        )
        solo = _choose_solo(excerpt, rng, sung=cast != "unsung") if cast != "duo" else None
        if solo is not None:
            level = np.float32(decibels(float(rng.normal(4.0, 2.0))))
            lead = play_lead(solo.notes, excerpt, style, self.instruments, rng)
            stems["other"] = stems["other"] + level * lead
        if cast != "unsung":
            voice, second = sing(part, excerpt, self.voices, rng)
            gate = _gate(len(voice), solo)
            stems["vocals"] = mix_vocals(voice * gate, second * gate, excerpt, rng, plain=plain)
        return master(balance(stems, rng), rng)

    def _drums(
        self, excerpt: Excerpt, style: Style, rng: np.random.Generator, *, plain: bool
    ) -> Signal:
        kind = pick(style.drums, rng)
        notes = [note for line in excerpt.of("drums") for note in line.notes]
        if not notes or rng.random() < (0.8 if kind == "electronic" else 0.5):
            notes = beat_pattern(excerpt, rng, electronic=kind == "electronic")
        if rng.random() < _BREAK:
            notes = rest_between(notes, *_break(excerpt.seconds, rng))
        samples = int(excerpt.seconds * SAMPLE_RATE)
        return play_drums(notes, samples, self.instruments, rng, kind=kind, plain=plain)


def _break(seconds: float, rng: np.random.Generator) -> tuple[float, float]:
    """Return when something pauses, in seconds."""
    begin = float(rng.uniform(0.0, 0.8)) * seconds
    return begin, begin + float(rng.uniform(2.0, 8.0))


def _with_break(excerpt: Excerpt, rng: np.random.Generator) -> Excerpt:
    """Return an excerpt, in some cases with a pause of everything that is pitched."""
    if rng.random() >= _BREAK:
        return excerpt
    begin, end = _break(excerpt.seconds, rng)
    lines = [line._replace(notes=rest_between(line.notes, begin, end)) for line in excerpt.lines]
    chords = [chord for chord in excerpt.chords if not begin <= chord.start < end]
    return Excerpt(excerpt.seconds, excerpt.beat, excerpt.downbeat, lines, chords)


def _choose_solo(excerpt: Excerpt, rng: np.random.Generator, *, sung: bool) -> Solo | None:
    """Return a solo, if there is one: the vocal melody while no one sings, or a second melody."""
    if rng.random() >= (_LEAD if sung else 0.6):
        return None
    melody = [note for line in excerpt.of("melody") for note in line.notes]
    bridge = [note for line in excerpt.of("bridge") for note in line.notes]
    if not sung:
        return Solo(0.0, 0.0, melody or bridge)
    if bridge and rng.random() < 0.35:  # answers the voice, or plays along with it
        return Solo(0.0, 0.0, bridge)
    length = float(rng.uniform(0.25, 0.6)) * excerpt.seconds
    begin = float(rng.uniform(0.0, excerpt.seconds - length))
    notes = [note for note in melody or bridge if begin <= note.start < begin + length]
    return Solo(begin, begin + length, notes) if notes else None


def _gate(samples: int, solo: Solo | None) -> Signal:
    """Return a gain that keeps the voice silent during a solo."""
    gate = np.ones(samples, dtype=np.float32)
    if solo is not None and solo.end > solo.begin:
        begin, end = int(solo.begin * SAMPLE_RATE), int(solo.end * SAMPLE_RATE)
        times = np.arange(samples)
        outside = np.maximum(begin - times, times - end) / (0.03 * SAMPLE_RATE)
        gate = np.clip(outside, 0.0, 1.0).astype(np.float32)
    return gate
