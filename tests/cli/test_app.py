"""The command line as a whole."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

from unmixcli import __version__


def test_version(run):
    finished = run("--version")

    assert finished.code == 0
    assert finished.stdout == f"unmixcli {__version__}\n"


@pytest.mark.parametrize("arguments", [["--help"], ["separate", "--help"]], ids=str)
def test_help_goes_to_stdout(run, arguments):
    finished = run(*arguments)

    assert finished.code == 0
    assert "separate" in finished.stdout
    assert finished.stderr == ""


def test_an_unknown_command_is_a_usage_error(run):
    finished = run("unmix")

    assert finished.code == 2
    assert "unmix" in finished.stderr


def test_tracks_are_wanted(run):
    assert run("separate").code == 2


def test_help_takes_less_than_a_third_of_a_second_of_cpu():
    """Generous, since the machine may be busy: a torch import alone is over a second."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "unmixcli", "--help"]
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)

    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert used < 0.6
