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


def test_a_file_without_a_command_says_what_to_type(run, track):
    finished = run(track)

    assert finished.code == 2
    assert finished.stderr.splitlines()[1] == f"hint: type 'unmixcli separate {track}'"


def test_help_takes_less_than_a_third_of_a_second_of_cpu():
    """The least of several runs: a busy machine makes some of them slower."""
    command = [sys.executable, "-m", "unmixcli", "--help"]
    used = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)

    assert min(used) < 0.3
