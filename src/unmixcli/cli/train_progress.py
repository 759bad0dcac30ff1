"""How a training goes on, for who watches it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from unmixcli.cli.output import Meter, Printer

if TYPE_CHECKING:
    from unmixcli.training.request import Request
    from unmixcli.training.trainer import Trainer
    from unmixcli.training.validation import Verdict


@dataclass(kw_only=True)
class Told:
    """Tells a person how a run goes on."""

    printer: Printer
    meter: Meter | None
    request: Request
    began: float = field(default_factory=time.monotonic)
    first: int | None = None
    loss: float | None = None

    def note(self, text: str) -> None:
        """Say what is worth knowing."""
        self.printer.note(text)

    def indexed(self, done: int, total: int) -> None:
        """Show how many tracks are known."""
        if self.meter:
            self.meter(done, total, "tracks looked at")

    def stepped(self, trainer: Trainer, loss: float, speed: float) -> None:
        """Show loss, speed and what is left."""
        step = trainer.standing.step
        if self.first is None:
            self.began, self.first = time.monotonic(), step
        self.loss = loss if self.loss is None else 0.95 * self.loss + 0.05 * loss
        if self.meter is None:
            return
        total = self._total(trainer)
        words = f"step {step}  loss {self.loss:.4g}  {speed:.1f} examples/s"
        if total and step > self.first:
            each = (time.monotonic() - self.began) / (step - self.first)
            words += f"  {_clock(each * (total - step))} left"
        self.meter(step, total, words)

    def validated(self, trainer: Trainer, verdict: Verdict, better: bool) -> None:
        """Print a line for each validation."""
        if not trainer.job.leads:
            return
        standing = trainer.standing
        loss = "" if self.loss is None else f"  loss {self.loss:.5g}"
        scores = "  ".join(f"{name} {value:.2f}" for name, value in verdict.sdr.items())
        self.printer.lines(
            [
                f"step {standing.step}  epoch {standing.epoch}{loss}  valid {verdict.loss:.5g}  "
                f"SDR {verdict.mean_sdr:.2f} dB ({scores}){'  best' if better else ''}"
            ]
        )

    def _total(self, trainer: Trainer) -> int | None:
        ends = [trainer.recipe.scheduler.steps or None, self.request.max_steps]
        ends += [trainer.steps_in_all]
        known = [end for end in ends if end]
        return min(known) if known else None


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
