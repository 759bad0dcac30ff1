"""The command line: parse, call the library, print, map errors to exit codes."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from unmixcli import __version__
from unmixcli.cli.output import Printer
from unmixcli.cli.separate import separate
from unmixcli.errors import UnmixError, UsageError

TERMINATED = 128 + signal.SIGTERM

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)
app.command()(separate)


def _print_version(wanted: bool) -> None:
    if wanted:
        Printer().result({"version": __version__}, lines=[f"unmixcli {__version__}"])
        raise typer.Exit


@app.callback()
def unmix(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Separate music into stems."""


def main() -> None:
    """Run the app; turn intended errors into a message and their exit code."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        _require_command(sys.argv[1:])
        app()
    except UnmixError as error:
        Printer().error(error)
        sys.exit(error.exit_code)


def _terminate(signum: int, frame: FrameType | None) -> None:
    """Leave through every ``finally``, so that nothing half-written stays behind."""
    sys.exit(TERMINATED)


def _require_command(arguments: list[str]) -> None:
    """Tell who leaves the command out, as other separators let them, what to type.

    Raises:
        UsageError: The first argument is a file.
    """
    if arguments and Path(arguments[0]).is_file():
        raise UsageError(
            f"no command '{arguments[0]}'", hint=f"type 'unmixcli separate {arguments[0]}'"
        )
