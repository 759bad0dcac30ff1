"""``unmixcli models download``, ``verify``, ``remove`` and ``import``: files of weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unmixcli.cli import options, signals
from unmixcli.cli.output import Printer
from unmixcli.errors import PartialError, UnmixError, WeightsError

if TYPE_CHECKING:
    from unmixcli.weights.cache import Copy
    from unmixcli.weights.licence import Policy
    from unmixcli.weights.manifest import ManifestEntry

Name = Annotated[str, typer.Argument(help="A model's name or alias.", show_default=False)]
Names = Annotated[list[str], typer.Argument(help="Names of models.", show_default=False)]


def download(
    names: Names,
    licence_policy: options.LicencePolicy = None,
    offline: options.Offline = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Download models, check them, and print where their files are."""
    from unmixcli.weights import licence

    printer = Printer(quiet=quiet, verbose=verbose)
    policy = licence.chosen(licence_policy)
    signals.leave_in_order()
    _each(printer, names, lambda name: _download(printer, name, policy))


def _download(printer: Printer, name: str, policy: Policy) -> None:
    from unmixcli.weights import cache, catalogue, licence, store, support

    entry = catalogue.get(name)
    licence.require(entry.name, entry.licence, policy)
    printer.note(f"model '{entry.name}', licence of the weights: {entry.licence}")
    if why := support.obstacle(entry):
        printer.note(f"'{entry.name}' cannot run yet: {why}")
    for copy in cache.copies(entry):
        path = copy.path
        if copy.here:
            cache.verify(entry, copy)
        else:
            with printer.progress(f"{entry.name}: {copy.file.name}") as progress:
                path, _ = store.fetch(entry, copy.file, progress)
        printer.lines([str(path)])


def remove(names: Names, quiet: options.Quiet = False, verbose: options.Verbose = False) -> None:
    """Delete the files of models from the cache, imported ones too."""
    printer = Printer(quiet=quiet, verbose=verbose)
    _each(printer, names, lambda name: _remove(printer, name))


def _remove(printer: Printer, name: str) -> None:
    from unmixcli.weights import cache

    printer.lines([f"removed '{name}': {cache.remove(name):,} bytes are free again"])


def _each(printer: Printer, names: list[str], act: Callable[[str], None]) -> None:
    """Do something to each model; one that fails does not stop the others.

    Raises:
        PartialError: Some failed.
        Exit: All did, with the code of the first; each is printed already.
    """
    distinct = list(dict.fromkeys(names))
    failures: list[UnmixError] = []
    for name in distinct:
        try:
            act(name)
        except UnmixError as error:
            failures.append(error)
            printer.error(error)
    if 0 < len(failures) < len(distinct):
        raise PartialError(
            f"{len(failures)} of {len(distinct)} models failed", hint="the others are done"
        )
    if failures:
        raise typer.Exit(failures[0].exit_code)


def verify(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Names of models; all that is here without.", show_default=False),
    ] = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Read files of weights again, and hold them against their published hashes."""
    from unmixcli.weights import cache, catalogue

    printer = Printer(quiet=quiet, verbose=verbose)
    failed = False
    for name in dict.fromkeys(names or cache.present()):
        try:
            failed |= not _verify(printer, catalogue.get(name))
        except UnmixError as error:
            failed = True
            printer.error(error)
    if failed:
        raise typer.Exit(WeightsError.exit_code)


def _verify(printer: Printer, entry: ManifestEntry) -> bool:
    """Print a line for each file of a model, and say whether all are here and right."""
    from unmixcli.weights import cache

    copies = cache.copies(entry)
    states = [_state(printer, entry, copy) for copy in copies]
    if "absent" in states:
        printer.error(cache.not_here(entry))
    return all(state == "ok" for state in states)


def _state(printer: Printer, entry: ManifestEntry, copy: Copy) -> str:
    from unmixcli.weights import cache

    state, damage = "ok" if copy.here else "absent", None
    if copy.here:
        try:
            cache.verify(entry, copy)
        except WeightsError as error:
            state, damage = "damaged", error
    printer.lines([f"{state}\t{copy.path}"])
    if damage:
        printer.error(damage)
    return state


def import_model(
    file: Annotated[
        Path,
        typer.Argument(
            help="A published checkpoint, a bag's YAML, or a TensorFlow bundle.",
            show_default=False,
            readable=False,
        ),
    ],
    name: Annotated[str, typer.Option(help="What --model will take.", show_default=False)],
    architecture: Annotated[
        str | None, typer.Option(help="Its kind of network, where the file does not say so.")
    ] = None,
    config: Annotated[
        str | None,
        typer.Option(help="Its hyper-parameters: JSON, a file of it, or a listed model's name."),
    ] = None,
    licence: Annotated[
        str, typer.Option(help="SPDX identifier of the weights' terms.")
    ] = "not-stated",
    quiet: options.Quiet = False,
) -> None:
    """Convert a published checkpoint to a model of your own, and print where it is."""
    from unmixcli.weights import cache, importer

    signals.leave_in_order()
    entry = importer.import_file(
        file, name=name, architecture=architecture, config=config, licence=licence
    )
    printer = Printer(quiet=quiet)
    printer.lines([str(copy.path) for copy in cache.copies(entry)])
    printer.note(f"'{entry.name}' separates {', '.join(entry.sources)}: --model {entry.name}")
