"""Is scoring as fast and as small as promised, with the same scores? Prints a Markdown table.

    python benchmarks/evaluation.py [--seconds 60] [--stems 4]

Stems of 16-bit stereo are written to disk; museval and we score them, each in a process of its
own on one thread. What counts is the CPU time of such a process from its start to its end, and
its peak resident memory; "scoring" is the CPU time without start-up and reading.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy.signal import lfilter

from unmixcli.evaluation import museval_engine
from unmixcli.evaluation.options import Options
from unmixcli.evaluation.track import evaluate_track

SAMPLE_RATE = 44_100
ORDER = ("SDR", "ISR", "SIR", "SAR")
SDR_BAR, FULL_BAR, MEMORY_BAR = 100, 4, 0.5
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Run:
    """What a process took, and what it gave.

    Attributes:
        cpu: CPU time of the process, in seconds.
        scoring: Of which for scoring.
        megabytes: Peak resident memory.
        scores: (metrics, stems, windows), in dB.
    """

    cpu: float
    scoring: float
    megabytes: float
    scores: NDArray[np.float64]


def write_stems(folder: Path, stems: int, seconds: float) -> None:
    """Write coloured noise that swells and fades, and estimates that leak and are noisy."""
    rng = np.random.default_rng(0)
    samples = round(seconds * SAMPLE_RATE)
    time_axis = np.arange(samples) / SAMPLE_RATE
    references = []
    for stem in range(stems):
        noise = rng.standard_normal((2, samples))
        noise[1] = 0.6 * noise[0] + 0.4 * noise[1]
        coloured = lfilter([1.0], [1.0, -0.97 + 0.2 * stem], noise, axis=-1)
        coloured *= 0.6 + 0.4 * np.sin(time_axis * (stem + 1))
        references.append(0.2 * coloured / np.abs(coloured).max())
    mixture = np.sum(references, axis=0)
    for stem, reference in enumerate(references):
        noise = 0.001 * rng.standard_normal(reference.shape)
        estimate = lfilter([0.8, 0.1], [1.0], reference, axis=-1) + 0.1 * mixture + noise
        for kind, signal in (("reference", reference), ("estimate", estimate)):
            soundfile.write(folder / f"{kind}-{stem}.wav", signal.T, SAMPLE_RATE, "PCM_16")


def read_stems(folder: Path, kind: str, dtype: str) -> list[NDArray[np.floating]]:
    """Read stems as each program's users do: (samples, channels)."""
    paths = sorted(folder.glob(f"{kind}-*.wav"))
    return [soundfile.read(path, dtype=dtype)[0] for path in paths]


def score_with_museval(folder: Path) -> tuple[float, NDArray[np.float64]]:
    """Return CPU seconds and scores of museval, which takes float64."""
    museval = museval_engine.metrics()
    references = np.array(read_stems(folder, "reference", "float64"))
    estimates = np.array(read_stems(folder, "estimate", "float64"))
    began = time.process_time()
    found = museval.bss_eval(references, estimates, window=SAMPLE_RATE, hop=SAMPLE_RATE)
    return time.process_time() - began, np.stack(found[:4])


def score_with_ours(folder: Path, *, full: bool) -> tuple[float, NDArray[np.float64]]:
    """Return CPU seconds and scores of ours, which takes floats of any width."""
    references, estimates = (
        {str(stem): signal.T for stem, signal in enumerate(read_stems(folder, kind, "float32"))}
        for kind in ("reference", "estimate")
    )
    options = Options(full=full, museval_compat=True)
    began = time.process_time()
    found = evaluate_track(references, estimates, SAMPLE_RATE, options=options)
    took = time.process_time() - began
    stems = [frames.metrics() for frames in found.sources.values()]
    void = np.full_like(stems[0]["SDR"], np.nan)
    return took, np.array([[stem.get(metric, void) for stem in stems] for metric in ORDER])


def child(who: str, folder: Path) -> None:
    """Score in this process, and leave what it gave to the parent."""
    if who == "museval":
        scoring, scores = score_with_museval(folder)
    else:
        scoring, scores = score_with_ours(folder, full=who == "full")
    np.savez(folder / f"{who}.npz", scoring=scoring, scores=scores)


def run(who: str, folder: Path) -> Run:
    """Score in a process of its own."""
    usage = spawn("--child", who, "--folder", str(folder))
    with np.load(folder / f"{who}.npz") as found:
        return Run(
            cpu=usage.ru_utime + usage.ru_stime,
            scoring=float(found["scoring"]),
            megabytes=usage.ru_maxrss * 1024 / 1e6,  # kibibytes, on Linux
            scores=found["scores"],
        )


def spawn(*arguments: str) -> resource.struct_rusage:
    """Run this file on one thread, and return what it used.

    A new process counts as its own the memory that its parent has at that moment: this one
    must stay small, so that stems are written by a child, too.
    """
    command = [sys.executable, __file__, *arguments]
    environment = os.environ | dict.fromkeys(THREADS, "1")
    _, status, usage = os.wait4(subprocess.Popen(command, env=environment).pid, 0)
    if status:
        raise SystemExit(f"{command} ended with status {status}")
    return usage


def report(stems: int, seconds: float) -> bool:
    """Print the table, and say whether all bars are met."""
    with tempfile.TemporaryDirectory() as name:
        sizes = ("--stems", str(stems), "--seconds", str(seconds))
        spawn("--child", "write", "--folder", name, *sizes)
        museval, sdr, full = (run(who, Path(name)) for who in ("museval", "sdr", "full"))
    print("| | CPU-s | scoring | peak memory | scoring, museval over ours | largest difference |")
    print("|---|---|---|---|---|---|")
    met = []
    for name, found, bar in (("SDR", sdr, SDR_BAR), ("--full", full, FULL_BAR)):
        rows = ~np.isnan(found.scores).all(axis=(1, 2))
        difference = np.abs(found.scores - museval.scores)[rows].max()
        ratio = museval.scoring / found.scoring
        met += [ratio >= bar, difference <= (1e-9 if name == "SDR" else 1e-3)]
        print(
            f"| {name} | {found.cpu:.2f} | {found.scoring:.3f} | {found.megabytes:.0f} MB "
            f"| {ratio:.0f} (bar {bar}) | {difference:.1g} dB |"
        )
    print(
        f"| museval | {museval.cpu:.2f} | {museval.scoring:.3f} | {museval.megabytes:.0f} MB | | |"
    )
    share = full.megabytes / museval.megabytes
    print(f"\nmemory of --full over museval's: {share:.2f} (bar {MEMORY_BAR})")
    print(f"CPU time of whole processes, museval over --full: {museval.cpu / full.cpu:.1f}")
    return all([*met, share <= MEMORY_BAR, museval.cpu / full.cpu >= FULL_BAR])


def main() -> None:
    """Run the benchmark, or what it runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--stems", type=int, default=4)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child == "write":
        write_stems(arguments.folder, arguments.stems, arguments.seconds)
    elif arguments.child:
        child(arguments.child, arguments.folder)
    elif not report(arguments.stems, arguments.seconds):
        raise SystemExit("a bar is not met")


if __name__ == "__main__":
    main()
