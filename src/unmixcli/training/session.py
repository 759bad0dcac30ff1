"""One run, from what was asked to a model: the only place that knows all parts of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import cast

from unmixcli.errors import ConfigError
from unmixcli.network import Network
from unmixcli.training import frozen as frozen_run
from unmixcli.training.assembly import Assembly, bounded, fitted
from unmixcli.training.corpus import Material, collect
from unmixcli.training.distributed import Job, joined
from unmixcli.training.folder import RunFolder
from unmixcli.training.keeper import Keeper
from unmixcli.training.request import Listener, Outcome, Request
from unmixcli.training.standing import steps_in_all
from unmixcli.training.start import Start, freeze, from_model, from_scratch
from unmixcli.training.state import Tree
from unmixcli.training.trainer import Trainer
from unmixcli.training.watching import Limits
from unmixcli.weights import loader, store

INDICES = "datasets"
"""Folder of the cache that holds what is known of data sets."""


def train(request: Request, listener: Listener) -> Outcome:
    """Train a network.

    Raises:
        ConfigError: What is asked cannot be done, or the loss is not finite.
        DatasetError: There is too little that can be read.
        DeviceError: The device is absent or out of memory.
        OutputError: The folder cannot be written.
        WeightsError: The weights to start from cannot be had.
    """
    until = time.monotonic() + 3600 * request.max_hours if request.max_hours is not None else None
    limits = Limits(steps=request.max_steps, until=until, cancel=request.cancel)
    with joined(request.device) as job:
        folder = RunFolder(request.output)
        with _alone(folder, job):
            _require_new(folder, request.resume, job)
            tree = _kept(folder, request, listener)
            run = _Run(request, listener, folder, job, limits)
            return run.go(tree)


@contextmanager
def _alone(folder: RunFolder, job: Job) -> Iterator[None]:
    if not job.leads:
        yield
        return
    with folder.held():
        yield


def _require_new(folder: RunFolder, resume: bool, job: Job) -> None:
    if job.leads and not resume and folder.config.exists():
        raise ConfigError(
            f"'{folder.path}' holds a run already",
            hint="--resume goes on with it; for another, choose another --output",
        )


def _kept(folder: RunFolder, request: Request, listener: Listener) -> Tree | None:
    """Return what a run that is resumed stood at; ``None`` where it has to begin."""
    if not request.resume:
        return None
    tree, wrong = folder.load()
    if wrong:
        listener.note(f"{wrong}; going on from the checkpoint before it")
    return tree


class _Run:
    """The parts of one run, put together in order."""

    def __init__(
        self, request: Request, listener: Listener, folder: RunFolder, job: Job, limits: Limits
    ) -> None:
        self.request, self.listener, self.folder = request, listener, folder
        self.job, self.limits = job, limits
        self.frozen = request.frozen

    def go(self, tree: Tree | None) -> Outcome:
        """Train, and return what came of it."""
        material = self._material()
        self._require_tracks(material, tree)
        self._fit(material, told=tree is not None)
        start = self._start(tree)
        network = start.network.to(self.job.device).train()
        assembly = Assembly(
            recipe=self.frozen.recipe,
            material=material,
            network=cast(Network, network),
            job=self.job,
        )
        assembly = self._bounded(assembly)
        self._require_same(tree)
        keeper = Keeper(
            folder=self.folder,
            leads=self.job.leads,
            listener=self.listener,
            start=start,
            config=self.frozen.tables(),
            fingerprint=material.train.fingerprint(),
            seconds=60 * self.request.save_minutes,
        )
        trainer = Trainer(
            network,
            self.frozen.recipe,
            objective=assembly.objective,
            feeder=assembly.feeder,
            validate=assembly.judge,
            job=self.job,
            limits=self.limits,
            watcher=keeper,
        )
        return self._run(trainer, keeper, tree)

    def _run(self, trainer: Trainer, keeper: Keeper, tree: Tree | None) -> Outcome:
        if tree is not None:
            trainer.restore(tree["trainer"])
        elif self.job.leads:
            self.frozen.write(self.folder.config)
        with keeper.open(tree):
            if tree is None:
                keeper.save(trainer)
            finished = trainer.run()
            keeper.save(trainer)
            model = None if trainer.stopped_early else keeper.finish(trainer)
        return Outcome(
            folder=self.folder.path,
            model=model,
            step=trainer.standing.step,
            finished=finished,
            best=trainer.standing.best,
        )

    def _material(self) -> Material:
        """Find the tracks; the first process looks first, so that others find its index."""
        if not self.job.leads:
            self.job.wait()
        data, validation = self.frozen.recipe.data, self.frozen.recipe.validation
        material = collect(
            Path(self.frozen.dataset),
            [Path(path) for path in self.frozen.extra],
            split=validation.split,
            folder=store.home() / INDICES,
            levels=data.sampling == "voiced",
            progress=self.listener.indexed,
        )
        if self.job.leads:
            self.job.wait()
        for note in material.notes:
            self.listener.note(note)
        if not len(material.valid):
            self.listener.note(
                "no tracks are set apart for validation ('valid/'): the last weights are kept"
            )
        return material

    def _require_tracks(self, material: Material, tree: Tree | None) -> None:
        if tree is not None and tree["fingerprint"] != material.train.fingerprint():
            raise ConfigError(
                f"the tracks of '{self.frozen.dataset}' are not those that the run began with",
                hint="put them back, or begin another run with --model RUN/model.safetensors",
            )

    def _fit(self, material: Material, *, told: bool) -> None:
        """Fit the recipe to the sources there are; of a resumed run that was told before."""
        recipe, notes = fitted(self.frozen.recipe, material, chosen=self.request.sources_chosen)
        self.frozen = replace(self.frozen, recipe=recipe)
        for note in () if told else notes:
            self.listener.note(note)

    def _start(self, tree: Tree | None) -> Start:
        recipe = self.frozen.recipe
        if tree is not None:  # its weights come from the checkpoint
            start = from_scratch(recipe.network, recipe.seed)
            origin = tree["origin"]
            start = replace(
                start, licence=origin["licence"], provenance=origin["provenance"], notes=()
            )
        elif self.frozen.model:
            model = loader.load(self.frozen.model, policy=self.request.policy)
            start = from_model(model, recipe.network, recipe.seed)
        else:
            start = from_scratch(recipe.network, recipe.seed)
        for note in start.notes:
            self.listener.note(note)
        if self.frozen.freeze:
            count = freeze(start.network, self.frozen.freeze)
            self.listener.note(f"{count} weights are frozen")
        return start

    def _require_same(self, tree: Tree | None) -> None:
        """Refuse to go on with another recipe than the run was begun with."""
        config = self.folder.config
        if tree is not None:
            frozen_run.require_same(tree["config"], self.frozen.tables())
        if self.request.resume and config.exists():
            frozen_run.require_same(frozen_run.read(config).tables(), self.frozen.tables())

    def _bounded(self, assembly: Assembly) -> Assembly:
        """Say where the learning rate goes to, and whether anything ends the run."""
        recipe, sampler = self.frozen.recipe, assembly.feeder.reader.sampler
        sizes = [stage.batch_size or recipe.data.batch_size for stage in recipe.stages]
        total = steps_in_all(recipe, [sampler.steps(size) for size in sizes])
        self.frozen = replace(self.frozen, recipe=bounded(recipe, total, self.request.max_steps))
        patient = assembly.judge is not None and all(
            stage.patience or stage.steps or stage.epochs for stage in recipe.stages
        )
        limited = (total, self.request.max_steps, self.request.max_hours)
        if not patient and all(limit is None for limit in limited):
            self.listener.note("nothing but a signal ends this run: see --max-steps, --max-hours")
        return replace(assembly, recipe=self.frozen.recipe)
