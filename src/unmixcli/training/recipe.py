"""Everything a run depends on but its data and its device."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

import tomli_w

from unmixcli.errors import ConfigError, nearest
from unmixcli.network import require_count
from unmixcli.training import augment as augmentations
from unmixcli.training import losses
from unmixcli.training.augment import Augmentation
from unmixcli.training.network import Resolved, resolve
from unmixcli.training.settings import (
    PRECISIONS,
    AugmentStep,
    DataSettings,
    LossTerm,
    ModelSettings,
    OptimSettings,
    SchedulerSettings,
    Stage,
    ValidationSettings,
    require_choice,
)
from unmixcli.training.tables import assign, dump, merge, read

FOLDER = files("unmixcli.training") / "recipes"
SUFFIX = ".toml"

BASE = "base"
"""The key by which a file is laid over another recipe: tables merge, lists replace."""

BIGGEST = 1 << 20
"""Bytes of a file that can still be a recipe."""

USUAL = {
    "band_split_rnn": "band-split-rnn",
    "conditioned_harmonic_u_net": "mini-ensemble",
    "conditioned_wave_u_net": "cexp-wave-u-net",
    "conv_tasnet": "conv-tasnet",
    "demucs": "demucs",
    "harmonic_u_net": "mini",
    "tdc_u_net": "tdc-u-net",
    "wave_u_net": "wave-u-net-m4",
    "wavenet": "wavenet-multi",
}
"""Recipe of an architecture, where nobody chose one."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How one network is trained.

    Attributes:
        note: Where the numbers are from.
        model: Which network.
        data: What a batch is made of.
        augment: What is done to its sources, in this order, before they are summed.
        loss: What is to become small: the weighted sum of these terms.
        optim: How weights follow gradients.
        scheduler: How the learning rate changes.
        stages: Parts of the training, one after the other; at least one.
        validation: What decides which weights are the best.
        precision: ``fp32``; ``bf16`` or ``fp16`` compute the network, not the loss, in less.
        seed: Everything random follows from it.
        compile: Whether the network is compiled first.
    """

    note: str = ""
    precision: str = "fp32"
    seed: int = 0
    compile: bool = False
    model: ModelSettings
    data: DataSettings
    augment: tuple[AugmentStep, ...] = ()
    loss: tuple[LossTerm, ...]
    optim: OptimSettings = field(default_factory=OptimSettings)
    scheduler: SchedulerSettings = field(default_factory=SchedulerSettings)
    stages: tuple[Stage, ...] = (Stage(),)
    validation: ValidationSettings = field(default_factory=ValidationSettings)

    def __post_init__(self) -> None:
        require_choice("precision", self.precision, PRECISIONS)
        require_count("seed", self.seed, 0, (1 << 63) - 1)
        for name in ("loss", "stages"):
            if not getattr(self, name):
                raise ConfigError(f"{name} must have at least one entry")
        if self.augment and self.data.mixture != "sum":
            raise ConfigError(
                f"data.mixture must be 'sum' of what is augmented, got {self.data.mixture!r}",
                hint="set it to sum, or augment to []",
            )

    @cached_property
    def network(self) -> Resolved:
        """The network it trains; it can be built.

        Raises:
            ConfigError: There is none like it.
        """
        return resolve(self.model)

    @property
    def sources(self) -> tuple[str, ...]:
        """What is separated, in the order of the network's outputs."""
        return self.data.sources or self.network.config.sources

    def augmentation(self) -> Augmentation:
        """Make what is done to the sources of a batch.

        Raises:
            ConfigError: A step is unknown, or a parameter of it impossible.
        """
        rate = self.network.config.sample_rate
        return augmentations.build(self.augment, sample_rate=rate, sources=self.sources)

    def objective(self) -> losses.Loss:
        """Make what is to become small.

        Raises:
            ConfigError: A term is unknown, or a parameter of it impossible.
        """
        return losses.build(self.loss, sources=self.sources)


def names() -> tuple[str, ...]:
    """Return the recipes that are in the package."""
    found = (file.name for file in FOLDER.iterdir())
    return tuple(sorted(name.removesuffix(SUFFIX) for name in found if name.endswith(SUFFIX)))


def usual(architecture: str) -> str:
    """Return the recipe for an architecture, where nobody chose one.

    Raises:
        ConfigError: There is none.
    """
    if architecture not in USUAL:
        raise ConfigError(
            f"no recipe trains '{architecture}'",
            hint=f"write one with model.architecture and give it; known are: {', '.join(names())}",
        )
    return USUAL[architecture]


def load(name_or_path: str | Path) -> Recipe:
    """Read a recipe: one of the package by its name, or a file by its path.

    Raises:
        ConfigError: There is none, it is no TOML, or a key or value in it is wrong.
    """
    try:
        return from_dict(_tables(name_or_path))
    except ConfigError as error:
        raise ConfigError(f"recipe '{name_or_path}': {error}", hint=error.hint) from error


def from_dict(tables: dict[str, Any]) -> Recipe:
    """Build a recipe, and all that it names but the network, to see that it can be.

    Raises:
        ConfigError: A key is unknown, or a value of the wrong type or out of bounds.
    """
    recipe = read(Recipe, tables)
    _ = recipe.augmentation(), recipe.objective()
    separated = recipe.network.config.sources
    if len(recipe.sources) != len(separated):
        raise ConfigError(
            f"data.sources must be as many as the network's {len(separated)}, "
            f"got {len(recipe.sources)}",
            hint="set model.config.sources, too",
        )
    return recipe


def with_overrides(recipe: Recipe, assignments: Iterable[str]) -> Recipe:
    """Return a recipe in which some values are others, such as ``optim.lr=1e-4``.

    Raises:
        ConfigError: A key is unknown, or a value of the wrong type or out of bounds.
    """
    tables = to_dict(recipe)
    for assignment in assignments:
        assign(tables, assignment)
    return from_dict(tables)


def to_dict(recipe: Recipe) -> dict[str, Any]:
    """Return a recipe as tables, lists and plain values, with all defaults."""
    tables: dict[str, Any] = dump(recipe)
    return tables


def to_toml(recipe: Recipe) -> str:
    """Return a recipe as a file; read again, it is the same."""
    return tomli_w.dumps(to_dict(recipe))


def _tables(name_or_path: str | Path) -> dict[str, Any]:
    """Read a file, and the ones it is laid over."""
    tables = _parsed(_text(name_or_path))
    base = tables.pop(BASE, None)
    if base is None:
        return tables
    # Of the package only, where none is laid over itself.
    if base not in names():
        hint = nearest(str(base), names()) or f"known are: {', '.join(names())}"
        raise ConfigError(f"base: no recipe named {base!r}", hint=hint)
    return merge(_tables(base), tables)


def _text(name_or_path: str | Path) -> str:
    name, path = str(name_or_path), Path(name_or_path)
    try:
        if name in names():
            return (FOLDER / f"{name}{SUFFIX}").read_text(encoding="utf-8")
        if path.suffix != SUFFIX and not path.is_file():
            hint = nearest(name, names()) or f"known are: {', '.join(names())}"
            raise ConfigError("there is none of that name", hint=hint)
        with path.open("rb") as file:
            data = file.read(BIGGEST + 1)
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot be read: {error}") from error
    if len(data) > BIGGEST:
        raise ConfigError(f"is larger than {BIGGEST} bytes")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise ConfigError(f"is no text: {error}") from error


def _parsed(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"is no TOML: {error}") from error
