"""The samples: decoded once into one array, then looked up by label, voice and measured pitch."""

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from chamber_instruments import Signal
from numpy.typing import NDArray
from scipy.signal import resample_poly

SUSTAIN_DB = -20.0  # every sample is brought to this level; a score decides how loud it plays
_LEAD, _TAIL = 0.004, 0.05  # seconds kept before the onset and after the end
_MP3_DELAY = 1058  # samples that an encoder put before a recording, many of which begin abruptly
_LOUDEST = 32_767


@dataclass(frozen=True, slots=True)
class Sample:
    """One recorded note or phrase, and where it lies in the decoded array."""

    kind: str
    label: str
    voice: str  # whose instrument: a label has several
    split: str
    pitch: float  # measured, a MIDI number; 0 for a phrase
    loudness: float  # pp 1 ... ff 6
    attack: float  # seconds until it sustains
    offset: int
    length: int
    gain: float  # from stored integers to the common level
    loops: tuple[tuple[int, int], ...]  # the waveform at the second goes on as at the first


@dataclass(frozen=True, slots=True)
class Voice:
    """All notes of one recorded player."""

    samples: tuple[Sample, ...]
    pitches: NDArray[np.float64]
    loudness: NDArray[np.float64]


class Kit:
    """The samples of one part of the data, ``train`` or ``test``."""

    def __init__(self, cache: Path, split: str, sample_rate: int) -> None:
        """Open a cache that :func:`decode_kit` has written."""
        self.sample_rate = sample_rate
        self.phrases: dict[str, list[Sample]] = {}
        self.plucked: dict[str, list[Sample]] = {}
        self._audio: NDArray[np.int16] = np.load(cache, mmap_mode="r")
        notes: dict[str, dict[str, list[Sample]]] = {}
        for fields in json.loads(_index_of(cache).read_text()):
            loops = tuple((int(start), int(end)) for start, end in fields.pop("loops"))
            sample = Sample(**fields, loops=loops)
            if sample.split != split:
                continue
            if sample.kind == "phil_phrase":
                self.phrases.setdefault(sample.label, []).append(sample)
            elif sample.kind == "phil_pizz":
                self.plucked.setdefault(sample.label, []).append(sample)
            elif sample.loops:  # a few notes are too short to go on as long as a score wants
                notes.setdefault(sample.label, {}).setdefault(sample.voice, []).append(sample)
        self.voices: dict[str, dict[str, Voice]] = {
            label: {name: _gather(samples) for name, samples in voices.items()}
            for label, voices in notes.items()
        }

    def sound(self, sample: Sample) -> Signal:
        """Return a sample as floats."""
        stored = self._audio[sample.offset : sample.offset + sample.length]
        return stored.astype(np.float32) * np.float32(sample.gain)


def decode_kit(kit: Path, cache: Path, sample_rate: int) -> None:
    """Decode and resample all files of ``kit`` into ``cache``, unless that is done."""
    if _index_of(cache).exists():
        return
    sounds: list[NDArray[np.int16]] = []
    fields: list[dict[str, Any]] = []
    offset = 0
    for row in json.loads((kit / "index.json").read_text())["samples"]:
        stored, sample = _decode(kit, row, offset, sample_rate)
        offset += len(stored)
        sounds.append(stored)
        fields.append(asdict(sample))
    cache.parent.mkdir(parents=True, exist_ok=True)
    np.save(cache, np.concatenate(sounds))
    _index_of(cache).write_text(json.dumps(fields))  # last: it says that the array is whole


def _decode(
    kit: Path, row: dict[str, Any], offset: int, sample_rate: int
) -> tuple[NDArray[np.int16], Sample]:
    """Return one file as integers, and its entry."""
    sound, file_rate = soundfile.read(kit / row["file"], dtype="float32", always_2d=True)
    first = _MP3_DELAY if row["file"].endswith(".mp3") else 0
    begin = max(first, row["on"] - int(_LEAD * file_rate))
    end = row["end"] + int(_TAIL * file_rate)
    common = math.gcd(sample_rate, file_rate)
    mono = resample_poly(sound.mean(axis=1)[begin:end], sample_rate // common, file_rate // common)
    peak = float(np.abs(mono).max()) + 1e-9
    scale = sample_rate / file_rate
    sample = Sample(
        kind=row["kind"],
        label=row["ins"],
        voice=row.get("var") or "phil",
        split=row["split"],
        pitch=row.get("f0m") or 0.0,
        loudness=row["dyn"],
        attack=row["atk"],
        offset=offset,
        length=len(mono),
        gain=peak / _LOUDEST * 10 ** ((SUSTAIN_DB - row["rms_db"]) / 20),
        loops=tuple(
            (round((earlier - begin) * scale), round((later - begin) * scale))
            for earlier, later, _ in row.get("loops", [])
        ),
    )
    return np.round(mono / peak * _LOUDEST).astype(np.int16), sample


def _gather(samples: list[Sample]) -> Voice:
    return Voice(
        samples=tuple(samples),
        pitches=np.array([sample.pitch for sample in samples]),
        loudness=np.array([sample.loudness for sample in samples]),
    )


def _index_of(cache: Path) -> Path:
    return cache.with_suffix(".json")
