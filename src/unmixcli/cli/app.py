"""The command line: parse, call the library, print, map errors to exit codes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from unmixcli import __version__
from unmixcli.cli import models, signals
from unmixcli.cli.evaluate import command as evaluate
from unmixcli.cli.instruments import instruments
from unmixcli.cli.output import Printer
from unmixcli.cli.separate import separate
from unmixcli.cli.train import command as train
from unmixcli.errors import DeviceError, UnmixError, UsageError

app = typer.Typer(pretty_exceptions_enable=False)
app.command()(separate)
app.command("eval")(evaluate)
app.command("train")(train)
app.command()(instruments)
app.add_typer(models.app, name="models")


def _print_version(wanted: bool) -> None:
    if wanted:
        Printer().lines([f"unmixcli {__version__}"])
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
    signals.leave_at_once()
    arguments = sys.argv[1:]
    if arguments in ([], ["models"]):
        arguments.append("--help")
    try:
        _require_command(arguments)
        code = app(arguments, prog_name="unmixcli", standalone_mode=False)
    except UnmixError as error:
        _fail(error)
    except MemoryError:
        _fail(DeviceError("out of memory", hint="try a shorter --segment, or close other programs"))
    except Exception as error:
        # Typer keeps the class of its usage errors to itself.
        if not hasattr(error, "format_message"):
            raise
        command = getattr(getattr(error, "ctx", None), "command_path", "unmixcli")
        _fail(UsageError(_sentence(error.format_message()), hint=f"see '{command} --help'"))
    sys.exit(code if isinstance(code, int) else 0)


def _fail(error: UnmixError) -> NoReturn:
    Printer().error(error)
    sys.exit(error.exit_code)


def _sentence(message: str) -> str:
    """Write a message of Typer's as ours are written."""
    return (message[:1].lower() + message[1:]).rstrip(".")


def _require_command(arguments: list[str]) -> None:
    """Tell who leaves the command out, as other separators let them, what to type.

    Raises:
        UsageError: The first argument is a file.
    """
    if Path(arguments[0]).is_file():
        raise UsageError(
            f"no command '{arguments[0]}'", hint=f"type 'unmixcli separate {arguments[0]}'"
        )
