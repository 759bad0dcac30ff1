"""Which systems the options of ``unmixcli eval`` name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from unmixcli.cli.output import Printer
from unmixcli.errors import UsageError
from unmixcli.evaluation.options import Options
from unmixcli.settings import Settings

if TYPE_CHECKING:
    from unmixcli.datasets.collection import Dataset
    from unmixcli.evaluation.systems.system import System


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the options say is to be scored, and how."""

    models: tuple[str, ...]
    estimates: tuple[str, ...]
    oracles: tuple[str, ...]
    instruments: tuple[str, ...]
    policy: str | None
    settings: Settings
    options: Options

    def systems(self, dataset: Dataset, printer: Printer) -> list[System]:
        """Return what is to be scored: models, estimates, oracles.

        Raises:
            UnknownModelError: There is no such model.
            UsageError: An option is for models, and there are none.
        """
        from unmixcli.evaluation.oracles import Oracle
        from unmixcli.evaluation.systems.oracle import OracleSystem

        found: list[System] = [*self._models(dataset, printer), *self._estimates(dataset)]
        found += [OracleSystem(Oracle(name)) for name in self.oracles]
        if self.instruments and not any(system.kind == "model" for system in found):
            raise UsageError("--instruments is for models", hint="name one with --model")
        return list(dict.fromkeys(found))

    def _models(self, dataset: Dataset, printer: Printer) -> list[System]:
        from unmixcli.evaluation.systems.model import ModelSystem
        from unmixcli.weights import catalogue, loader

        names = self.models
        if not (names or self.estimates or self.oracles or dataset.estimates):
            names = (loader.DEFAULT,)
            printer.note(loader.advice())
        systems: list[System] = []
        for name in names:
            loader.sources(name)  # whether there is such a model, before any is loaded
            entry = catalogue.find(name)
            systems.append(
                ModelSystem(
                    name=entry.name if entry else Path(name).stem,
                    model=name,
                    settings=self.settings,
                    instruments=self.instruments,
                    policy=self.policy,
                )
            )
        return systems

    def _estimates(self, dataset: Dataset) -> list[System]:
        from unmixcli.evaluation.systems.estimates import EstimatesSystem

        folders = [_named(given) for given in self.estimates]
        if not (folders or self.models) and dataset.estimates is not None:
            folders = [("estimates", dataset.estimates)]
        return [
            EstimatesSystem(name=name, folder=folder, any_length=self.options.compat)
            for name, folder in folders
        ]


def _named(given: str) -> tuple[str, Path]:
    """Return what a folder of estimates is called, and where it is."""
    name, mark, folder = given.partition("=")
    if mark and name and folder and not Path(given).exists():
        return name, Path(folder)
    return Path(given).resolve().name, Path(given)
