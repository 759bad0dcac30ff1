"""How good are the models that ship inside? Prints Markdown tables.

    python benchmarks/embedded.py songs mini [--held-out DATASET]
    python benchmarks/embedded.py ensemble mini-ensemble [--filters-from DATASET] [--held-out ...]
    python benchmarks/embedded.py speed mini mini-ensemble

A model is a name or a native file, such as a snapshot of a training; several are scored
side by side, between what knows nothing and what knows the answer. The development sets are
real music that may choose among snapshots; test tracks of rendered data sets (folders of
stems, their part ``test``) are to be looked at once.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch

import embedded_ensemble
import embedded_songs
from embedded_floors import spectra_of
from embedded_tables import table, titles, write_json
from unmixcli.errors import UnmixError
from unmixcli.instruments import find
from unmixcli.separation import Separator
from unmixcli.weights import catalogue, loader

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"
"""Reference material that lies beside the checkout and is never part of it."""

SAMPLE_RATE, SECONDS, RUNS = 44_100, 60, 2
TRIO = "vn,va,vc"


def songs(arguments: argparse.Namespace) -> dict[str, Any]:
    """Score models of songs."""
    models = _separators(arguments)
    found: dict[str, Any] = {
        "development": embedded_songs.development(models, arguments.development, arguments.clips)
    }
    if folder := _held_out(arguments):
        found["held out"] = embedded_songs.held_out(
            models, folder, limit=arguments.limit, full=arguments.full
        )
    return found


def ensemble(arguments: argparse.Namespace) -> dict[str, Any]:
    """Score models that are told instruments."""
    models = _separators(arguments)
    spectra = spectra_of(arguments.filters, arguments.filters_from)
    if spectra is None:
        print("no fixed filter: neither --filters nor --filters-from is given\n")
    found = {"development": embedded_ensemble.development(models, arguments.development, spectra)}
    if folder := _held_out(arguments):
        found["held out"] = embedded_ensemble.held_out(
            models, folder, spectra, limit=arguments.limit, full=arguments.full
        )
    return found


def _separators(arguments: argparse.Namespace) -> dict[str, Separator]:
    torch.set_num_threads(1)
    return {
        title: Separator.from_manifest(model, device=arguments.device)
        for title, model in titles(arguments.models).items()
    }


def _held_out(arguments: argparse.Namespace) -> Path | None:
    folder: Path | None = arguments.held_out
    return None if arguments.development_only else folder


def speed(arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure what separating costs, from files to files, in processes of their own."""
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        for title, model in titles(arguments.models).items():
            players = all(map(find, loader.labels(model) or loader.sources(model)))
            track = Path(name) / ("mono.wav" if players else "stereo.wav")
            if not track.exists():
                write_track(track, channels=1 if players else 2)
            options = ("--instruments", TRIO) if players else ()
            folders = [Path(name) / f"{title.replace('/', '-')}-{run}" for run in range(RUNS)]
            costs = [cpu_seconds(track, folder, model, options) / SECONDS for folder in folders]
            found[title] = {"CPU-s per s of audio": min(costs), "MiB": size(model) / 2**20}
    rows = (
        [
            title,
            *(f"{value:.{digits}f}" for value, digits in zip(row.values(), (3, 2), strict=True)),
        ]
        for title, row in found.items()
    )
    table(["model", f"CPU-s per s of audio, best of {RUNS}", "weights, MiB"], rows)
    return found


def write_track(path: Path, channels: int) -> None:
    """Write a minute of chords in soft noise."""
    rng = np.random.default_rng(0)
    time_axis = np.arange(SECONDS * SAMPLE_RATE) / SAMPLE_RATE
    tones = sum(np.sin(2 * np.pi * pitch * time_axis) for pitch in (110.0, 277.2, 440.0, 659.3))
    swell = 0.6 + 0.4 * np.sin(time_axis)
    noise = 0.02 * rng.standard_normal((len(time_axis), channels))
    soundfile.write(path, 0.1 * (swell * tones)[:, None] + noise, SAMPLE_RATE, "PCM_16")


def cpu_seconds(track: Path, folder: Path, model: str, options: tuple[str, ...]) -> float:
    """Return the CPU time of a separation, from the start of its process to its end."""
    command = [sys.executable, "-m", "unmixcli", "separate", str(track), "-o", str(folder)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [*command, "-m", model, "--device", "cpu", "-q", *options],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def size(model: str) -> int:
    """Return how many bytes the weights of a model have."""
    entry = catalogue.find(model)
    return Path(model).stat().st_size if entry is None else entry.size or 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name in COMMANDS:
        command = commands.add_parser(name, help=COMMANDS[name].__doc__)
        command.add_argument("models", nargs="+", metavar="MODEL", help="a name or a native file")
        command.add_argument("--json", type=Path, help="write all that was found to this file")
        if name != "speed":
            _scoring(command.add_argument, SHARED / "audio" / ("chamber" * (name == "ensemble")))
        if name == "songs":
            clips = SHARED / "eval" / "museval"
            command.add_argument("--clips", type=Path, default=clips, help="has .stem.mp4 files")
        if name == "ensemble":
            command.add_argument("--filters", type=Path, help=".npz of mean spectra by label")
            command.add_argument("--filters-from", type=Path, help="training set to take them from")
    return parser


def _scoring(add: Callable[..., Any], development: Path) -> None:
    add("--development", type=Path, default=development, help="real music with true stems")
    add("--held-out", type=Path, help="data set of which to score the part 'test'")
    add("--development-only", action="store_true", help="leave --held-out out, whatever it says")
    add("--limit", type=int, help="take only so many tracks of --held-out")
    add("--full", action="store_true", help="SIR and SAR of --held-out, too, which takes longer")
    add("--device", default="cpu", help="where the models run")


COMMANDS: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "songs": songs,
    "ensemble": ensemble,
    "speed": speed,
}


def main() -> None:
    """Run the command line."""
    arguments = _parser().parse_args()
    try:
        found = COMMANDS[arguments.command](arguments)
    except UnmixError as error:
        raise SystemExit(f"error: {error}") from error
    if arguments.json:
        write_json(arguments.json, found)


if __name__ == "__main__":
    main()
