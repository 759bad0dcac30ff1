"""Put voices over real music that has none: training data where only the voice has a true stem.

    python examples/training_data/songs.py MUSIC VOICES OUTPUT --model PILOT [--list songs.tsv]

writes OUTPUT/train/<Song NNNNN>/{drums,bass,other,vocals}.wav as `band.py` does. The music has no
stems: drums and bass are what a model finds, and `other` is all else, also what the model takes
for a voice. So a network that is trained on them learns nothing new of drums and bass, but that
real cymbals, guitars and keyboards are no voice.

The list has a line for every track: where the music is, from when on it is taken, whose voice is
put over it and how loud. Below MUSIC lie the packages as `dpkg -x PACKAGE.deb MUSIC/PACKAGE`
leaves them; VOICES is the part of a data set that `band.py` rendered.
"""

import argparse
import csv
import sys
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
import torch
from numpy.typing import NDArray

from unmixcli.separation import Separator

Signal = NDArray[np.floating[Any]]

STEMS = ("drums", "bass", "other", "vocals")
RATE = 44_100
USUAL = -15.0
"""Level in dB at which the model hears the music."""
LOUDEST = 0.99
AUDIBLE = 1e-4
"""Share of the loudest stretch's power from which on a voice is held to sound."""


def main(arguments: list[str] | None = None) -> None:
    """Make the tracks that are missing."""
    options = _parse(arguments)
    model = Separator.from_manifest(options.model)
    with options.list.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    for number, row in enumerate(rows):
        folder = options.output / "train" / f"Song {number:05d}"
        if folder.is_dir():
            continue
        music = read_music(
            options.music / row["package"], row["file"], float(row["start"]), options.seconds
        )
        stems = accompaniment(model, music)
        stems["vocals"] = np.zeros_like(music)
        if row["voice"]:
            voice, _ = soundfile.read(options.voices / row["voice"] / "vocals.wav", always_2d=True)
            level = decibels(total(stems)) + float(row["voice_db"])
            stems["vocals"] = at_level(fitted(voice.T, music.shape[1]), level)
        _write(folder, stems, float(row["level_db"]))
        if sys.stderr.isatty():
            print(f"\r{number + 1} of {len(rows)} tracks", end="", file=sys.stderr, flush=True)


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Put voices over music that has none.")
    parser.add_argument("music", type=Path, metavar="MUSIC", help="folder of extracted packages")
    parser.add_argument("voices", type=Path, metavar="VOICES", help="tracks with a vocals.wav")
    parser.add_argument("output", type=Path, metavar="OUTPUT", help="folder of the data set")
    parser.add_argument("--model", default="mini", help="which finds drums and bass")
    parser.add_argument("--list", type=Path, default=Path(__file__).with_name("songs.tsv"))
    parser.add_argument("--seconds", type=float, default=30.0)
    return parser.parse_args(arguments)


def read_music(folder: Path, names: str, start: float, seconds: float) -> Signal:
    """Read a stretch of the sum of some files: (2, samples) at 44.1 kHz.

    Args:
        folder: Where they lie.
        names: Paths below it, joined by ``+``.
        start: In seconds.
        seconds: How long.

    Raises:
        ValueError: A file is shorter.
    """
    samples = round(seconds * RATE)
    total = np.zeros((2, samples), np.float32)
    for name in names.split("+"):
        with soundfile.SoundFile(folder / name) as file:
            file.seek(int(start * file.samplerate))
            # A little more, of which the resampler may need some.
            read = file.read(int((seconds + 0.1) * file.samplerate), "float32", always_2d=True)
            made = soxr.resample(read, file.samplerate, RATE, "VHQ").T[:2]
        if made.shape[1] < samples:
            raise ValueError(f"{folder / name} ends before {start + seconds:.1f} s")
        total += made[:, :samples]  # a single channel is heard on both sides
    return total


def accompaniment(model: Separator, music: Signal) -> dict[str, Signal]:
    """Share music without a voice out among drums, bass and other, which add up to it."""
    peak = max(np.abs(music).max(), 1e-9)
    music = music * np.float32(min(10 ** ((USUAL - decibels(music)) / 20), LOUDEST / peak))
    estimates = model.separate(torch.from_numpy(music), RATE)
    drums, bass = estimates["drums"].numpy(), estimates["bass"].numpy()
    return {"drums": drums, "bass": bass, "other": music - drums - bass}


def fitted(signal: Signal, samples: int) -> Signal:
    """Cut a signal, or let silence follow it, so that it has so many samples."""
    return np.pad(signal[:, :samples], ((0, 0), (0, max(0, samples - signal.shape[1]))))


def at_level(voice: Signal, level: float) -> Signal:
    """Bring a voice to a level in dB, of where it sounds."""
    window = min(RATE // 20, voice.shape[1])
    power = np.square(voice[:, : voice.shape[1] // window * window])
    power = power.reshape(len(voice), -1, window).mean(axis=(0, 2))
    sounding = power[power > AUDIBLE * power.max()]
    if not sounding.size:
        return voice
    return voice * np.float32(10 ** (level / 20) / np.sqrt(sounding.mean()))


def total(stems: dict[str, Signal]) -> Signal:
    """Return the sum of some stems."""
    made: Signal = np.sum([*stems.values()], axis=0)
    return made


def decibels(signal: Signal) -> float:
    """Return the level of a signal, in dB of full scale."""
    return float(10 * np.log10(np.square(signal, dtype=np.float64).mean() + 1e-12))


def _write(folder: Path, stems: dict[str, Signal], level: float) -> None:
    """Write a track at a level in dB, or as near to it as it can be without clipping."""
    mixture = total(stems)
    loudest = max(np.abs(signal).max() for signal in (mixture, *stems.values()))
    gain = min(10 ** ((level - decibels(mixture)) / 20), 0.98 / max(loudest, 1e-9))
    unfinished = folder.with_name(f".{folder.name}")
    unfinished.mkdir(parents=True, exist_ok=True)
    for name in STEMS:
        rounded = np.round(stems[name].T * gain * 32767.0).astype(np.int16)
        soundfile.write(unfinished / f"{name}.wav", rounded, RATE, subtype="PCM_16")
    unfinished.rename(folder)


if __name__ == "__main__":
    try:
        main()
    except (OSError, ValueError, soundfile.LibsndfileError) as error:
        raise SystemExit(f"error: {error}") from error
