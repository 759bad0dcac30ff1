"""What is kept of a run while it goes on: checkpoints, the best weights, its history."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from unmixcli import __version__
from unmixcli.durable import durable
from unmixcli.errors import OutputError
from unmixcli.training.averaging import averaged
from unmixcli.training.folder import RunFolder
from unmixcli.training.history import History
from unmixcli.training.start import Start
from unmixcli.training.state import Tree
from unmixcli.training.trainer import Trainer
from unmixcli.training.validation import Verdict
from unmixcli.weights import checkpoint

if TYPE_CHECKING:
    from unmixcli.training.request import Listener

SPAN = 5.0
"""Seconds over which the speed of a run is taken."""


@dataclass(kw_only=True)
class Keeper:
    """Watches a run; on the process that leads it also writes.

    Attributes:
        folder: Where to write.
        leads: Whether this process is the one that does.
        listener: Who tells a person.
        start: What the run began with.
        config: Its frozen configuration.
        fingerprint: Of its tracks.
        seconds: From one checkpoint to the next, beside those of validations.
    """

    folder: RunFolder
    leads: bool
    listener: Listener
    start: Start
    config: dict[str, Any]
    fingerprint: str
    seconds: float
    history: History | None = None
    saved: float = field(default_factory=time.monotonic)
    marks: list[tuple[float, int]] = field(default_factory=list)

    @contextmanager
    def open(self, tree: Tree | None) -> Iterator[None]:
        """Write a history for a while; of a resumed run, from where it is resumed.

        Raises:
            OutputError: The folder cannot be written.
        """
        if not self.leads:
            yield
            return
        where = tree["written"] if tree else {"size": 0, "step": 0}
        self.history = History(
            self.folder.metrics,
            self.folder.events,
            self.folder.curves,
            size=where["size"],
            step=where["step"],
        )
        try:
            yield
            self.history.draw()
        finally:
            self.history.close()

    def stepped(self, trainer: Trainer, loss: float, rate: float, norm: float) -> None:
        """Write a step down, and keep a checkpoint now and then."""
        step = trainer.standing.step
        if self.history:
            values = {"loss": loss, "rate": rate, "norm": norm}
            finite = {key: value for key, value in values.items() if math.isfinite(value)}
            self.history.add("step", step, epoch=trainer.standing.epoch, **finite)
        self.listener.stepped(trainer, loss, self._speed(trainer))
        if time.monotonic() - self.saved > self.seconds:
            self.save(trainer)

    def validated(self, trainer: Trainer, verdict: Verdict, better: bool) -> None:
        """Write a validation down, and keep the weights if they are the best so far."""
        self._record(trainer, verdict, better)
        if better and self.leads:
            self._write(trainer.network, self.folder.best, trainer)

    def unreadable(self, message: str) -> None:
        """Tell what could not be read."""
        self.listener.note(f"skipped: {message}")

    def entered(self, trainer: Trainer) -> None:
        """Begin a stage, with the best weights where the recipe says so."""
        stage = trainer.stage
        if self.history:
            self.history.add("stage", trainer.standing.step, number=trainer.standing.stage)
        if stage is not None and stage.start == "best" and trainer.standing.best is not None:
            trainer.job.wait()
            _, best = checkpoint.load(self.folder.best)
            trainer.network.load_state_dict(best.state_dict())

    def settled(self, trainer: Trainer) -> None:
        """Keep a checkpoint after a validation, which may have taken long."""
        self.save(trainer)

    def save(self, trainer: Trainer) -> None:
        """Keep a checkpoint.

        Raises:
            OutputError: It cannot be written.
        """
        self.saved = time.monotonic()
        if self.history is None:
            return
        self.folder.save(
            {
                "config": self.config,
                "fingerprint": self.fingerprint,
                "origin": {"licence": self.start.licence, "provenance": self.start.provenance},
                "written": {"size": self.history.settled(), "step": trainer.standing.step},
                "trainer": trainer.state(),
            }
        )

    def finish(self, trainer: Trainer) -> Path | None:
        """Write the model: the best weights, those of now among them.

        A run that stops between two validations is judged once more; nothing of that is
        remembered, so that it could go on as if it had never stopped.

        Raises:
            OutputError: The file cannot be written.
        """
        standing, validate = trainer.standing, trainer.validate
        better = standing.best is None
        with averaged(trainer.network, trainer.average):
            if validate and standing.step > standing.validated_step:
                verdict = validate(trainer.network, trainer.limits.cancel)
                better = trainer.is_better(verdict)
                self._record(trainer, verdict, better)
            if not self.leads:
                return None
            if better:
                self._write(trainer.network, self.folder.model, trainer)
            else:
                _copy(self.folder.best, self.folder.model)
        return self.folder.model

    def _record(self, trainer: Trainer, verdict: Verdict, better: bool) -> None:
        if self.history:
            sdr = {name: value for name, value in verdict.sdr.items() if not math.isnan(value)}
            means = {"loss": verdict.loss, "mean_sdr": verdict.mean_sdr}
            self.history.add(
                "validation",
                trainer.standing.step,
                epoch=trainer.standing.epoch,
                sdr=sdr,
                **{key: value for key, value in means.items() if math.isfinite(value)},
                tracks=verdict.tracks,
                best=better,
            )
            self.history.draw_sometimes()
        self.listener.validated(trainer, verdict, better)

    def _write(self, network: nn.Module, path: Path, trainer: Trainer) -> None:
        provenance = (
            f"{self.start.provenance}; unmixcli {__version__}, {trainer.standing.step} steps"
        )
        with durable(path) as part:
            checkpoint.save(part, network.state_dict(), self.start.header(provenance))

    def _speed(self, trainer: Trainer) -> float:
        """Return the examples that are learnt from in a second, over the last seconds."""
        now, seen = time.monotonic(), trainer.failures.read * trainer.job.world
        self.marks.append((now, seen))
        while len(self.marks) > 2 and now - self.marks[0][0] > SPAN:
            self.marks.pop(0)
        before, had = self.marks[0]
        return (seen - had) / (now - before) if now > before else 0.0


def _copy(source: Path, path: Path) -> None:
    try:
        data = source.read_bytes()
    except OSError as error:
        raise OutputError(f"cannot read '{source}': {error.strerror}") from error
    with durable(path) as part:
        part.write_bytes(data)
