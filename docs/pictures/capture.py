"""Draw a terminal in which unmixcli really runs: ``docs/pictures/terminal.svg``.

Needs the package, nothing more, on Linux or macOS::

    python docs/pictures/capture.py
"""

from __future__ import annotations

import io
import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
import termios
from contextlib import suppress
from pathlib import Path

from rich.color import Color
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

HERE = Path(__file__).parent
SONG = Path("examples", "song.flac")
WIDTH = 98  # where the note's line breaks between two words
COMMANDS = (f"unmixcli separate {SONG}", f"unmixcli separate {SONG} --model demuc", "echo $?")
PROMPT = r"\033[32m$\033[0m \033[1m%s\033[0m\n"
SCRIPT = f"""for line; do printf '{PROMPT}' "$line"; (exit $was); eval "$line"; was=$?; done"""
TOKEN = re.compile(r"\x1b\[([?\d;]*)([A-Za-z])|(.)", re.DOTALL)
FIRST_SHARE_DONE = re.compile(r"[1-9]\d?% -:--:--")
"""The bar after the first chunk: later ones show a time, which no two runs share."""

HUES = ["#161b22", "#ff7b72", "#7ee787", "#f2cc60", "#79c0ff", "#d2a8ff", "#76e3ea", "#c9d1d9"]
BLACK, *REST = (Color.parse(hue).get_truecolor() for hue in HUES)
THEME = TerminalTheme(BLACK, REST[-1], [BLACK, *REST], [(72, 79, 88), *REST])


class Screen:
    """As much of a terminal as a transient progress bar needs."""

    def __init__(self) -> None:
        self.rows: list[list[str]] = [[]]
        self.bar: tuple[int, list[str]] | None = None
        self._row = self._column = 0
        self._style = ""

    def feed(self, text: str) -> None:
        """Obey what a program printed."""
        for values, order, character in TOKEN.findall(text):
            if order == "m":
                self._style = "" if values in ("", "0") else f"{self._style}\x1b[{values}m"
            elif order == "A":
                self._row -= int(values or 1)
            elif order == "K":
                self._erase(self.rows[self._row])
            elif character == "\r":
                self._column = 0
            elif character:
                self._put(character)

    def _erase(self, row: list[str]) -> None:
        if self.bar is None and FIRST_SHARE_DONE.search(Text.from_ansi("".join(row)).plain):
            self.bar = self._row, row.copy()
        row.clear()

    def _put(self, character: str) -> None:
        if character == "\n" or self._column == WIDTH:
            self._row, self._column = self._row + 1, 0
            self.rows += [[]] * (self._row == len(self.rows))
        if character != "\n":
            cell = f"{self._style}{character}\x1b[0m"
            self.rows[self._row][self._column : self._column + 1] = [cell]
            self._column += 1


def run(folder: Path) -> str:
    """Return what the commands print in a terminal, each below its prompt."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {"PATH": path, "HOME": str(folder), "TERM": "xterm-256color", "LANG": "C.UTF-8"}
    outer, inner = pty.openpty()
    termios.tcsetwinsize(inner, (40, WIDTH))
    shell = ["sh", "-c", SCRIPT, "sh", *COMMANDS]
    with subprocess.Popen(
        shell, stdin=inner, stdout=inner, stderr=inner, cwd=folder, env=environment
    ):
        os.close(inner)
        printed = b""
        with suppress(OSError):  # how Linux says that all is read
            while block := os.read(outer, 65536):
                printed += block
        os.close(outer)
    return printed.decode()


def main() -> None:
    """Run the commands in a fresh folder and draw what they show."""
    screen = Screen()
    with tempfile.TemporaryDirectory() as name:
        song = Path(name, SONG)
        song.parent.mkdir()
        shutil.copy(HERE.parents[1] / SONG, song)
        screen.feed(run(Path(name)))
    if screen.bar is None:
        raise SystemExit("the progress bar never showed a first share done: run it again")
    screen.rows.insert(screen.bar[0], [*screen.bar[1], "  \x1b[2;3m(gone when done)\x1b[0m"])
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    console.print(Text.from_ansi("\n".join("".join(row) for row in screen.rows).rstrip("\n")))
    svg = console.export_svg(title="unmixcli", theme=THEME, unique_id="unmixcli")
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)  # fetched from a network
    svg = svg.replace("Fira Code, monospace", "ui-monospace, Menlo, Consolas, monospace")
    (HERE / "terminal.svg").write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
