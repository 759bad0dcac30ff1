"""From a recipe and tracks to what the loop runs: examples, an objective, a judge."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

from unmixcli.audio.format import AudioFormat
from unmixcli.errors import ConfigError, DatasetError
from unmixcli.network import Cuttable
from unmixcli.training import recipe as recipes
from unmixcli.training.batches import Feeder
from unmixcli.training.corpus import HELD, Corpus, Material
from unmixcli.training.distributed import Job
from unmixcli.training.examples import Reader
from unmixcli.training.objective import Objective
from unmixcli.training.recipe import Recipe
from unmixcli.training.sampler import Sampler
from unmixcli.training.segments import Segments
from unmixcli.training.settings import DataSettings
from unmixcli.training.validation import WholeTracks
from unmixcli.training.watching import Validate

MOST_WORKERS = 8


def fitted(recipe: Recipe, material: Material, *, chosen: bool) -> tuple[Recipe, list[str]]:
    """Return a recipe for the sources that there are, and what to say of them.

    A network keeps its sources where the tracks have them all, or have no others: those
    that a track lacks are silent in it. Else it is given the tracks' own.

    Args:
        recipe: The recipe.
        material: The tracks.
        chosen: Whether the user named the sources, so that they are to stay.

    Raises:
        DatasetError: No track has any of the sources.
    """
    own, available = recipe.sources, material.available()
    others = set(material.sources) - set(own)
    if not chosen and not set(own) <= available and others:
        said = f"the tracks have no '{min(set(own) - available)}': the network is made for "
        named = ", ".join(material.sources)
        return _with_sources(recipe, material.sources), [f"{said}{named}"]
    if not set(own) & available:
        raise DatasetError(
            f"no track has a stem named {', '.join(own)}",
            hint=f"they have {', '.join(material.sources)}: set data.sources",
        )
    silent = [source for source in own if source not in available]
    return recipe, [f"no track has '{source}': its target is silence" for source in silent]


def _with_sources(recipe: Recipe, sources: tuple[str, ...]) -> Recipe:
    tables: dict[str, Any] = recipes.to_dict(recipe)
    tables["data"]["sources"] = []
    tables["model"]["config"] = {**tables["model"]["config"], "sources": list(sources)}
    return recipes.from_dict(tables)


@dataclass(frozen=True, kw_only=True)
class Assembly:
    """What examples are made of, for one recipe on one process.

    Attributes:
        recipe: The recipe.
        material: The tracks.
        network: What is trained.
        job: This process's place.
    """

    recipe: Recipe
    material: Material
    network: Cuttable
    job: Job

    def __post_init__(self) -> None:
        for stage in self.recipe.stages:
            size = stage.batch_size or self.recipe.data.batch_size
            self.job.share(size, self.recipe.optim.accumulate)

    @property
    def objective(self) -> Objective:
        """What the network is trained to do."""
        return Objective(
            loss=self.recipe.objective(),
            augment=self.recipe.augmentation() if self.recipe.augment else None,
            seed=self.recipe.seed,
            read=self._read,
            device=self.job.device,
        )

    @property
    def feeder(self) -> Feeder:
        """The examples to learn from."""
        recipe, needed = self.recipe, self._read
        frames = recipe.augmentation().reads(needed) if recipe.augment else needed
        return self._feeder(self.material.train, recipe.data, frames, seed=recipe.seed)

    @property
    def judge(self) -> Validate | None:
        """What says how good the network is; ``None`` without tracks for it."""
        recipe, valid = self.recipe, self.material.valid
        if not len(valid):
            return None
        if recipe.validation.unit == "tracks":
            return WholeTracks(
                tracks=valid,
                sources=recipe.sources,
                schedule=recipe.network.schedule,
                loss=recipe.objective(),
                longest=recipe.validation.longest,
                job=self.job,
                seed=recipe.seed,
            )
        data = replace(
            recipe.data, mixture="file", steps_per_epoch=0, stride=0, repeat=1, sampling="uniform"
        )
        # Nothing is dropped of a validation set that is smaller than a batch.
        feeder = self._feeder(valid, data, self._read, seed=0, shuffle=False)
        return Segments(
            feeder=feeder,
            objective=replace(self.objective, augment=None),
            sources=recipe.sources,
            batch_size=recipe.data.batch_size,
            steps=recipe.validation.steps,
        )

    @property
    def _segment(self) -> int:
        return self.recipe.data.samples(self.network.config.sample_rate)

    @property
    def _read(self) -> int:
        """Samples that the network reads: what inference asks it, too."""
        return self.network.geometry(self._segment).input_length

    def _feeder(
        self, corpus: Corpus, data: DataSettings, frames: int, *, seed: int, shuffle: bool = True
    ) -> Feeder:
        config, names = self.network.config, getattr(self.network, "labels", ())
        voiced = None
        if data.sampling == "voiced":
            where = partial(corpus.voiced, rate=config.sample_rate, data=data)
            voiced = lru_cache(HELD)(where)
            _require_voiced(self.recipe, map(voiced, range(min(len(corpus), HELD))))
        sampler = Sampler(
            lengths=corpus.lengths(config.sample_rate),
            data=data,
            segment=self._segment,
            read=frames,
            seed=seed,
            voiced=voiced,
            shuffle=shuffle,
        )
        reader = Reader(
            tracks=corpus,
            sampler=sampler,
            sources=self.recipe.sources,
            labels=names,
            format=AudioFormat(config.sample_rate, config.channels),
            frames=frames,
            own_mixture=data.mixture == "file",
            normalise=data.normalise == "track",
        )
        workers = min(os.cpu_count() or 1, MOST_WORKERS)
        return Feeder(reader=reader, job=self.job, workers=workers)


def _require_voiced(recipe: Recipe, stretches: Iterable[list[tuple[int, int]]]) -> None:
    if not any(stretches):
        raise DatasetError(
            f"no track has a stretch where '{recipe.data.voiced_source}' sounds",
            hint="set data.voiced_source to a stem, or data.sampling=uniform",
        )


def bounded(recipe: Recipe, total: int | None, most: int | None) -> Recipe:
    """Return a recipe whose cosine has an end.

    Args:
        recipe: The recipe.
        total: Steps that its stages take at most.
        most: Steps that the user allows.

    Raises:
        ConfigError: Nobody says where a cosine ends.
    """
    if recipe.scheduler.name != "cosine" or recipe.scheduler.steps:
        return recipe
    end = total or most
    if not end:
        raise ConfigError(
            "scheduler.steps must say where the cosine ends, for nothing else ends the run",
            hint="set it, or give --max-steps",
        )
    return replace(recipe, scheduler=replace(recipe.scheduler, steps=end))
