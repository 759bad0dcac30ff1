"""Who hears what: results on stdout, people on stderr, a bar on a terminal only."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from unmixcli.cli.output import Printer
from unmixcli.errors import AudioError


def on_a_terminal(*arguments: object) -> tuple[str, str]:
    """Run with stderr on a pseudo-terminal; return what went to stdout and to it."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    environment.pop("NO_COLOR", None)
    process = subprocess.Popen(
        [sys.executable, "-m", "unmixcli", *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=theirs,
        env=environment,
    )
    os.close(theirs)
    shown = bytearray()
    while True:
        try:
            piece = os.read(ours, 65_536)
        except OSError:  # Linux says so when the other end is closed
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    stdout, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return stdout.decode(), shown.decode()


def test_a_bar_shows_on_a_terminal(track, tmp_path):
    stdout, shown = on_a_terminal("separate", track, "-o", tmp_path)

    assert len(stdout.splitlines()) == 4
    assert "\x1b" not in stdout
    assert "song.wav" in shown
    assert "100%" in shown


@pytest.mark.parametrize("option", ["--quiet", "--json"])
def test_no_bar_for_programs(track, tmp_path, option):
    _, shown = on_a_terminal("separate", track, "-o", tmp_path, option)

    assert "100%" not in shown


def test_names_are_not_taken_for_markup(track, tmp_path):
    odd = track.rename(tmp_path / "[bold]a[red] :smile:.wav")

    stdout, shown = on_a_terminal("separate", odd, "-o", tmp_path)

    assert "[bold]a[red] :smile:/vocals.wav" in stdout
    assert "[bold]a[red] :smile:.wav" in shown


def test_no_colours_on_a_pipe(run, tmp_path):
    finished = run("separate", tmp_path / "absent.wav")

    assert "\x1b" not in finished.stderr


def test_an_error_is_one_line_and_a_hint_another(capfd):
    Printer().error(AudioError("'a\nb' is empty", hint="try\tagain"))

    assert capfd.readouterr().err.splitlines() == ["error: 'a\\nb' is empty", "hint: try\\tagain"]


def test_names_that_are_no_text_are_shown_escaped(capfd):
    Printer().note(os.fsdecode(b"caf\xe9.wav"))

    assert capfd.readouterr().err == "note: caf\\udce9.wav\n"


@pytest.mark.parametrize(
    ("redirection", "code"),
    [("| head -n 1", 0), (">&-", 0), ("2>&-", 0), (">/dev/full", 4), ("2>/dev/full", 0)],
)
def test_what_becomes_of_stdout_is_no_traceback(track, tmp_path, redirection, code):
    command = f"{sys.executable} -m unmixcli separate {track} -o {tmp_path} {redirection}"

    finished = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False
    )

    assert finished.returncode == code
    assert "Traceback" not in finished.stderr
    assert (tmp_path / "song" / "vocals.wav").exists()


def test_a_name_no_code_page_has_is_no_traceback(track, tmp_path):
    """On Windows a pipe speaks a code page unless told otherwise."""
    song = track.rename(tmp_path / "ж音.wav")
    command = [sys.executable, "-m", "unmixcli", "separate", str(song), "-o", str(tmp_path)]
    environment = {**os.environ, "PYTHONIOENCODING": "cp1252"}

    finished = subprocess.run(command, capture_output=True, env=environment, check=False)

    assert finished.returncode == 0
    assert "ж音" in finished.stdout.decode()
    assert b"Traceback" not in finished.stderr
