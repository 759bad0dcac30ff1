"""Tiny data sets and recipes, and runs in this process or in one of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from tiny_training import recipe, write_track
from unmixcli.training import recipe as recipes
from unmixcli.training.frozen import Frozen
from unmixcli.training.history import History
from unmixcli.training.recipe import Recipe
from unmixcli.training.request import Outcome, Request
from unmixcli.training.session import train


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNMIXCLI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("UNMIXCLI_OFFLINE", "1")


@pytest.fixture(autouse=True)
def _no_pictures(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the curves out: to draw them takes longer than the rest of a run."""
    if "pictures" not in request.fixturenames:
        monkeypatch.setattr(History, "draw", lambda self: None)


@pytest.fixture
def pictures() -> None:
    """Let curves be drawn."""


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Three tracks to learn from, one to judge by."""
    for number in range(3):
        write_track(tmp_path / "data" / "train" / f"track {number}", number)
    write_track(tmp_path / "data" / "valid" / "judge", 9)
    return tmp_path / "data"


@dataclass
class Listener:
    """Remembers what it was told."""

    notes: list[str] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    verdicts: list[Any] = field(default_factory=list)
    on_step: Callable[[int], None] | None = None

    def note(self, text: str) -> None:
        self.notes.append(text)

    def indexed(self, done: int, total: int) -> None: ...

    def stepped(self, trainer: Any, loss: float, speed: float) -> None:
        self.losses.append(loss)
        if self.on_step:
            self.on_step(trainer.standing.step)

    def validated(self, trainer: Any, verdict: Any, better: bool) -> None:
        self.verdicts.append(verdict)


@dataclass
class Runner:
    """Runs trainings in this process, and remembers the last one's listener."""

    folder: Path
    data: Path
    listener: Listener = field(default_factory=Listener)

    def __call__(
        self,
        *assignments: str,
        recipe_: Recipe | None = None,
        on_step: Callable[[int], None] | None = None,
        model: str = "",
        freeze: tuple[str, ...] = (),
        extra: tuple[Path, ...] = (),
        **request: Any,
    ) -> Outcome:
        made = recipe_ or recipe(*assignments)
        frozen = Frozen(
            recipe=made,
            dataset=str(self.data),
            extra=tuple(map(str, extra)),
            model=model,
            freeze=freeze,
        )
        self.listener = Listener(on_step=on_step)
        asked = Request(frozen=frozen, output=self.folder, device="cpu")
        return train(replace(asked, **request), self.listener)

    def metrics(self, kind: str = "step") -> list[dict[str, Any]]:
        lines = (self.folder / "metrics.jsonl").read_text().splitlines()
        return [line for line in map(json.loads, lines) if line["kind"] == kind]


@pytest.fixture
def run(tmp_path: Path, dataset: Path) -> Runner:
    return Runner(tmp_path / "run", dataset)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start ``unmixcli train`` as a process of its own, where signals are the point."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: object, launcher: tuple[str, ...] = (), **environment: str):
        command = [
            *(launcher or (sys.executable,)),
            "-m",
            "unmixcli",
            "train",
            *map(str, arguments),
        ]
        pipe = subprocess.PIPE
        environment = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
        started.append(
            subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment)
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The tiny recipe as a file."""
    path = tmp_path / "tiny.toml"
    path.write_text(recipes.to_toml(recipe()))
    return path
