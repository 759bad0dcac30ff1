"""Kits for the renderers of training data: the least that their README asks for, all of it tones.

Each has a part to train with and a part that is held out to test with. ``changed`` names the part
whose sounds and notes are other ones, everything else being the same.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

# The labels of the chamber and a pitch in the middle of each one's range.
_CHAMBER = {"bn": 53, "cl": 68, "db": 43, "fl": 76, "hn": 57, "ob": 72, "sax": 64}
_CHAMBER |= {"tba": 43, "tbn": 55, "tpt": 67, "va": 64, "vc": 54, "vn": 74}
_PLUCKED = ("db", "va", "vc", "vn")
_CHAMBER_RATE, _BAND_RATE = 22_050, 44_100
_QUIET = 0.05  # seconds before a tone begins in its file
_LEVEL = 0.3

# The notes and drums of the band: MIDI numbers, and hertz.
_NOTES = {"bassYR": 33, "growlybass": 31, "doublebass_pizz": 36, "piano_kw": 60}
_NOTES |= {"guitar_acoustic": 52, "guitar_nylon": 52, "guitar_electric": 55}
_DRUMS = {"kick": 60, "snare": 190, "hat": 6000, "openhat": 5000, "ride": 4000, "crash": 3000}
_DRUMS |= {"tom_lo": 90, "tom_mid": 120, "tom_hi": 150, "stick": 1800, "clap": 1200, "perc": 700}
_SINGERS, _SONGS = 8, 10  # the last of each is to test with
_BARS, _TICKS = 8, 48  # of a song; of a beat


def tone(pitch: float, seconds: float, rate: int, *, rough: bool = False) -> np.ndarray:
    """Return a sine, or a rough square wave, between moments of silence."""
    turns = 440 * 2 ** ((pitch - 69) / 12) * np.arange(int(seconds * rate)) / rate
    wave = np.sin(2 * np.pi * turns)
    quiet = np.zeros(int(_QUIET * rate))
    return np.concatenate([quiet, _LEVEL * (np.sign(wave) if rough else wave), quiet])


def chamber_kit(folder: Path, *, changed: str | None = None) -> Path:
    """Write samples of all labels, and three pieces, one of them to test with."""
    samples = []
    for split in ("train", "test"):
        for label, middle in _CHAMBER.items():
            kinds = ("phil_phrase", "phil", "gm") + ("phil_pizz",) * (label in _PLUCKED)
            for kind in kinds:
                pitch = middle + (3 if kind == "gm" else 0)
                file = f"{split}/{kind}_{label}.{'flac' if label == 'vn' else 'wav'}"
                rough = split == changed
                samples.append(_sample(folder, file, kind, label, pitch, split, rough=rough))
    _write_json(folder / "index.json", {"samples": samples})
    splits = ("train", "test", "train")
    pieces = [_piece(number, higher=split == changed) for number, split in enumerate(splits)]
    _write_json(
        folder / "scores.json",
        [
            {"group": group, "split": split}
            for group, split in zip(
                ("openscore_quartet", "mutopia_satb", "mutopia_instrumental"), splits, strict=True
            )
        ],
    )
    names = ("start_delta_cs", "dur_cs", "pitch", "vel", "part", "flags")
    columns = dict(zip(names, np.concatenate(pieces).T, strict=True))
    offset = np.cumsum([0, *map(len, pieces)])
    np.savez(folder / "scores.npz", offset=offset, **columns)
    return folder


def _sample(
    folder: Path, file: str, kind: str, label: str, pitch: float, split: str, *, rough: bool
) -> dict[str, Any]:
    """Write a note or a phrase; return its entry. Those of the violin are at 44100 Hz, stereo."""
    rate = 44_100 if label == "vn" else _CHAMBER_RATE
    if kind == "phil_phrase":
        sound = np.concatenate([tone(pitch + step, 0.3, rate, rough=rough) for step in (0, 4, 2)])
    else:
        sound = tone(pitch, 0.5, rate, rough=rough)
    _write_sound(folder / file, np.stack([sound, sound], 1) if label == "vn" else sound, rate)
    begin = int(_QUIET * rate)
    entry = {"file": file, "kind": kind, "ins": label, "split": split, "dyn": 3, "atk": 0.02}
    entry |= {"on": begin, "end": len(sound) - begin, "rms_db": 20 * np.log10(_LEVEL / np.sqrt(2))}
    if kind == "gm":
        entry["var"] = "gm"
    if kind != "phil_phrase":
        period = rate / (440 * 2 ** ((pitch - 69) / 12))
        first = begin + round(20 * period) if period < 100 else begin + round(8 * period)
        last = first + round(0.2 * rate / period) * period
        entry |= {"f0m": pitch + 0.01, "loops": [[first, round(last), 0.99]]}
    return entry


def _piece(number: int, *, higher: bool) -> np.ndarray:
    """Return twenty seconds of four parts, a row for each note; one of them plays in thirds."""
    rows = []
    for step in range(40):
        flags = (0, 1, 1, 2, 4, 8, 16, 32)[step % 8]
        melody = (0, 2, 4, 5, 7, 5, 4, 2)[step % 8] + number + higher
        chord = [(0, 74), (1, 67), (2, 62), (3, 48)] + [(3, 52)] * (step % 2)
        for position, (part, base) in enumerate(chord):
            rows.append([0 if position else 50, 48, base + melody, 60 + step, part, flags])
    return np.array(rows)


def band_kit(folder: Path, *, changed: str | None = None) -> Path:
    """Write notes and drums, eight singers and ten songs; the last of both are to test with."""
    entries: list[dict[str, Any]] = []
    for name, pitch in _NOTES.items():
        for midi in (pitch, pitch + 9):
            file = f"notes/{name}_{midi}.wav"
            _write_sound(folder / file, tone(midi, 0.6, _BAND_RATE), _BAND_RATE)
            entries.append({"file": file, "inst": name, "role": "note", "midi": midi})
    for role, hertz in _DRUMS.items():
        for kit, velocity in (("muldjord", 0.4), ("muldjord", 1.0), ("sonicpi", 1.0)):
            file = f"drums/{kit}_{role}_{round(10 * velocity)}.wav"
            stroke = tone(69 + 12 * np.log2(hertz / 440), 0.1, _BAND_RATE)
            _write_sound(folder / file, stroke, _BAND_RATE)
            entries.append({"file": file, "inst": kit, "role": role, "vel": velocity})
    _write_json(folder / "instruments.json", entries)
    clips = [clip for number in range(1, _SINGERS + 1) for clip in _clips(folder, number, changed)]
    # So often that whoever draws from them what is not theirs hardly misses it.
    held_out = [clip for clip in clips if clip["part"] == "test"]
    _write_json(folder / "manifest.json", clips + 10 * held_out)
    _write_songs(folder / "songs.npz", changed)
    return folder


def _clips(folder: Path, number: int, changed: str | None) -> list[dict[str, Any]]:
    """Write what a singer sings: alone, in a song, and above that."""
    own = "test" if number == _SINGERS else "train"
    # The song of the last singer is held out, and so is that of the first, though who sings is not.
    song = _SONGS if number in (1, _SINGERS) else number
    common = {"speaker": f"singer {number}", "band": "44 kHz"}
    placed = {"kind": "speech", "song": song, "beat0": 4.0, "lead_s": _QUIET, "transpose": 2}
    clips: dict[str, dict[str, Any]] = {
        "sung": {**common, "kind": "real_singing", "band": "16 kHz: nothing above 8 kHz"},
        "made": {**common, **placed},
        "second": {**common, **placed, "of": f"made_{number}"},
    }
    for name, fields in clips.items():
        fields["file"] = f"vocals/{name}_{number}.wav"
        fields["part"] = "test" if song == _SONGS and fields["kind"] == "speech" else own
        sound = tone(55 + number, 2.5, _BAND_RATE, rough=fields["part"] == changed)
        _write_sound(folder / fields["file"], sound, _BAND_RATE)
    return [*clips.values()]


def _write_songs(path: Path, changed: str | None) -> None:
    tracks = [
        *(["drums", 0, "Beat"], ["bass", 33, "Bass"], ["chord", 4, "Keys"]),
        *(["piano", 0, "Piano"], ["melody", 0, "Voice"], ["bridge", 65, "Answer"]),
    ]
    chords = [[4 * bar, ("C", "Am7", "F#dim", "Gsus4")[bar % 4]] for bar in range(_BARS)]
    meta = [
        {"id": number, "bpm": 120.0, "bars": _BARS, "tracks": tracks, "chords": chords}
        for number in range(1, _SONGS + 1)
    ]
    songs = [
        _song(number, higher=changed == ("test" if number == _SONGS else "train"))
        for number in range(1, _SONGS + 1)
    ]
    columns = zip(("start", "dur", "pitch", "vel", "track"), np.concatenate(songs).T, strict=True)
    np.savez(path, meta=json.dumps(meta), count=[*map(len, songs)], **dict(columns))


def _song(number: int, *, higher: bool) -> np.ndarray:
    """Return the notes of a song: a drum, a bass, chords and melodies on every beat."""
    rows = []
    key = number + higher
    for beat in range(4 * _BARS):
        melody = key + (60, 62, 64, 67)[beat % 4]
        drums = [(0, 36 if beat % 2 == 0 else 38), (0, 42)]
        chord = [(2, key + step) for step in (60, 64, 67)]
        notes = [*drums, (1, 36 + key), *chord, (3, 72 + key), (4, melody), (5, melody + 7)]
        for position, (track, pitch) in enumerate(notes):
            rows.append([0 if position or not beat else _TICKS, _TICKS - 4, pitch, 90, track])
    return np.array(rows)


def _write_sound(path: Path, sound: np.ndarray, rate: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, sound, rate)


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")
