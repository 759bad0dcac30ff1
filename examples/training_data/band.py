"""Render songs of a band as training data: drums, bass, other, vocals.

    python examples/training_data/band.py KIT OUTPUT --tracks 300 --seconds 30 --part train --seed 1

writes OUTPUT/<part>/<Name>/{drums,bass,other,vocals}.wav, 44.1 kHz, stereo, 16 bits. The mixture
is the sum of the stems, which does not clip; a stem that does not take part is silent. A track
depends on the seed and its number alone, so that more tracks may be added later, and tracks that
exist are left as they are.

Held out for the test part are every tenth song, in the order of `songs.npz`, and every eighth
speaker of the voices, in the order of their names; the train part never uses those. The
instruments and the sound font are shared by both.
"""

import argparse
import functools
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import soundfile
from band_mixing import STEMS
from band_notes import SAMPLE_RATE, Signal
from band_track import Studio

_FONTS = Path("/usr/share/sounds/sf3")
_TRIES = 5


def main(arguments: list[str] | None = None) -> None:
    """Render the tracks that are missing."""
    options = _parse(arguments)
    folder = options.output / options.part
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"Band {options.seed:02d}-{number:05d}" for number in range(options.tracks)]
    missing = [number for number, name in enumerate(names) if not (folder / name).is_dir()]
    job = functools.partial(
        _write_track,
        kit=options.kit,
        font=options.soundfont or _find_font(),
        part=options.part,
        seed=options.seed,
        seconds=options.seconds,
    )
    with (
        # Beside the part, where a killed run leaves nothing that looks like a track.
        tempfile.TemporaryDirectory(dir=options.output, prefix=".rendering-") as unfinished,
        ProcessPoolExecutor(options.jobs, mp_context=get_context("spawn")) as pool,
    ):
        desk = Path(unfinished)
        running = [pool.submit(job, n, desk=desk, target=folder / names[n]) for n in missing]
        for done, future in enumerate(as_completed(running), 1):
            future.result()
            if sys.stderr.isatty():
                end = "" if done < len(missing) else "\n"
                print(f"\r{done} of {len(missing)} tracks", end=end, file=sys.stderr, flush=True)


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Render songs of a band as training data.")
    parser.add_argument("kit", type=Path, metavar="KIT", help="folder of samples and note lists")
    parser.add_argument("output", type=Path, metavar="OUTPUT", help="folder of the data set")
    parser.add_argument("--tracks", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--part", choices=("train", "test"), default="train")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--soundfont", type=Path, help=f"an .sf2 or .sf3 file; else of {_FONTS}")
    return parser.parse_args(arguments)


def _find_font() -> Path:
    """Return the sound font that Debian's package installs."""
    fonts = sorted(_FONTS.glob("FluidR3*.sf3")) or sorted(_FONTS.glob("*.sf3"))
    if not fonts:
        raise SystemExit(f"There is no sound font in {_FONTS}; name one with --soundfont.")
    return fonts[0]


@functools.cache
def _studio(kit: Path, font: Path, part: str) -> Studio:
    return Studio(kit, font, part)


def _write_track(
    number: int,
    desk: Path,
    target: Path,
    *,
    kit: Path,
    font: Path,
    part: str,
    seed: int,
    seconds: float,
) -> None:
    """Write one track; it appears under its name only when it is whole."""
    stems = _good_stems(_studio(kit, font, part), seconds, part, seed, number)
    unfinished = desk / target.name
    unfinished.mkdir()
    for name, stem in zip(STEMS, stems, strict=True):
        rounded = np.round(stem.T * 32767.0).astype(np.int16)
        soundfile.write(unfinished / f"{name}.wav", rounded, SAMPLE_RATE, subtype="PCM_16")
    unfinished.rename(target)


def _good_stems(studio: Studio, seconds: float, part: str, seed: int, number: int) -> Signal:
    """Return the stems of a track: the first try in which at least two sound."""
    for attempt in range(_TRIES):
        entropy = (seed, number, attempt, ("train", "test").index(part))
        stems = studio.render(seconds, np.random.default_rng(entropy))
        if not np.isfinite(stems).all():
            raise ValueError(f"track {number} of seed {seed} is not finite")
        if (np.square(stems).mean(axis=(1, 2)) > 1e-7).sum() >= 2:
            return stems
    raise ValueError(f"track {number} of seed {seed} stays silent")


if __name__ == "__main__":
    try:
        main()
    except (OSError, ValueError, soundfile.LibsndfileError) as error:
        raise SystemExit(f"error: {error}") from error
