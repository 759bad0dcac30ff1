"""The loop: steps, epochs, validations and stages, from wherever a run stands.

Nothing in it is drawn or remembered but by counters, so that a run which is killed after
any step and resumed from any checkpoint takes the very steps that it would have taken.
"""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from unmixcli.errors import Cancelled, is_out_of_memory
from unmixcli.training import faults
from unmixcli.training.averaging import Average, averaged
from unmixcli.training.batches import Batch, Failures, Feeder
from unmixcli.training.distributed import Job
from unmixcli.training.learning_rate import LearningRate
from unmixcli.training.objective import Objective
from unmixcli.training.optimiser import Descent
from unmixcli.training.recipe import Recipe
from unmixcli.training.seeds import Purpose, seed_torch
from unmixcli.training.settings import Stage
from unmixcli.training.standing import Standing, steps_in_all
from unmixcli.training.state import Tree
from unmixcli.training.validation import Verdict
from unmixcli.training.watching import Limits, Validate, Watcher

MOST_LOST = 20
"""Steps in a row that fp16 may lose to its range; more are no accident."""


class Trainer:
    """Trains one network.

    Args:
        network: On its device, in training mode.
        recipe: How.
        objective: What for.
        feeder: Its examples.
        validate: Judges it; ``None`` where there is nothing to judge it by.
        job: This process's place.
        limits: When to stop.
        watcher: Who is told.
    """

    def __init__(
        self,
        network: nn.Module,
        recipe: Recipe,
        *,
        objective: Objective,
        feeder: Feeder,
        validate: Validate | None,
        job: Job,
        limits: Limits,
        watcher: Watcher,
    ) -> None:
        self.network, self.recipe, self.objective = network, recipe, objective
        self.feeder, self.validate, self.job = feeder, validate, job
        self.limits, self.watcher = limits, watcher
        self.standing, self.failures, self.lost = Standing(), Failures(), 0
        self.descent = Descent(network, recipe.optim, recipe.precision, job.device)
        self.rate = LearningRate(settings=recipe.scheduler, end=recipe.scheduler.steps)
        self.average = Average(network, recipe.optim.ema) if recipe.optim.ema else None
        self.parallel = job.parallel(network)
        self.forward = (
            cast(nn.Module, torch.compile(self.parallel)) if recipe.compile else self.parallel
        )

    def run(self) -> bool:
        """Train until the last stage is over or a limit is reached; say whether it is over.

        Raises:
            ConfigError: The loss is not finite.
            DatasetError: Too much cannot be read.
            DeviceError: The device is out of memory.
            OutputError: What is to be kept cannot be written.
        """
        while (stage := self.stage) is not None:
            if self._stopped():
                return False
            if self.validate and self.standing.to_validate(self.recipe.validation.every):
                if not self._validate(self.validate):
                    return False
            elif self.standing.over(stage):
                self.standing.enter_next_stage()
                self.watcher.entered(self)
            else:
                self._train(stage)
        return True

    @property
    def stage(self) -> Stage | None:
        """The present stage; ``None`` after the last."""
        stages, number = self.recipe.stages, self.standing.stage
        return stages[number] if number < len(stages) else None

    def batch_size(self, stage: Stage) -> int:
        """Return the examples of a batch in a stage, over all devices."""
        return stage.batch_size or self.recipe.data.batch_size

    def epoch_steps(self, stage: Stage) -> int:
        """Return the batches of an epoch in a stage."""
        return self.feeder.reader.sampler.steps(self.batch_size(stage))

    @property
    def steps_in_all(self) -> int | None:
        """Steps that the stages take at most; ``None`` where one has no such limit."""
        stages = self.recipe.stages
        return steps_in_all(self.recipe, [self.epoch_steps(stage) for stage in stages])

    @property
    def stopped_early(self) -> bool:
        """Whether a signal, not a limit, ended the run."""
        return self.limits.cancel.is_set()

    def _stopped(self) -> bool:
        """Say whether to stop here: all processes together."""
        reached = self.limits.steps is not None and self.standing.step >= self.limits.steps
        return reached or self.job.most(float(self.limits.late())) > 0

    def _train(self, stage: Stage) -> None:
        """Take the steps up to the end of the epoch, or of the stage, or a limit."""
        standing, size = self.standing, self.batch_size(stage)
        steps = self.epoch_steps(stage)
        stop = steps
        for limit, count in (
            (stage.steps, standing.stage_steps),
            (self.limits.steps, standing.step),
        ):
            if limit:
                stop = min(stop, standing.batch + limit - count)
        for batch in self.feeder.batches(standing.epoch, standing.batch, stop, size):
            for message in self.failures.count(batch):
                self.watcher.unreadable(message)
            loss, rate, norm = self._step(batch, stage)
            standing.took_step(steps)
            self.watcher.stepped(self, loss, rate, norm)
            if self._stopped():
                return

    def _step(self, batch: Batch, stage: Stage) -> tuple[float, float, float]:
        """Take one step, and return its loss, learning rate and norm of gradients."""
        # Whatever a network draws, it draws from where the run stands.
        seed_torch(self.recipe.seed, Purpose.NETWORK, self.standing.step, self.job.rank)
        own = self._gradients(batch)
        loss = self.job.total([own])[0] / self.job.world
        alien = math.isfinite(own) and not math.isfinite(loss)  # another process's
        rate = self.rate.at(self.standing.step, stage.lr or self.recipe.optim.lr)
        if not math.isfinite(loss) and not self.descent.scaled:
            raise faults.diverged("loss", loss, self.standing.step + 1, batch, alien=alien)
        norm = self.descent.step(rate)
        if math.isfinite(norm) and math.isfinite(loss):
            self.lost = 0
        else:
            self.lost += 1
            if not self.descent.scaled or self.lost > MOST_LOST:
                raise faults.diverged("gradient", norm, self.standing.step + 1, batch, alien=alien)
        if self.average:
            self.average.update(self.network, self.standing.step)
        return loss, rate, norm

    def _gradients(self, batch: Batch) -> float:
        """Add up the gradients of a batch, part by part, and return its loss."""
        parts = self.recipe.optim.accumulate
        size = len(batch.names) // parts
        total = torch.zeros((), device=self.job.device)
        try:
            for number, part in enumerate(batch.parts(size)):
                with self._alone(number < parts - 1):
                    first = self.job.rank * len(batch.names) + number * size
                    loss = self._loss(part, first) / parts
                    self.descent.backward(loss)
                total += loss.detach()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            raise faults.too_large(self.job.device, size, batch, parts) from error
        return float(total)

    def _loss(self, batch: Batch, first: int) -> Tensor:
        sources = self.objective.sources(batch, self.standing.step, first)
        mixture = self.objective.mixture(batch, sources)
        with self.descent.computing():
            estimates = self.objective.estimate(self.forward, mixture, batch.labels)
        return self.objective.compare(estimates, sources)

    def _alone(self, wanted: bool) -> AbstractContextManager[Any]:
        """Keep gradients to this process for a while: the last part shares them all."""
        if wanted and isinstance(self.parallel, DistributedDataParallel):
            return self.parallel.no_sync()
        return nullcontext()

    def _validate(self, validate: Validate) -> bool:
        """Judge the network; ``False`` where that was interrupted, to be done again."""
        try:
            with averaged(self.network, self.average):
                verdict = validate(self.network, self.limits.cancel)
                better = self.is_better(verdict)
                self.standing.took_verdict(self._value(verdict), better=better)
                self.rate.validated(better)
                for message in verdict.failures:
                    self.watcher.unreadable(message)
                self.watcher.validated(self, verdict, better)
        except Cancelled:
            return False
        self.watcher.settled(self)
        return True

    def is_better(self, verdict: Verdict) -> bool:
        """Say whether a validation is better than all that the run remembers."""
        more = self.recipe.validation.metric == "sdr"
        return self.standing.beaten(self._value(verdict), more=more)

    def _value(self, verdict: Verdict) -> float:
        return verdict.loss if self.recipe.validation.metric == "loss" else verdict.mean_sdr

    def state(self) -> Tree:
        """Return all that a run needs to go on from here."""
        return {
            "network": dict(self.network.state_dict()),
            "descent": self.descent.state(),
            "rate": self.rate.state(),
            "average": self.average.mean if self.average else None,
            "standing": self.standing.as_dict(),
            "failures": {
                "read": self.failures.read,
                "failed": self.failures.failed,
                "kinds": sorted(self.failures.kinds),
            },
        }

    def restore(self, tree: Tree) -> None:
        """Go on from a state that was kept."""
        self.network.load_state_dict(tree["network"])
        self.descent.restore(tree["descent"])
        self.rate.restore(tree["rate"])
        if self.average:
            self.average.restore(tree["average"])
        self.standing = Standing.of(tree["standing"])
        held = tree["failures"]
        self.failures = Failures(held["read"], held["failed"], set(held["kinds"]))
