"""A model as a system, through the very line that ``unmixcli separate`` takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from unmixcli.audio.channels import check_channels
from unmixcli.datasets.collection import Dataset
from unmixcli.datasets.track import MIXTURE, DatasetTrack
from unmixcli.errors import DatasetError, UsageError
from unmixcli.evaluation.results import Kind
from unmixcli.evaluation.systems.system import Advance, Scene, Signals
from unmixcli.inference.threads import threads
from unmixcli.instruments import resolve
from unmixcli.progress import reported
from unmixcli.selection import Selection
from unmixcli.separation import Separator
from unmixcli.settings import Settings
from unmixcli.weights import loader


@dataclass(frozen=True, kw_only=True)
class ModelSystem:
    """A model that is loaded when its turn comes.

    Attributes:
        name: What tables call it.
        model: A name of the manifest, or the path of a file.
        settings: How to run it.
        instruments: What it is told to find in every track; empty is what the references of a
            track are, as the paper on conditioned separation has it. Of a model that takes no
            labels, which of its stems are scored.
        policy: Which licences are accepted; ``None`` is as the environment says.
    """

    name: str
    model: str
    settings: Settings
    instruments: tuple[str, ...] = ()
    policy: str | None = None

    @property
    def kind(self) -> Kind:
        """What it is."""
        return Kind.MODEL

    def open(self, dataset: Dataset, progress: Advance | None = None) -> OpenedModel:
        """Load it.

        Raises:
            WeightsError: It cannot be had.
            ConfigError: It cannot be run that way.
            DeviceError: The device is absent, or too small.
            UsageError: It knows nothing of the instruments.
        """
        model = loader.load(self.model, progress, self.policy)
        return OpenedModel(Separator(model, self.settings), self.instruments)


class OpenedModel:
    """A separator that is scored.

    Args:
        separator: It.
        instruments: As in :class:`ModelSystem`.

    Raises:
        UsageError: It knows nothing of the instruments.
    """

    def __init__(self, separator: Separator, instruments: Sequence[str] = ()) -> None:
        self._separator = separator
        words = separator.labels or separator.sources
        self._asked = tuple(dict.fromkeys(resolve(request, words) for request in instruments))

    @property
    def about(self) -> Mapping[str, Any]:
        """What decides which bits come out."""
        separator = self._separator
        return {
            "model": separator.model.name,
            "sha256": list(separator.model.sha256),
            "licence": asdict(separator.model.licence),
            "sources": list(separator.sources),
            "labels": list(separator.labels),
            "schedule": separator.schedule.to_json(),
            "seed": separator.settings.seed,
            "batch_size": separator.settings.batch_size,
            "device": str(separator.device),
            "instruments": list(self._asked),
        }

    @property
    def notes(self) -> Sequence[str]:
        """The terms that it comes under."""
        return (f"licence of the weights: {self._separator.model.licence}",)

    def files(self, track: DatasetTrack) -> Sequence[Path]:
        """Return nothing: it needs the mixture only, and its hashes are in ``about``."""
        return ()

    def stems(self, track: DatasetTrack) -> Sequence[str]:
        """Return what it separates of a track: of the instruments that it is told, those."""
        separator = self._separator
        if not separator.labels:
            return self._asked or separator.sources
        told = self._told(track)
        return [s for s in separator.sources if s in told or s not in separator.labels]

    def estimate(
        self, scene: Scene, stems: Sequence[str], progress: Advance | None = None
    ) -> Signals:
        """Separate a track."""
        separator, track = self._separator, scene.track
        told = self._told(track) if separator.labels else ()
        # Chosen stems also keep a threshold from leaving some out: each is to be scored.
        selection = Selection(stems=tuple(stems), instruments=told)
        mixture = track.open(MIXTURE)
        check_channels(Path(track.name), track.channels, separator.model.config.channels)
        with threads(1):
            blocks = separator.stream(mixture, selection)
            shape = (len(stems), track.channels, track.frames)
            whole = _joined(reported(blocks, track.frames, progress), shape)
        return dict(zip(stems, whole, strict=True))

    def _told(self, track: DatasetTrack) -> tuple[str, ...]:
        """Return the labels that a model is told of a track.

        Raises:
            DatasetError: It has none for any of its stems.
        """
        known = self._asked or tuple(_known(track.sources, self._separator.labels))
        if not known:
            raise DatasetError(
                f"track '{track.name}': '{self._separator.model.name}' has no label for any of "
                f"its stems: {', '.join(track.sources)}",
                hint="say what to tell it with --instruments",
            )
        return known


def _known(words: Iterable[str], labels: Sequence[str]) -> Iterator[str]:
    for word in words:
        try:
            yield resolve(word, labels)
        except UsageError:  # then it goes without, and is reported as not scored
            continue


def _joined(blocks: Iterator[Tensor], shape: tuple[int, int, int]) -> Iterable[Any]:
    """Return blocks in one array, made before them: joining them would take twice as much."""
    whole = np.empty(shape, np.float32)
    done = 0
    for block in blocks:
        whole[..., done : done + block.shape[-1]] = block.detach().cpu().numpy()
        done += block.shape[-1]
    return whole
