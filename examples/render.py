"""Render songs with known stems: a tiny training set, or one file to try a separation on.

    python examples/render.py DATASET --train 4 --test 2 --seconds 20 --seed 0
    python examples/render.py --song song.flac --seconds 15 --seed 7

A data set has the plain layout ``train|test/<Track>/<stem>.wav`` with a
``mixture.wav`` that is exactly the sum of its stems. The same arguments write
the same bytes. Every sound is made by our own code, from numbers alone.
"""

import argparse
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from synthesis.band import play_bass, play_other
from synthesis.drums import play_drums
from synthesis.melody import SUSTAINED, play_sustained
from synthesis.song import Song, compose
from synthesis.tones import Signal
from synthesis.voice import play_vocals

Player = Callable[[Song, np.random.Generator, int], Signal]

PLAYERS: dict[str, Player] = {
    "drums": play_drums,
    "bass": play_bass,
    "other": play_other,
    "vocals": play_vocals,
    **{name: partial(play_sustained, instrument=made) for name, made in SUSTAINED.items()},
}
BAND = ("drums", "bass", "other", "vocals")
PEAK = 0.9  # of the loudest sample of a song, stems and mixture alike
LEVELS_DB = {"drums": -16.0, "bass": -18.5, "other": -19.0, "vocals": -15.5}
SUSTAINED_LEVEL_DB = -18.0

_FIRST_WORDS = (
    *("Amber", "Bright", "Calm", "Distant", "Early", "Faded", "Gentle", "Hollow"),
    *("Idle", "Jagged", "Kindred", "Lunar", "Mellow", "Narrow", "Open", "Pale"),
    *("Quiet", "Restless", "Silver", "Tidal", "Upward", "Velvet", "Winding", "Yellow"),
)
_SECOND_WORDS = (
    *("Anchor", "Bridge", "Canyon", "Delta", "Ember", "Field", "Garden", "Harbour"),
    *("Island", "Journey", "Kite", "Lantern", "Meadow", "Night", "Orchard", "Prairie"),
    *("Quarry", "River", "Signal", "Tower", "Umbrella", "Valley", "Window", "Zephyr"),
)


def render_song(
    seed: int, seconds: float, *, sample_rate: int = 44_100, sources: Sequence[str] = BAND
) -> dict[str, NDArray[np.float32]]:
    """Return the stems of one song.

    A source draws from its own random numbers: the violin of seed 3 plays the
    same notes whoever plays with it. Only the common gain depends on the others.

    Args:
        seed: Of the whole song, not negative.
        seconds: Length, above zero.
        sample_rate: In Hz.
        sources: Names from ``PLAYERS``, each at most once.

    Returns:
        Stems of (samples, 2) in [-1, 1], in the order of ``sources``; their sum
        stays within [-1, 1], too.

    Raises:
        ValueError: A source is unknown or named twice, there is none, or the song is empty.
    """
    _check_sources(sources)
    if round(seconds * sample_rate) < 1:
        raise ValueError(f"a song of {seconds} s at {sample_rate} Hz holds no samples")
    song = compose(seed, seconds)
    stems = {source: _play(song, source, sample_rate) for source in sources}
    peaks = [float(np.abs(stem).max()) for stem in (*stems.values(), sum(stems.values()))]
    gain = PEAK / max(*peaks, 1e-9)
    return {source: (gain * stem).astype(np.float32) for source, stem in stems.items()}


def render_dataset(
    folder: Path,
    *,
    train: int,
    test: int,
    seconds: float,
    seed: int,
    sample_rate: int = 44_100,
    sources: Sequence[str] = BAND,
    mono: bool = False,
) -> list[Path]:
    """Write a data set of 16-bit WAV files; existing files of the same name are replaced.

    Args:
        folder: Made if missing.
        train: Tracks in ``train``.
        test: Tracks in ``test``.
        seconds: Length of every track.
        seed: Of the whole data set; a track keeps its song when more are asked for.
        sample_rate: In Hz.
        sources: Names from ``PLAYERS``.
        mono: Write one channel, the mean of both.

    Returns:
        The track folders, ``train`` first.
    """
    _check_sources(sources)
    names = track_names(seed)
    tracks = []
    for part, count in enumerate((train, test)):
        for number in range(count):
            track = folder / ("train", "test")[part] / next(names)
            song_seed = int(np.random.SeedSequence([seed, part, number]).generate_state(1)[0])
            stems = render_song(song_seed, seconds, sample_rate=sample_rate, sources=sources)
            write_track(track, stems, sample_rate=sample_rate, mono=mono)
            tracks.append(track)
    return tracks


