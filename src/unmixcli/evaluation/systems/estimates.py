"""Stems that any program wrote, as a system."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from unmixcli.datasets.agreement import TOLERANCE
from unmixcli.datasets.collection import Dataset
from unmixcli.datasets.estimates import Estimates, compare, pair_estimates
from unmixcli.datasets.track import DatasetTrack
from unmixcli.errors import DatasetError
from unmixcli.evaluation.naming import matched
from unmixcli.evaluation.results import Kind
from unmixcli.evaluation.systems.system import Advance, Scene, Signals


@dataclass(frozen=True, kw_only=True)
class EstimatesSystem:
    """A folder of estimates.

    Attributes:
        name: What tables call it.
        folder: Where they are.
        any_length: Let lengths differ by more than 0.1 s, as museval does.
    """

    name: str
    folder: Path
    any_length: bool = False

    @property
    def kind(self) -> Kind:
        """What it is."""
        return Kind.ESTIMATES

    def open(self, dataset: Dataset, progress: Advance | None = None) -> OpenedEstimates:
        """Find the estimates of the tracks.

        Raises:
            DatasetError: There are none.
        """
        return OpenedEstimates(self, pair_estimates(dataset, self.folder))


@dataclass(frozen=True)
class OpenedEstimates:
    """Estimates that were found.

    Attributes:
        system: Where.
        found: By track.
    """

    system: EstimatesSystem
    found: Estimates

    @property
    def about(self) -> Mapping[str, Any]:
        """Where they are."""
        return {"folder": str(self.system.folder)}

    @property
    def notes(self) -> Sequence[str]:
        """What is missing, and what is there too much."""
        return self.found.notes

    def files(self, track: DatasetTrack) -> Sequence[Path]:
        """Return the files of the estimates."""
        theirs = self.found.tracks.get(track.name)
        return [path for paths in theirs.stems.values() for path in paths] if theirs else []

    def stems(self, track: DatasetTrack) -> Sequence[str]:
        """Return what there are files of.

        Raises:
            DatasetError: There are none of this track, or they have a fault.
        """
        theirs = self._of(track)
        if theirs.fault is not None:
            raise DatasetError(f"estimates of '{track.name}': {theirs.fault}")
        return theirs.sources

    def estimate(
        self, scene: Scene, stems: Sequence[str], progress: Advance | None = None
    ) -> Signals:
        """Read estimates, each as long as it is.

        Raises:
            DatasetError: They cannot be read, or do not agree with the track in rate,
                channels or length.
        """
        theirs, names = self._of(scene.track), matched(scene.track, stems)
        renamed = {names[stem]: theirs.stems[stem] for stem in stems}
        tolerance = None if self.system.any_length else TOLERANCE
        compare(scene.track, replace(theirs, stems=renamed), tolerance=tolerance)
        # Each by itself: together they would all be cut to the shortest.
        alone = {stem: replace(theirs, stems={stem: theirs.stems[stem]}) for stem in stems}
        return {stem: one.read(stem).numpy() for stem, one in alone.items()}

    def _of(self, track: DatasetTrack) -> DatasetTrack:
        theirs = self.found.tracks.get(track.name)
        if theirs is None:
            raise DatasetError(
                f"no estimates of '{track.name}' in '{self.system.folder}'",
                hint="choose the tracks that there are some of with --subset or --split",
            )
        return theirs
