"""An oracle, which knows the stems of a track, as a system: a ceiling, or a floor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unmixcli.datasets.collection import Dataset
from unmixcli.datasets.track import ACCOMPANIMENT, MIXTURE, VOCALS, DatasetTrack
from unmixcli.evaluation import oracles
from unmixcli.evaluation.oracles import Oracle
from unmixcli.evaluation.results import Kind
from unmixcli.evaluation.systems.system import Advance, Scene, Signals


@dataclass(frozen=True)
class OracleSystem:
    """An oracle; ready as it is.

    Attributes:
        oracle: Which one.
    """

    oracle: Oracle
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name of its published scores."""
        return self.oracle.value

    @property
    def kind(self) -> Kind:
        """What it is."""
        return Kind.ORACLE

    @property
    def about(self) -> Mapping[str, Any]:
        """Which oracle it is."""
        return {"oracle": self.oracle.value}

    def open(self, dataset: Dataset, progress: Advance | None = None) -> OracleSystem:
        """Return itself."""
        return self

    def files(self, track: DatasetTrack) -> Sequence[Path]:
        """Return nothing: it needs the references only."""
        return ()

    def stems(self, track: DatasetTrack) -> Sequence[str]:
        """Return the stems of the track, those that sum to its mixture."""
        # An accompaniment beside the stems that it is the sum of is none of the mixture's.
        others = tuple(source for source in track.sources if source != ACCOMPANIMENT)
        return others if set(others) - {VOCALS} else track.sources

    def estimate(
        self, scene: Scene, stems: Sequence[str], progress: Advance | None = None
    ) -> Signals:
        """Return its estimates."""
        true = {stem: scene.read(stem) for stem in self.stems(scene.track)}
        estimates = oracles.estimate(self.oracle, true, scene.read(MIXTURE))
        return {stem: estimates[stem] for stem in stems}
