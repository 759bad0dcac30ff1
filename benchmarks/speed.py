"""What separating costs. Prints Markdown tables.

    python benchmarks/speed.py embedded    # CPU-seconds of `mini`, file to files
    python benchmarks/speed.py schedule    # streaming against the plain published loop
    python benchmarks/speed.py networks    # the same for the networks of the other papers

The second drives one and the same network (random weights, one thread) through our
stream and through the whole-track loop that the tests keep as an oracle, in turn; a ratio
of 1 means that streaming is free. The results are compared, too.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from unmixcli.inference.engine import Engine
from unmixcli.inference.plan import ChunkPlan
from unmixcli.inference.shifts import recorded
from unmixcli.inference.stream import separate_stream
from unmixcli.weights import manifest, published
from unmixcli.weights.published.wave_u_net import NAMED
from unmixcli.weights.registry import architecture

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "benchmarks")]

import textbook  # noqa: E402
from memory import write_track  # noqa: E402

MINUTES = 3.0
PAIRS = 5
LARGE = {"demucs": 60, "tasnet": 20}
OTHERS = {
    "M1": 10,
    "M4": 7,
    "M5-HighSR": 7,
    "M7": 30,
    "Exp": 7,
    "wavenet-multi": 2,
    "tdc-vocals-top1": 10,
}
"""How many seconds of noise to separate."""


def embedded() -> None:
    """Separate a track with the embedded model, in a process of its own."""
    print("| run | CPU-s per s of audio | wall-s per s of audio |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        track = Path(name) / "track.wav"
        write_track(track, MINUTES)
        for run in range(1, 4):
            command = [sys.executable, "-m", "unmixcli", "separate", str(track), "-q"]
            began = time.monotonic()
            process = subprocess.Popen([*command, "-o", f"{name}/{run}"], stdout=subprocess.DEVNULL)
            _, status, usage = os.wait4(process.pid, 0)
            if status:
                raise SystemExit(f"{command} ended with status {status}")
            wall, cpu = time.monotonic() - began, usage.ru_utime + usage.ru_stime
            print(f"| {run} | {cpu / (60 * MINUTES):.3f} | {wall / (60 * MINUTES):.3f} |")


def cpu_seconds(run: Callable[[], Tensor]) -> tuple[float, Tensor]:
    """Return the CPU time of a call, and its result."""
    began = time.process_time()
    result = run()
    return time.process_time() - began, result


def schedule(networks: dict[str, int]) -> None:
    """Compare streaming with the plain loop, pair by pair."""
    torch.set_num_threads(1)
    print("| model | plain loop, CPU-s per s | streaming | ratio, median of 5 | difference |")
    print("|---|---|---|---|---|")
    for name, seconds in networks.items():
        print(compare(name, seconds), flush=True)


def _call(name: str) -> tuple[str, str, Mapping[str, Any]]:
    """Return the constructor of a published configuration, or of a model of the manifest."""
    if name in NAMED:
        return NAMED[name]
    call = manifest.models()[name].members[0].constructor
    assert call is not None
    return call.system, call.name, call.options


def compare(name: str, seconds: int) -> str:
    """Return a table row: a published model of random weights, cut in both ways."""
    meant = published.translate(*_call(name))
    torch.manual_seed(0)
    network: Any = architecture(meant.architecture).build(meant.config)
    network.eval()
    mixture = torch.rand(meant.config.channels, seconds * meant.config.sample_rate) - 0.5
    plan = ChunkPlan(geometry=network.geometry, schedule=meant.schedule)
    engine = Engine(
        name=name, network=network, plan=plan, draw=recorded([]), device=torch.device("cpu")
    )

    def streamed() -> Tensor:
        blocks = torch.split(mixture, 65_536, dim=-1)
        return torch.cat([*separate_stream(blocks, mixture.shape[-1], [engine])], -1)

    def plain() -> Tensor:
        estimates: Tensor = textbook.separate(network, mixture, meant.schedule, iter([]))
        return estimates

    pairs, difference = [], 0.0
    for _ in range(PAIRS):
        (theirs, expected), (ours, estimates) = cpu_seconds(plain), cpu_seconds(streamed)
        pairs.append((theirs, ours))
        difference = max(difference, float((estimates - expected).abs().max()))
    costs = [statistics.median(column) / seconds for column in zip(*pairs, strict=True)]
    ratio = statistics.median(ours / theirs for theirs, ours in pairs)
    return f"| {name} | {costs[0]:.3f} | {costs[1]:.3f} | {ratio:.3f} | {difference:.1e} |"


COMMANDS: dict[str, Callable[[], None]] = {
    "embedded": embedded,
    "schedule": partial(schedule, LARGE),
    "networks": partial(schedule, OTHERS),
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=COMMANDS)
    COMMANDS[parser.parse_args().what]()
