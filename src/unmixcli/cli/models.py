"""``unmixcli models``: which there are, what is known of them, and where they are."""

from __future__ import annotations

from typing import Annotated

import typer

from unmixcli import __version__
from unmixcli.cli import model_files, options
from unmixcli.cli.output import Printer

app = typer.Typer(help="List, describe, download, check, remove and import models.")


@app.command("list")
def list_models(
    sources: Annotated[
        str | None, typer.Option(help="Those that separate all of these; commas between them.")
    ] = None,
    licence: Annotated[
        str | None, typer.Option(help="Those under this SPDX licence, or any that is permissive.")
    ] = None,
    architecture: Annotated[str | None, typer.Option(help="Those of this kind of network.")] = None,
    downloaded: Annotated[
        bool, typer.Option("--downloaded", help="Those whose files are all here.")
    ] = False,
    runnable: Annotated[
        bool, typer.Option("--runnable", help="Those that this version can run.")
    ] = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """List models: a table on a terminal, fields between tabs on a pipe."""
    from unmixcli.cli import model_table
    from unmixcli.cli.model_choice import Choice
    from unmixcli.weights import catalogue

    choice = Choice(
        sources=[] if sources is None else [name.strip() for name in sources.split(",")],
        licence=licence,
        architecture=architecture,
    )
    rows = [
        row
        for row in model_table.ordered(choice.of(catalogue.models().values()))
        if (row.downloaded or not downloaded) and (row.runnable or not runnable)
    ]
    printer = Printer(as_json=as_json, quiet=quiet)
    model_table.show(printer, rows)
    listed = [row.as_dict() for row in rows]
    printer.document({"schema": 1, "version": __version__, "models": listed})
    printer.note(
        f"{len(rows)} models, {sum(row.runnable for row in rows)} runnable, "
        f"{sum(row.downloaded for row in rows)} downloaded"
    )


@app.command()
def show(name: model_files.Name, as_json: options.Json = False) -> None:
    """Tell all that is known of a model: files, licence, training, scores."""
    from unmixcli.cli import model_card
    from unmixcli.weights import catalogue

    entry = catalogue.get(name)
    printer = Printer(as_json=as_json)
    printer.lines(model_card.lines(entry))
    printer.document({"schema": 1, "version": __version__, "model": model_card.document(entry)})


@app.command()
def path(
    name: Annotated[
        str | None,
        typer.Argument(help="A model's name; the whole cache without.", show_default=False),
    ] = None,
) -> None:
    """Print the folder that weights are kept in, or the files of a model."""
    from unmixcli.weights import cache, catalogue, store

    if name is None:
        Printer().lines([str(store.home())])
        return
    entry = catalogue.get(name)
    if not cache.downloaded(entry):
        raise cache.not_here(entry)
    Printer().lines([str(copy.path) for copy in cache.copies(entry)])


app.command()(model_files.download)
app.command()(model_files.verify)
app.command()(model_files.remove)
app.command("import")(model_files.import_model)
