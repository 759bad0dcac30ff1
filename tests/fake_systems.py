"""Systems that are scored in tests; here, so that a process that is started can import them."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from unmixcli.evaluation.results import Kind
from unmixcli.evaluation.systems.system import Signals


@dataclass(frozen=True)
class FakeSystem:
    """Gives the mixture, times what it is told."""

    gains: dict[str, float]
    name: str = "fake"
    kind: Kind = Kind.MODEL
    error: type[BaseException] | None = None
    about: dict = field(default_factory=lambda: {"fake": True})
    notes: tuple[str, ...] = ()

    def open(self, dataset, progress=None):
        return self

    def files(self, track):
        return ()

    def stems(self, track):
        return tuple(self.gains)

    def estimate(self, scene, stems, progress=None) -> Signals:
        if self.error is not None:
            raise self.error("no way")
        assert set(stems) <= set(self.gains)
        return {stem: self.gains[stem] * scene.read("mixture") for stem in stems}


@dataclass(frozen=True)
class DeadlySystem(FakeSystem):
    """Ends its process on one track, as a system does that is short of memory."""

    track: str = "Song A"

    def estimate(self, scene, stems, progress=None) -> Signals:
        if scene.track.name == self.track:
            os._exit(9)
        return super().estimate(scene, stems, progress)
