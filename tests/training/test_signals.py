"""Kills and requests to stop, of processes of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest
from safetensors.torch import load_file

from tiny_training import lines_of


def wait_for(path, count, process):
    """Wait until a run has written so many lines."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if path.exists() and path.read_text().count("\n") >= count:
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.002)
    raise AssertionError("it takes too long")


def test_a_killed_run_goes_on_bit_by_bit(start, run, dataset, config, tmp_path):
    """SIGKILL in the middle of it, wherever that is between two checkpoints."""
    run("stages.0.epochs=4", output=tmp_path / "whole")
    killed = start(
        *(dataset, "--config", config, "--set", "stages.0.epochs=4", "-o", tmp_path / "killed"),
        *("--device", "cpu", "--save-every", 0.001),
    )
    wait_for(tmp_path / "killed" / "metrics.jsonl", 6, killed)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    # The very command again, as a cluster would give it.
    resumed = start(
        *(dataset, "--config", config, "--set", "stages.0.epochs=4", "-o", tmp_path / "killed"),
        *("--device", "cpu", "--resume"),
    )
    _, errors = resumed.communicate(timeout=150)

    assert resumed.returncode == 0, errors
    whole, parts = (tmp_path / name / "metrics.jsonl" for name in ("whole", "killed"))
    assert whole.read_text() == parts.read_text()
    one, other = (load_file(path.with_name("model.safetensors")) for path in (whole, parts))
    assert all((one[key] == other[key]).all() for key in one)


def test_a_run_killed_before_its_first_checkpoint_begins_again(run, tmp_path):
    run(output=tmp_path / "whole")
    run(output=tmp_path / "killed", max_steps=2)
    for path in (tmp_path / "killed" / "checkpoints").iterdir():
        path.unlink()
    run(output=tmp_path / "killed", resume=True)

    whole, parts = (tmp_path / name / "metrics.jsonl" for name in ("whole", "killed"))
    assert whole.read_text() == parts.read_text()


def test_a_request_to_stop_saves_and_says_so(start, dataset, config, tmp_path):
    path = tmp_path / "run"
    process = start(
        *(dataset, "--config", config, "--set", "stages.0.epochs=10000", "-o", path),
        *("--device", "cpu", "--save-every", 60),
    )
    wait_for(path / "metrics.jsonl", 2, process)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=100)

    assert process.returncode == 143, errors
    assert "--resume" in errors
    assert "Traceback" not in errors
    steps = [line["step"] for line in lines_of(path) if line["kind"] == "step"]
    assert f"stopped at step {steps[-1]}" in errors


def train_into(shell, dataset, config, folder):
    """Train where a shell says what becomes of the output; return its exit code and errors."""
    line = f'"$@" {shell}'
    command = ["bash", "-c", f"set -o pipefail; {line}", "bash", sys.executable, "-m", "unmixcli"]
    command += [*map(str, ("train", dataset, "--config", config, "-o", folder))]
    command += ["--device", "cpu", "--set", "stages.0.epochs=4"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    finished = subprocess.run(
        command, capture_output=True, text=True, timeout=150, check=False, env=environment
    )
    return finished.returncode, finished.stdout, finished.stderr


@pytest.mark.parametrize("shell", ["| head -1", ">&- 2>&-"])
def test_whoever_reads_the_output_may_go_away(dataset, config, tmp_path, shell):
    code, said, errors = train_into(shell, dataset, config, tmp_path / "run")

    assert code == 0, errors
    assert said.count("\n") == (shell == "| head -1")
    assert "Traceback" not in errors
    assert (tmp_path / "run" / "model.safetensors").exists()
    assert len([line for line in lines_of(tmp_path / "run") if line["kind"] == "step"]) == 12


def test_an_output_that_is_full_is_one_error_and_the_run_goes_on_later(dataset, config, tmp_path):
    code, _, errors = train_into("> /dev/full", dataset, config, tmp_path / "run")

    assert code == 4
    assert "cannot write the result to stdout: No space left" in errors
    assert "Traceback" not in errors
    assert (tmp_path / "run" / "checkpoints" / "last.safetensors").exists()


STUBBORN = """
import os, signal, threading, time
from unmixcli.cli import signals
cancel = threading.Event()
received = signals.stop_in_order(cancel)
os.kill(os.getpid(), signal.SIGINT)
assert cancel.is_set() and received() == signal.SIGINT
print("asked", flush=True)
os.kill(os.getpid(), signal.SIGTERM)
time.sleep(60)
"""


def test_the_first_signal_asks_and_the_second_is_obeyed_at_once():
    finished = subprocess.run(
        [sys.executable, "-c", STUBBORN], capture_output=True, text=True, timeout=60, check=False
    )

    assert finished.returncode == 143
    assert finished.stdout == "asked\n"