def write_track(
    track: Path, stems: dict[str, NDArray[np.float32]], *, sample_rate: int, mono: bool = False
) -> None:
    """Write stems and their sum as 16-bit WAV files into a folder.

    The mixture is summed after rounding, so that it equals the sum of the files exactly.
    """
    track.mkdir(parents=True, exist_ok=True)
    rounded = {source: quantise(stem, mono=mono) for source, stem in stems.items()}
    for source, stem in {**rounded, "mixture": mix(rounded)}.items():
        soundfile.write(track / f"{source}.wav", stem, sample_rate, subtype="PCM_16")


def quantise(stem: NDArray[np.float32], *, mono: bool = False) -> NDArray[np.int16]:
    """Round a stem to 16-bit steps, (samples, 2), or (samples, 1) if ``mono``."""
    channels = stem.mean(axis=1, keepdims=True) if mono else stem
    return np.asarray(np.rint(channels * 32767.0), dtype=np.int16)


def mix(stems: dict[str, NDArray[np.int16]]) -> NDArray[np.int16]:
    """Add stems up, with room for the sum: ``PEAK`` keeps it within 16 bits."""
    return np.asarray(sum(stem.astype(np.int32) for stem in stems.values()), dtype=np.int16)


def track_names(seed: int) -> Iterator[str]:
    """Yield readable names without end, each once; numbered when the words run out."""
    pairs = [f"{first} {second}" for first in _FIRST_WORDS for second in _SECOND_WORDS]
    order = np.random.default_rng([seed, 1]).permutation(len(pairs))
    turn = 1
    while True:
        for index in order:
            yield pairs[index] if turn == 1 else f"{pairs[index]} {turn}"
        turn += 1


def _check_sources(sources: Sequence[str]) -> None:
    for source in sources:
        if source not in PLAYERS:
            known = ", ".join(PLAYERS)
            raise ValueError(f"no source named '{source}'; there are {known}")
    if not sources or len(set(sources)) < len(sources):
        raise ValueError(f"sources must be named, each once, not {tuple(sources)}")


def _play(song: Song, source: str, sample_rate: int) -> Signal:
    """Return a source at its usual loudness in a mixture, (samples, 2)."""
    # crc32, not hash(): the latter changes from one Python process to the next.
    rng = np.random.default_rng([song.seed, 2, zlib.crc32(source.encode())])
    level_db = LEVELS_DB.get(source, SUSTAINED_LEVEL_DB) + float(rng.uniform(-1.5, 1.5))
    stem = PLAYERS[source](song, rng, sample_rate)
    sounding = np.abs(stem) > 0.02 * np.abs(stem).max()
    loudness = np.sqrt(np.mean(stem[sounding] ** 2)) if sounding.any() else 1.0
    fade = np.clip(np.arange(len(stem), 0, -1) / sample_rate / min(0.5, 0.1 * song.seconds), 0, 1)
    return np.asarray(stem * fade[:, None] * (10.0 ** (level_db / 20.0) / loudness))


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Render songs with known stems.")
    parser.add_argument("dataset", nargs="?", type=Path, help="folder to write a data set to")
    parser.add_argument("--song", type=Path, help="write one mixture instead, .flac or .wav")
    parser.add_argument("--train", type=int, default=4, help="tracks to train on")
    parser.add_argument("--test", type=int, default=2, help="tracks to test on")
    parser.add_argument("--seconds", type=float, default=20.0, help="length of each track")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same bytes")
    parser.add_argument("--sample-rate", type=int, default=44_100, help="in Hz")
    parser.add_argument("--mono", action="store_true", help="one channel, not two")
    parser.add_argument(
        "--sources", nargs="+", default=BAND, metavar="NAME", help=f"of {', '.join(PLAYERS)}"
    )
    options = parser.parse_args(arguments)
    if (options.dataset is None) == (options.song is None):
        parser.error("give either a DATASET folder or --song FILE")
    return options


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; print the paths written, one a line."""
    options = _parse(arguments)
    if options.song is not None:
        stems = render_song(
            options.seed,
            options.seconds,
            sample_rate=options.sample_rate,
            sources=options.sources,
        )
        rounded = {source: quantise(stem, mono=options.mono) for source, stem in stems.items()}
        soundfile.write(options.song, mix(rounded), options.sample_rate, subtype="PCM_16")
        print(options.song)
        return
    tracks = render_dataset(
        options.dataset,
        train=options.train,
        test=options.test,
        seconds=options.seconds,
        seed=options.seed,
        sample_rate=options.sample_rate,
        sources=options.sources,
        mono=options.mono,
    )
    print(*tracks, sep="\n")


if __name__ == "__main__":
    main()
