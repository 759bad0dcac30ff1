"""Render chamber music with known stems, to train and to test on.

    python examples/training_data/chamber.py KIT OUTPUT --tracks 2000 --seconds 12 --part train

KIT holds samples and scores as the README beside this file says. The result is
``OUTPUT/<part>/<track>/<label>.wav``, mono; a mixture is the sum of its stems.
A ``rest.wav`` is what no stem asks for; a silent stem is asked for but absent.
Track 17 of a seed is the same however many are rendered, by however many jobs.
Tracks that exist are kept: the same command goes on where it was stopped.
"""

import argparse
import os
import shutil
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
import soundfile
from chamber_instruments import LABELS
from chamber_kit import decode_kit
from chamber_track import REST, Stored, Studio, draw_mode, open_studio, render_track

PARTS = ("train", "test")


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be rendered."""

    kit: Path
    samples: Path
    output: Path
    part: str
    seed: int
    seconds: float
    sample_rate: int
    phrase_share: float
    clean: int


@dataclass(frozen=True, slots=True)
class Report:
    """What a track turned out to be."""

    mode: str
    sounding: tuple[str, ...]
    absent: tuple[str, ...]
    mixture_sdr: tuple[float, ...]  # dB, of the labels that sound, the mixture as estimate


def main() -> None:
    """Render what the command line asks for, and print what it was."""
    options = _parse()
    order = Order(
        kit=options.kit,
        samples=options.output.with_name(
            f"{options.output.name}-samples-{options.sample_rate}.npy"
        ),
        output=options.output,
        part=options.part,
        seed=options.seed,
        seconds=options.seconds,
        sample_rate=options.sample_rate,
        phrase_share=options.phrases,
        clean=options.clean,
    )
    began = time.monotonic()
    decode_kit(order.kit, order.samples, order.sample_rate)
    decoded = time.monotonic()
    with ProcessPoolExecutor(options.jobs) as pool:
        found = list(pool.map(partial(render, order), range(options.tracks), chunksize=4))
    reports = [report for report in found if report is not None]
    rendered = time.monotonic()
    print(f"samples: {decoded - began:.1f} s; {len(found) - len(reports)} tracks were there")
    speed = len(reports) * order.seconds / max(rendered - decoded, 1e-9)
    print(f"{len(reports)} tracks in {rendered - decoded:.1f} s, {speed:.0f} x real time")
    describe(reports)


def render(order: Order, index: int) -> Report | None:
    """Render one track, unless it is there."""
    studio = _studio(order)
    rng = np.random.default_rng([order.seed, PARTS.index(order.part), index])
    mode = draw_mode(studio, rng)
    name = f"{mode}-{order.seed}-{index:05d}"
    folder = order.output / order.part / name
    if folder.exists():
        return None
    stems = render_track(studio, mode, rng, clean=index < order.clean)
    partial_folder = order.output / f".{order.part}-{name}-{os.getpid()}"
    shutil.rmtree(partial_folder, ignore_errors=True)
    partial_folder.mkdir(parents=True)
    for label, stem in stems.items():
        soundfile.write(partial_folder / f"{label}.wav", stem, order.sample_rate)
    folder.parent.mkdir(exist_ok=True)
    partial_folder.rename(folder)
    return _report(mode, stems)


def describe(reports: Iterable[Report]) -> None:
    """Print how often labels sound and are absent, and how hard the mixtures are."""
    reports = list(reports)
    modes = Counter(report.mode for report in reports)
    sounding = Counter(label for report in reports for label in report.sounding)
    absent = Counter(label for report in reports for label in report.absent)
    print("modes:", dict(modes), "with a rest:", sounding[REST])
    print("sounding:", {label: sounding[label] for label in LABELS})
    print("asked for but absent:", {label: absent[label] for label in LABELS})
    scores: defaultdict[int, list[float]] = defaultdict(list)
    for report in reports:
        scores[len(report.sounding)] += report.mixture_sdr
    for stems, values in sorted(scores.items()):
        print(f"{stems} stems: mixture SDR {np.mean(values):.2f} dB over {len(values)} stems")


@cache
def _studio(order: Order) -> Studio:
    return open_studio(
        order.kit,
        order.samples,
        order.part,
        seconds=order.seconds,
        sample_rate=order.sample_rate,
        phrase_share=order.phrase_share,
    )


def _report(mode: str, stems: dict[str, Stored]) -> Report:
    sounds = {label: stem.astype(np.float64) for label, stem in stems.items() if stem.any()}
    mixture = np.sum(list(sounds.values()), axis=0)
    if np.abs(mixture).max() > 0.98 * 32_768:
        raise ValueError("a mixture clips")
    scores = [
        10 * np.log10(np.sum(stem**2) / (np.sum((mixture - stem) ** 2) + 1e-9))
        for label, stem in sounds.items()
        if label != REST
    ]
    silent = tuple(label for label in stems if label not in sounds)
    return Report(mode, tuple(sounds), silent, tuple(float(score) for score in scores))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("kit", type=Path, metavar="KIT")
    parser.add_argument("output", type=Path, metavar="OUTPUT")
    parser.add_argument("--tracks", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=12.0)
    parser.add_argument("--part", choices=PARTS, default="train")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--sample-rate", type=int, default=22_050)
    parser.add_argument("--phrases", type=float, default=0.35, help="share of tracks of phrases")
    parser.add_argument("--clean", type=int, default=0, help="first tracks without a rest etc.")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        main()
    except (OSError, ValueError, soundfile.LibsndfileError) as error:
        raise SystemExit(f"error: {error}") from error
