"""Data sets of every layout, with tracks of a second; in 16-bit steps, so that sums are exact."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import soundfile

BAND = ("drums", "bass", "other", "vocals")
RATE = 8_000
PIECES = ("01_Jupiter_vn_vc", "12_Spring_vn_vn_vc", "15_Surprise_tpt_tpt_tbn", "02_Sonata_vn_vn")


def sound(name: str, frames: int = RATE, channels: int = 2, rate: int = RATE) -> np.ndarray:
    """Return a tone that swells and some noise, (samples, channels), int16; one for each name."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    times = np.arange(frames)[:, None] / rate
    pitch, beat = rng.uniform(80, 900), rng.uniform(0.5, 3)
    phase = rng.uniform(0, 6.28, channels)
    tone = np.sin(2 * np.pi * pitch * times + phase) * np.sin(2 * np.pi * beat * times) ** 2
    noise = 0.1 * rng.standard_normal((frames, channels))
    return np.rint(3000 * (tone + noise)).astype(np.int16)


def write(path: Path, samples: np.ndarray, rate: int = RATE, subtype: str | None = None) -> Path:
    """Write (samples, channels) and make the folders above."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, subtype=subtype)
    return path


def track(
    folder: Path,
    stems: Iterable[str] = BAND,
    *,
    frames: int = RATE,
    channels: int = 2,
    rate: int = RATE,
    mixture: str | None = "mixture",
    ending: str = ".wav",
) -> Path:
    """Write a folder of stems, and their sum unless ``mixture`` is ``None``."""
    made = {stem: sound(f"{folder.name}/{stem}", frames, channels, rate) for stem in stems}
    for stem, samples in made.items():
        write(folder / f"{stem}{ending}", samples, rate)
    if mixture is not None:
        write(folder / f"{mixture}{ending}", mixed(made.values()), rate)
    return folder


def mixed(signals: Iterable[np.ndarray]) -> np.ndarray:
    return sum(signal.astype(np.int32) for signal in signals).astype(np.int16)


def plain(root: Path, tracks: Sequence[str] = ("Song A", "Song B"), **options) -> Path:
    """Write ``<track>/<stem>.wav``."""
    for name in tracks:
        track(root / name, **options)
    return root


def musdb_hq(
    root: Path,
    train: Sequence[str] = ("Amber - Kite", "Leaf - Summerghost"),
    test: Sequence[str] = ("Zeno - Signs",),
    **options,
) -> Path:
    """Write ``train|test/<track>/<stem>.wav``."""
    plain(root / "train", train, **options)
    plain(root / "test", test, **options)
    return root


def musdb(
    root: Path,
    train: Sequence[str] = ("Amber - Kite", "Leaf - Summerghost"),
    test: Sequence[str] = ("Zeno - Signs",),
) -> Path:
    """Write ``train|test/<track>.stem.mp4``; needs PyAV."""
    for split, names in {"train": train, "test": test}.items():
        for name in names:
            stem_mp4(root / split / f"{name}.stem.mp4")
    return root


def stem_mp4(path: Path, frames: int = 44_100) -> Path:
    """Write five AAC streams: the mixture, drums, bass, other, vocals; needs PyAV."""
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    stems = [sound(f"{path.name}/{stem}", frames, 2, 44_100) for stem in BAND]
    with av.open(str(path), "w", format="mp4") as container:
        signals = [mixed(stems), *stems]
        streams = [container.add_stream("aac", rate=44_100, layout="stereo") for _ in signals]
        for stream, signal in zip(streams, signals, strict=True):
            samples = np.ascontiguousarray(signal.T.astype(np.float32) / 32768)
            for start in range(0, frames, 1024):
                piece = np.ascontiguousarray(samples[:, start : start + 1024])
                frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout="stereo")
                frame.sample_rate, frame.pts = 44_100, start
                frame.time_base = Fraction(1, 44_100)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    return path


def urmp(root: Path, pieces: Sequence[str] = PIECES, *, frames: int = RATE) -> Path:
    """Write pieces with a file for each player; the trombone of piece 15 calls itself a trumpet."""
    for piece in pieces:
        number, title, *players = piece.split("_")
        parts = []
        for position, player in enumerate(players, 1):
            called = "tpt" if (number, player) == ("15", "tbn") else player
            parts.append(sound(f"{piece}/{position}", frames, 1))
            write(root / piece / f"AuSep_{position}_{called}_{number}_{title}.wav", parts[-1])
        write(root / piece / f"AuMix_{piece}.wav", mixed(parts))
        (root / piece / f"Sco_{number}_{title}.pdf").write_bytes(b"%PDF")
    return root


def estimates(folder: Path, tracks: Iterable[str], stems: Iterable[str] = BAND, **options) -> Path:
    """Write what a separator would: ``<folder>/<track>/<stem>.wav``."""
    for name in tracks:
        track(folder / name, stems, mixture=None, **options)
    return folder


def pair(root: Path, tracks: Sequence[str] = ("Song A", "Song B")) -> Path:
    """Write ``references/<track>/`` and ``estimates/<track>/``."""
    plain(root / "references", tracks)
    estimates(root / "estimates", tracks)
    return root


def samples_of(*paths: Path) -> np.ndarray:
    """Return the sum of files as the library should, (channels, samples), float32."""
    read = [soundfile.read(path, dtype="float32", always_2d=True)[0].T for path in paths]
    return np.sum(read, axis=0)
