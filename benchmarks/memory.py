"""Does memory grow with the track? Prints a Markdown table.

    python benchmarks/memory.py [--minutes 3 60] [--model mini]

Each track is separated by the command line in a process of its own, four float stems to
disk; what counts is that process's peak resident memory. An hour needs 6 GB of disk.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile

SAMPLE_RATE = 44_100
MINUTE = 60 * SAMPLE_RATE


def write_track(path: Path, minutes: float) -> None:
    """Write stereo noise that swells and fades, a minute at a time."""
    rng = np.random.default_rng(0)
    with soundfile.SoundFile(path, "w", SAMPLE_RATE, 2, "PCM_16") as file:
        for start in range(0, round(minutes * MINUTE), MINUTE):
            samples = min(MINUTE, round(minutes * MINUTE) - start)
            swell = np.sin(np.arange(samples) / SAMPLE_RATE)[:, None]
            file.write(0.1 * swell * rng.standard_normal((samples, 2)))


def peak(track: Path, folder: Path, model: str) -> tuple[float, float]:
    """Return peak resident memory in MB and CPU seconds of one separation."""
    command = [sys.executable, "-m", "unmixcli", "separate", str(track), "-o", str(folder)]
    process = subprocess.Popen([*command, "-m", model, "-q"], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{command} ended with status {status}")
    kibibytes = usage.ru_maxrss  # on Linux
    return kibibytes * 1024 / 1e6, usage.ru_utime + usage.ru_stime


def main() -> None:
    """Separate tracks of several lengths and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, nargs="+", default=[3, 60])
    parser.add_argument("--model", default="mini")
    arguments = parser.parse_args()
    print("| track | peak memory | ratio | CPU-s per s of audio |\n|---|---|---|---|")
    first = 0.0
    for minutes in arguments.minutes:
        with tempfile.TemporaryDirectory() as name:
            track = Path(name) / "track.wav"
            write_track(track, minutes)
            megabytes, seconds = peak(track, Path(name), arguments.model)
        first = first or megabytes
        share = seconds / (60 * minutes)
        print(f"| {minutes:g} min | {megabytes:.0f} MB | {megabytes / first:.3f} | {share:.3f} |")


if __name__ == "__main__":
    main()
