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
from rich.table import Table

from unmixcli.errors import OutputError, UnmixError

Advance = Callable[[int, int | None], None]
"""Told how much is done, and of how much (``None`` where nobody knows)."""

Meter = Callable[[int, int | None, str], None]
"""Told the same, and a few words about it."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        title: What is above it.
        number: Whether it is set to the right.
        wraps: Whether it gives way where a line is short.
    """

    title: str
    number: bool = False
    wraps: bool = False


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
        if lines and not self.as_json:
            shown = map(_harmless, lines) if self.on_terminal else lines
            _write("\n".join(shown))

    @property
    def on_terminal(self) -> bool:
        """Whether a person reads the result as it is printed."""
        return sys.stdout is not None and sys.stdout.isatty()

    @property
    def width(self) -> int:
        """Characters of a line of the terminal."""
        return _stdout().width

    def fields(self, rows: list[list[str]]) -> None:
        """Print a line for each row, its fields between tabs, for pipes."""
        self.lines(["\t".join(_harmless(field) for field in row) for row in rows])

    def table(self, columns: list[Column], rows: list[list[str]], dim: list[bool]) -> None:
        """Draw a table for people.

        Args:
            columns: What is above each column, and how it is set.
            rows: A cell for each column.
            dim: Of each row, whether it matters less.
        """
        if self.as_json:
            return
        drawn = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for column in columns:
            drawn.add_column(
                column.title,
                justify="right" if column.number else "left",
                no_wrap=not column.wraps,
                overflow="fold",
            )
        for row, faint in zip(rows, dim, strict=True):
            drawn.add_row(*map(_harmless, row), style="dim" if faint else None)
        console = _stdout()
        with console.capture() as shown:
            console.print(drawn)
        _write(shown.get().rstrip("\n"))

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

    def _draws_on(self, console: Console) -> bool:
        watched = console.is_terminal and not console.is_dumb_terminal
        return watched and not (self.quiet or self.as_json)

    @contextmanager
    def progress(self, label: str) -> Iterator[Advance | None]:
        """Show a bar while the block runs, on a terminal only."""
        console = _stderr()
        if not self._draws_on(console):
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

    @contextmanager
    def meter(self, label: str) -> Iterator[Meter | None]:
        """Show a bar with a few words beside it while the block runs, on a terminal only."""
        console = _stderr()
        if not self._draws_on(console):
            yield None
            return
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[words]}", markup=False),
        )
        # What is printed meanwhile goes above the bar, but to a pipe where there is one.
        both = self.on_terminal
        with Progress(*columns, console=console, transient=True, redirect_stdout=both) as bar:
            task = bar.add_task(_harmless(label), total=None, words="")
            yield lambda done, total, words: bar.update(
                task, completed=done, total=total, words=_harmless(words)
            )


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
                hint="only what is printed is lost, not what is kept in files",
            ) from error


def _say(text: str, style: str | None = None) -> None:
    with suppress(OSError):  # nobody can be told, but the stems can be written
        _stderr().print(_harmless(text), style=style)


def _stdout() -> Console:
    return Console(highlight=False, markup=False, emoji=False)


def _stderr() -> Console:
    return Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)


def _harmless(text: str) -> str:
    """Escape what a file's name could do to a terminal, and keep one line one line."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text.encode("utf-8", "backslashreplace").decode()
    )
