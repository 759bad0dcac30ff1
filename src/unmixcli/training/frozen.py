"""What a run was begun with, as its folder keeps it: a recipe, and what it is applied to."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import tomli_w

from unmixcli.durable import write_text
from unmixcli.errors import ConfigError
from unmixcli.training import recipe as recipes
from unmixcli.training.recipe import Recipe

RUN = "run"
"""The table of a run's file that a recipe does not have."""

PLACES = ("run.dataset", "run.extra")
"""Keys that may change: a data set may be moved, and its tracks tell whether it is the same."""


@dataclass(frozen=True, kw_only=True)
class Frozen:
    """A recipe and what it is applied to.

    Attributes:
        recipe: Complete.
        dataset: Folder of the tracks.
        extra: Other folders of tracks.
        model: Where the weights come from; empty is from scratch.
        freeze: Patterns of names of weights that stay as they are.
    """

    recipe: Recipe
    dataset: str
    extra: tuple[str, ...] = ()
    model: str = ""
    freeze: tuple[str, ...] = ()

    def tables(self) -> dict[str, Any]:
        """Return all of it as tables and plain values."""
        run = {key: value for key, value in asdict(self).items() if key != "recipe"}
        run = {key: list(v) if isinstance(v, tuple) else v for key, v in run.items()}
        return {**recipes.to_dict(self.recipe), RUN: run}

    def write(self, path: Path) -> None:
        """Keep it.

        Raises:
            OutputError: The file cannot be written.
        """
        write_text(path, tomli_w.dumps(self.tables()))


def read(path: Path) -> Frozen:
    """Return what a run was begun with.

    Raises:
        ConfigError: There is no such run, or its file was damaged.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
        run = tables.pop(RUN)
        return Frozen(
            recipe=recipes.from_dict(tables),
            dataset=str(run["dataset"]),
            extra=tuple(map(str, run["extra"])),
            model=str(run["model"]),
            freeze=tuple(map(str, run["freeze"])),
        )
    except FileNotFoundError as error:
        raise ConfigError(
            f"there is no run in '{path.parent}' to resume",
            hint="leave out --resume to begin one",
        ) from error
    except ConfigError as error:
        raise ConfigError(f"'{path}': {error}", hint=error.hint) from error
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ConfigError(f"'{path}' is no configuration of a run: {error!r}") from error


def require_same(before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Refuse to go on with anything else than a run was begun with.

    Args:
        before: Tables that the checkpoint holds.
        now: Those of today.

    Raises:
        ConfigError: A value differs; the first is named.
    """
    was, today = dict(_flat(before, "")), dict(_flat(now, ""))
    for key in [*was, *(key for key in today if key not in was)]:
        if key.startswith(PLACES):
            continue
        if was.get(key) != today.get(key):
            raise ConfigError(
                f"{key} is {today.get(key)!r}, but was {was.get(key)!r} when the run began",
                hint="put it back, or begin another run from these weights: --model "
                "RUN/model.safetensors --output OTHER",
            )


def _flat(value: Any, where: str) -> list[tuple[str, Any]]:
    """Return every plain value under its key with dots; empty tables and lists count, too."""
    if isinstance(value, Mapping) and value:
        return [pair for key, inner in value.items() for pair in _flat(inner, _key(where, key))]
    if isinstance(value, list | tuple) and value:
        return [pair for n, inner in enumerate(value) for pair in _flat(inner, _key(where, n))]
    return [(where, list(value) if isinstance(value, tuple) else value)]


def _key(where: str, key: object) -> str:
    return f"{where}.{key}" if where else str(key)
