"""The only module that prints: results to stdout, everything else to stderr."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from unmixcli.errors import OutputError, UnmixError

Advance = Callable[[int, int | None], None]
"""Told how much is done, and of how much (``None`` where nobody knows)."""


@dataclass(frozen=True, slots=True)
class Printer:
    """Where a command's words go.

    Attributes:
        as_json: Print one JSON document instead of lines.
        quiet: Keep progress and notes to ourselves; errors still show.
        verbose: Show more notes.
    """

    as_json: bool = False
    quiet: bool = False
    verbose: bool = False

    def lines(self, lines: list[str]) -> None:
        """Print a part of a command's result, for people and pipes."""
        if not self.as_json:
            terminal = sys.stdout is not None and sys.stdout.isatty()
            _write("\n".join(_harmless(line) if terminal else line for line in lines))

    def document(self, document: dict[str, Any]) -> None:
        """Print a command's whole result, for programs."""
        if self.as_json:
            _write(json.dumps(document))

    def note(self, text: str) -> None:
        """Tell a person who is watching what is going on."""
        if not self.quiet:
            _say(f"note: {text}", style="dim")

    def detail(self, text: str) -> None:
        """Tell a person who wants to know more."""
        if self.verbose:
            self.note(text)

    def error(self, error: UnmixError) -> None:
        """Say what went wrong and what to do next, a line each."""
        _say(f"error: {error}", style="red")
        if error.hint:
            _say(f"hint: {error.hint}")
        if self.verbose and error.__cause__ is not None:
            self.note(f"the cause was {error.__cause__!r}")

    @contextmanager
    def progress(self, label: str) -> Iterator[Advance | None]:
        """Show a bar while the block runs, on a terminal only."""
        console = _stderr()
        if self.quiet or self.as_json or not console.is_terminal or console.is_dumb_terminal:
            yield None
            return
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task(_harmless(label), total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)


def _write(text: str) -> None:
    """Print to stdout, whatever that is."""
    if sys.stdout is None:  # closed by whoever started us
        return
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Names of files need not be text, nor fit what a pipe is taken to speak on
        # Windows: write back the very bytes they came from.
        sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")
    try:
        print(text, flush=True)
    except OSError as error:
        # Keep the interpreter from trying again, and complaining, at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):  # else the reader has seen enough
            raise OutputError(
                f"cannot write the result to stdout: {error.strerror}",
                hint="the stems themselves are written",
            ) from error


def _say(text: str, style: str | None = None) -> None:
    with suppress(OSError):  # nobody can be told, but the stems can be written
        _stderr().print(_harmless(text), style=style)


def _stderr() -> Console:
    return Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)


def _harmless(text: str) -> str:
    """Escape what a file's name could do to a terminal, and keep one line one line."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text.encode("utf-8", "backslashreplace").decode()
    )
