"""Which recipe is meant, of all the ways to say it."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unmixcli.errors import ConfigError, UsageError
from unmixcli.training import recipe as recipes
from unmixcli.training.frozen import RUN
from unmixcli.training.network import Resolved
from unmixcli.training.recipe import Recipe
from unmixcli.training.tables import assign, merge

SOURCES = ("data.sources", "model.config.sources")
"""Keys by which a user names the sources."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What a user says of a recipe; what is left out is as usual for the network.

    Attributes:
        recipe: One of the package, or a file.
        config: A file that is laid over it, or stands for itself.
        architecture: Which kind of network.
        assignments: Single values, as ``optim.lr=1e-4``.
        seed: In place of the recipe's.
        precision: In place of the recipe's.
    """

    recipe: str | None = None
    config: Path | None = None
    architecture: str | None = None
    assignments: Sequence[str] = ()
    seed: int | None = None
    precision: str | None = None

    @property
    def sources_chosen(self) -> bool:
        """Whether the sources are named."""
        return any(one.partition("=")[0].strip() in SOURCES for one in self.assignments)

    def made(self, model: Resolved | None = None) -> Recipe:
        """Return the recipe.

        Args:
            model: The network whose training goes on; ``None`` starts from scratch.

        Raises:
            ConfigError: There is no such recipe, or a key or value in it is wrong.
            UsageError: It is for another architecture than the one named.
        """
        tables = self._tables(model)
        if model is not None:
            tables["model"] = _described(model)
        for assignment in self.assignments:
            assign(tables, assignment)
        if self.seed is not None:
            tables["seed"] = self.seed
        if self.precision is not None:
            tables["precision"] = self.precision
        made = recipes.from_dict(tables)
        if self.architecture not in (None, made.network.architecture):
            raise UsageError(
                f"the recipe trains '{made.network.architecture}', not '{self.architecture}'",
                hint="leave out --architecture, or choose another --recipe",
            )
        return made

    def _tables(self, model: Resolved | None) -> dict[str, Any]:
        if self.config is not None:
            above = _read(self.config)
            under = self.recipe or above.pop(recipes.BASE, None)
            above.pop(recipes.BASE, None)
            return merge(self._named(under), above) if under else above
        kind = model.architecture if model is not None else self.architecture
        return self._named(self.recipe or recipes.usual(str(kind)))

    def _named(self, name: str) -> dict[str, Any]:
        return recipes.to_dict(recipes.load(name))


def _read(path: Path) -> dict[str, Any]:
    """Read a file; what a run's own file says beside its recipe is left out.

    Raises:
        ConfigError: It cannot be read, or is no TOML.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read '{path}': {(error.strerror or '').lower()}") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"'{path}' is no TOML: {error}") from error
    tables.pop(RUN, None)
    return tables


def _described(model: Resolved) -> dict[str, Any]:
    """Return what a recipe says of a network that is there."""
    config = {k: list(v) if isinstance(v, tuple) else v for k, v in vars(model.config).items()}
    schedule = {k: v for k, v in model.schedule.to_json().items() if v is not None}
    return {"architecture": model.architecture, "config": config, "schedule": schedule}
