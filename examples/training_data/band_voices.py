"""Sung clips: which part may use them, and what a singer sings in a track.

Held out for the test part is every eighth speaker, by sorted name; the train part never uses
those, nor clips that sing the melody of a held-out song. Names that differ only in what follows
` shift` or ` (` are one person.
"""

import json
import re
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from band_effects import scaled
from band_notes import SAMPLE_RATE, Signal
from band_pitch import pitch_classes
from scipy import fft

_EVERY_NTH_SPEAKER = 8
_FADE = int(0.01 * SAMPLE_RATE)


@dataclass(frozen=True)
class Clip:
    """A recording of one voice, and where it fits into a song, if that is known."""

    file: str
    speaker: str
    real: bool  # a recording of singing, not speech or a synthesiser made to sing
    low_band: bool  # nothing above 8 kHz
    second_voice_of: str | None
    song: int | None = None
    beat: float = 0.0  # of the first sung note
    lead_in: float = 0.0  # seconds before it
    transpose: int = 0  # semitones against the song

    @property
    def name(self) -> str:
        """Return the file's name without folder and extension."""
        return Path(self.file).stem


def _read_clips(path: Path) -> list[Clip]:
    clips = []
    for entry in json.loads(path.read_text(encoding="utf-8")):
        placed = entry.get("song") is not None and entry.get("transpose") is not None
        clips.append(
            Clip(
                file=entry["file"],
                speaker=re.split(r" shift| \(", entry["speaker"])[0],
                real=entry["kind"] == "real_singing",
                low_band=entry["band"].startswith("16 kHz"),
                second_voice_of=entry.get("of"),
                song=int(entry["song"]) if placed else None,
                beat=float(entry.get("beat0", 0.0)),
                lead_in=float(entry.get("lead_s", 0.0)),
                transpose=int(entry.get("transpose") or 0),
            )
        )
    return clips


class Voices:
    """The clips of one part, train or test, decoded once."""

    def __init__(self, kit: Path, songs: Container[int], *, held_out: bool) -> None:
        clips = _read_clips(kit / "manifest.json")
        speakers = sorted({clip.speaker for clip in clips})
        rare = set(speakers[_EVERY_NTH_SPEAKER - 1 :: _EVERY_NTH_SPEAKER])
        mine = [clip for clip in clips if (clip.speaker in rare) == held_out]
        if not held_out:
            mine = [clip for clip in mine if clip.song is None or clip.song in songs]
        leads = [clip for clip in mine if clip.second_voice_of is None]
        self.real = [clip for clip in leads if clip.real]
        self.made = [clip for clip in leads if not clip.real]
        self.placed = [clip for clip in self.made if clip.song in songs]
        self._seconds = {c.second_voice_of: c for c in mine if c.second_voice_of is not None}
        self._kit = kit
        self._sounds: dict[str, Signal] = {}
        self._classes: dict[str, Signal] = {}

    def second_voice(self, clip: Clip) -> Clip | None:
        """Return the recorded harmony of a clip, if there is one."""
        return self._seconds.get(clip.name)

    def sound(self, clip: Clip) -> Signal:
        """Return a clip, mono, at a common loudness, with all of its highs."""
        if clip.file not in self._sounds:
            samples, rate = soundfile.read(self._kit / clip.file, dtype="float32", always_2d=True)
            if rate != SAMPLE_RATE:
                raise ValueError(f"{clip.file} has {rate} Hz, not {SAMPLE_RATE}")
            sound = samples.mean(axis=1)
            if clip.low_band:
                sound = extend_highs(sound)
            self._sounds[clip.file] = scaled(sound, 0.1).astype(np.float32)
        return self._sounds[clip.file]

    def pitch_classes(self, clip: Clip) -> Signal:
        """Return the weights of the twelve pitch classes in a clip."""
        if clip.file not in self._classes:
            self._classes[clip.file] = pitch_classes(self.sound(clip))
        return self._classes[clip.file]


def extend_highs(sound: Signal) -> Signal:
    """Return a sound that ends at 8 kHz with its upper octave copied above, ever softer.

    Without it, a model learns that voices have no highs. Shifting a spectrum keeps what it does in
    time: consonants stay noise, and sung notes stay lines.
    """
    n = len(sound)
    size = fft.next_fast_len(n, real=True)
    spectrum = fft.rfft(sound, size)
    hertz = fft.rfftfreq(size, 1.0 / SAMPLE_RATE)
    low, high = np.searchsorted(hertz, (3800.0, 7500.0))
    width = high - low
    ramp = max(1, width // 12)
    source = spectrum[low - ramp : high].copy()
    source[:ramp] *= np.linspace(0.0, 1.0, ramp)
    source[-ramp:] *= np.linspace(1.0, 0.0, ramp)
    for copy, gain in ((1, 0.55), (2, 0.3), (3, 0.15)):
        begin = low - ramp + copy * (width - ramp // 2)
        stop = min(begin + len(source), len(spectrum))
        spectrum[begin:stop] += gain * source[: stop - begin]
    return np.asarray(fft.irfft(spectrum, size)[:n], dtype=np.float32)


def place_clip(track: Signal, sound: Signal, start: float) -> float:
    """Add a mono sound to a track from a time on, which may be before it; return its end."""
    begin = int(start * SAMPLE_RATE)
    if begin < 0:
        sound, begin = sound[-begin:], 0
    piece = sound[: max(0, len(track) - begin)].copy()
    if len(piece) > 2 * _FADE:
        piece[:_FADE] *= np.linspace(0.0, 1.0, _FADE, dtype=np.float32)
        piece[-_FADE:] *= np.linspace(1.0, 0.0, _FADE, dtype=np.float32)
        track[begin : begin + len(piece)] += piece
    return start + len(sound) / SAMPLE_RATE
