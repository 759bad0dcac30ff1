"""The folder of a run: what is where in it, and who may write to it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from unmixcli.durable import PART, unwritable
from unmixcli.errors import ConfigError, WeightsError
from unmixcli.training import state
from unmixcli.training.state import Tree

NEWEST = "newest.safetensors"
"""What a checkpoint is called for the moment in which it takes the place of the last."""


@dataclass(frozen=True)
class RunFolder:
    """Paths of a run.

    Two checkpoints of everything are kept, the last and the one before, and the best
    weights: however long a run is, its folder does not grow but by its metrics.

    Attributes:
        path: The folder.
    """

    path: Path

    @property
    def config(self) -> Path:
        """The recipe, complete and frozen."""
        return self.path / "config.toml"

    @property
    def metrics(self) -> Path:
        """What happened, as JSON lines."""
        return self.path / "metrics.jsonl"

    @property
    def events(self) -> Path:
        """What happened, for TensorBoard."""
        return self.path / "events"

    @property
    def curves(self) -> Path:
        """What happened, as a picture."""
        return self.path / "curves.png"

    @property
    def model(self) -> Path:
        """What came of it, for ``separate --model``."""
        return self.path / "model.safetensors"

    @property
    def last(self) -> Path:
        """The last checkpoint."""
        return self.path / "checkpoints" / "last.safetensors"

    @property
    def previous(self) -> Path:
        """The one before."""
        return self.path / "checkpoints" / "previous.safetensors"

    @property
    def best(self) -> Path:
        """The best weights, in the native format like :attr:`model`."""
        return self.path / "checkpoints" / "best.safetensors"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Make the folder, and keep other runs out of it for a while.

        Raises:
            ConfigError: Another run is in it.
            OutputError: It cannot be written.
        """
        try:
            self.last.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.path / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise unwritable(self.path, error) from error
        try:
            self._lock(descriptor)
            self._sweep()
            yield
        finally:
            os.close(descriptor)  # the lock goes with it, also where a process is killed

    def _lock(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if not isinstance(error, BlockingIOError):  # a file system without locks
                raise unwritable(self.path, error) from error
            raise ConfigError(
                f"another process is training in '{self.path}'",
                hint="wait for it, or choose another --output",
            ) from error

    def save(self, tree: Tree) -> None:
        """Keep a checkpoint; at every moment a whole one is there.

        Raises:
            OutputError: It cannot be written; those before it are still there.
        """
        newest = self.last.with_name(NEWEST)
        state.save(newest, tree)
        try:
            if self.last.exists():
                self.last.replace(self.previous)
            newest.replace(self.last)
        except OSError as error:
            raise unwritable(self.last, error) from error

    def load(self) -> tuple[Tree | None, str]:
        """Return the newest whole checkpoint, and what was wrong with newer ones.

        Returns:
            ``None`` for a run that was killed before its first checkpoint.

        Raises:
            WeightsError: There are some, but none is whole.
        """
        wrong: list[str] = []
        for path in (self.last.with_name(NEWEST), self.last, self.previous):
            if not path.exists():
                continue
            try:
                return state.load(path), "; ".join(wrong)
            except WeightsError as error:
                wrong.append(str(error))
        if wrong:
            raise WeightsError(
                f"no checkpoint of '{self.path}' is whole: {'; '.join(wrong)}",
                hint="begin another run, from the best weights if there are any: --model "
                f"{self.best} --output OTHER",
            )
        return None, ""

    def _sweep(self) -> None:
        """Remove what a killed process was writing."""
        try:
            for folder in (self.path, self.last.parent):
                for part in folder.glob(f".*{PART}"):
                    part.unlink(missing_ok=True)
        except OSError as error:
            raise unwritable(self.path, error) from error
