"""``unmixcli instruments``: what ``--instruments`` takes."""

from __future__ import annotations

from unmixcli import __version__
from unmixcli.cli import options
from unmixcli.cli.output import Column, Printer
from unmixcli.instruments import INSTRUMENTS

COLUMNS = [Column("code"), Column("name"), Column("also", wraps=True)]


def instruments(as_json: options.Json = False) -> None:
    """List instruments: codes, names and what else --instruments takes for them."""
    printer = Printer(as_json=as_json)
    rows = [[known.code, known.name, ", ".join(known.aliases)] for known in INSTRUMENTS]
    if printer.on_terminal:
        printer.table(COLUMNS, rows, dim=[False] * len(rows))
    else:
        printer.fields(rows)
    listed = [
        {"code": known.code, "name": known.name, "aliases": list(known.aliases)}
        for known in INSTRUMENTS
    ]
    printer.document({"schema": 1, "version": __version__, "instruments": listed})
