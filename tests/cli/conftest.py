"""Run the command line, in this process or in one of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

from unmixcli.cli.app import main
from unmixcli.cli.signals import SIGNALS


@dataclass(frozen=True)
class Finished:
    code: int
    stdout: str
    stderr: str


@pytest.fixture
def run(monkeypatch, capfd) -> Callable[..., Finished]:
    """Run ``unmixcli`` with arguments, in this process; streams are read at file level."""
    monkeypatch.setenv("UNMIXCLI_OFFLINE", "1")
    monkeypatch.setenv("COLUMNS", "100")

    def run(*arguments: object) -> Finished:
        monkeypatch.setattr(sys, "argv", ["unmixcli", *map(str, arguments)])
        before = {number: signal.getsignal(number) for number in SIGNALS}
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        out, err = capfd.readouterr()
        return Finished(code, out, err)

    return run


@pytest.fixture
def start(monkeypatch) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start ``unmixcli`` as a process of its own, where signals are the point.

    Not a fork of this one: torch's threads do not survive that.
    """
    started: list[subprocess.Popen[bytes]] = []

    def start(*arguments: object) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "unmixcli", *map(str, arguments)]
        null = subprocess.DEVNULL
        started.append(subprocess.Popen(command, stdin=null, stdout=null, stderr=null))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def track(tmp_path) -> Path:
    """A second of stereo noise."""
    path = tmp_path / "song.wav"
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, (22_050, 2))
    soundfile.write(path, samples, 22_050)
    return path
