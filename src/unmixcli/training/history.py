"""What a run was like: metrics as JSON lines, events for TensorBoard, curves to look at."""

from __future__ import annotations

import json
import os
import time
from array import array
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from tensorboardX import SummaryWriter

from unmixcli.durable import durable, unwritable

MOST_POINTS = 4000
"""Of a curve; more would only take time to draw."""

REST = 30.0
"""Seconds from one picture to the next: they take half of one to draw."""


@dataclass
class Curve:
    """Values by step."""

    steps: array[int] = field(default_factory=lambda: array("q"))
    values: array[float] = field(default_factory=lambda: array("d"))

    def add(self, step: int, value: float) -> None:
        """Append a value."""
        self.steps.append(step)
        self.values.append(value)

    def thinned(self) -> tuple[Sequence[int], Sequence[float]]:
        """Return as many points as can be seen."""
        every = max(len(self.steps) // MOST_POINTS, 1)
        return self.steps[::every], self.values[::every]


class History:
    """Writes down what happens; what is on disk is complete up to the last line.

    Args:
        metrics: File of JSON lines, appended to.
        events: Folder of TensorBoard's files.
        curves: Picture of the learning curves.
        size: Bytes of ``metrics`` that a resumed run goes on from; later ones belong to
            steps that it takes again.
        step: The step it goes on from.

    Raises:
        OutputError: They cannot be written.
    """

    def __init__(
        self, metrics: Path, events: Path, curves: Path, *, size: int = 0, step: int = 0
    ) -> None:
        self.picture, self.drawn = curves, time.monotonic()
        self.path = metrics
        self.curves: dict[str, Curve] = {}
        try:
            with ExitStack() as unless_all_is_open:
                self.file = unless_all_is_open.enter_context(metrics.open("a+", encoding="utf-8"))
                self.file.truncate(min(size, metrics.stat().st_size))
                self.file.seek(0)
                for line in self.file:
                    with suppress(ValueError):  # half of it was lost with the power
                        self._remember(json.loads(line))
                self.events = SummaryWriter(str(events), purge_step=step + 1 if step else None)
                unless_all_is_open.pop_all()
        except OSError as error:
            raise unwritable(Path(error.filename or metrics), error) from error

    def settled(self) -> int:
        """Wait until the disk has the metrics, and return how many bytes these are.

        Raises:
            OutputError: The disk is full.
        """
        try:
            os.fsync(self.file.fileno())
            return self.path.stat().st_size
        except OSError as error:
            raise unwritable(self.path, error) from error

    def add(self, kind: str, step: int, **values: Any) -> None:
        """Write down what happened at a step.

        Args:
            kind: ``step``, ``validation``, ``stage``, or what else happened.
            step: Steps taken so far.
            **values: Plain JSON values; numbers become curves.

        Raises:
            OutputError: The disk is full.
        """
        line = {"kind": kind, "step": step, **values}
        try:
            self.file.write(json.dumps(line) + "\n")
            self.file.flush()
        except OSError as error:
            raise unwritable(self.path, error) from error
        for name, value in self._remember(line).items():
            self.events.add_scalar(f"{kind}/{name}", value, step)

    def draw_sometimes(self) -> None:
        """Draw, if the last picture is not of just now."""
        if time.monotonic() - self.drawn > REST:
            self.draw()

    def draw(self) -> None:
        """Draw the loss, what validation says, and the learning rate.

        Raises:
            OutputError: The disk is full.
        """
        self.drawn = time.monotonic()
        panels = [
            ("loss", [name for name in self.curves if name.endswith("/loss")]),
            ("SDR in dB", [name for name in self.curves if "/sdr" in name]),
            ("learning rate", ["step/rate"]),
        ]
        shown = [(title, [n for n in names if n in self.curves]) for title, names in panels]
        shown = [(title, names) for title, names in shown if names]
        if not shown:
            return
        figure = Figure(figsize=(8, 3 * len(shown)))
        figure.subplots_adjust(hspace=0.3, top=0.97)
        for place, (title, names) in enumerate(shown, start=1):
            axes = figure.add_subplot(len(shown), 1, place)
            for name in names:
                few = len(self.curves[name].steps) < 50
                steps, values = self.curves[name].thinned()
                axes.plot(steps, values, label=name, marker="." if few else None)
            axes.set_ylabel(title)
            axes.set_xlabel("step")
            axes.legend(fontsize="small")
        with durable(self.picture) as part:
            figure.savefig(part, format="png", dpi=120)

    def close(self) -> None:
        """Write what is still held."""
        self.file.close()
        self.events.close()

    def _remember(self, line: dict[str, Any]) -> dict[str, float]:
        """Add a line's numbers to the curves, and return them."""
        numbers = {
            name: float(value)
            for name, value in _flat(line)
            if isinstance(value, int | float) and name not in ("step", "epoch")
        }
        for name, value in numbers.items():
            self.curves.setdefault(f"{line['kind']}/{name}", Curve()).add(line["step"], value)
        return numbers


def _flat(values: dict[str, Any]) -> Iterable[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from ((f"{name}/{inner}", number) for inner, number in _flat(value))
        else:
            yield name, value
