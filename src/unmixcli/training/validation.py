"""How good a network is: whole tracks, separated exactly as ``separate`` does."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from unmixcli.audio.track import TensorTrack, Track
from unmixcli.datasets.track import MIXTURE, DatasetTrack
from unmixcli.errors import Cancelled, DatasetError
from unmixcli.evaluation.framing import frames
from unmixcli.evaluation.ratios import frame_sdr
from unmixcli.inference.threads import threads
from unmixcli.network import ConditionedNetwork, Geometry, ModelConfig, Network
from unmixcli.schedule import Schedule
from unmixcli.selection import Selection
from unmixcli.separation import Separator
from unmixcli.settings import Settings
from unmixcli.training.distributed import Job
from unmixcli.training.examples import labels_of
from unmixcli.training.losses import TOTAL, Loss
from unmixcli.weights import loader
from unmixcli.weights.licence import Licence

STRETCH = 10
"""Seconds that the loss of a track is computed over at once."""

HIGHEST = 1000.0
"""In dB; what is exact has no other ratio, and means of it should be numbers."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a validation says.

    Attributes:
        loss: The recipe's; NaN where nothing could be read.
        sdr: By source, the median over tracks of the median over their seconds, in dB; NaN
            where a source never sounds.
        tracks: How many tracks it is of.
        failures: Tracks that could not be read, and why; of this process.
    """

    loss: float
    sdr: dict[str, float]
    tracks: int
    failures: tuple[str, ...] = ()

    @property
    def mean_sdr(self) -> float:
        """Mean over the sources that sound, in dB."""
        known = [value for value in self.sdr.values() if not math.isnan(value)]
        return sum(known) / len(known) if known else math.nan


@dataclass(frozen=True, kw_only=True)
class WholeTracks:
    """Separates tracks, and scores them.

    Attributes:
        tracks: What to separate.
        sources: What the tracks call the network's sources, in its order.
        schedule: How to cut them.
        loss: The recipe's.
        longest: Seconds of each track at most; 0 takes all.
        job: Tracks are shared out among its processes.
        seed: Of shifts, where the schedule has some.
    """

    tracks: Sequence[DatasetTrack]
    sources: tuple[str, ...]
    schedule: Schedule
    loss: Loss
    longest: float
    job: Job
    seed: int

    def __call__(self, network: nn.Module, cancel: Event | None = None) -> Verdict:
        """Score a network.

        Raises:
            Cancelled: ``cancel`` was set.
            DatasetError: No track could be read.
        """
        rows = torch.full((len(self.tracks), len(self.sources) + 1), torch.nan)
        failures: list[str] = []
        cancelled = False
        with judged(network):
            for number in range(self.job.rank, len(self.tracks), self.job.world):
                try:
                    rows[number] = self._scored(network, self.tracks[number], cancel)
                except DatasetError as error:
                    failures.append(str(error))
                except Cancelled:
                    cancelled = True
                    break
        # Together: one that left alone would keep the others waiting.
        if self.job.most(float(cancelled)):
            raise Cancelled("cancelled")
        return self._verdict(self._gathered(rows), tuple(failures))

    def _scored(self, network: nn.Module, track: DatasetTrack, cancel: Event | None) -> Tensor:
        """Return a track's SDR of each source, and its loss."""
        separator, count = self._separator(network, track), self._frames(track)
        mixture = self._cut(track, count)
        with threads(1), torch.no_grad():
            blocks = separator.stream(mixture, Selection(), cancel)
            estimates = torch.cat([*blocks], dim=-1)
        references = track.read_all(self.sources, 0, count, absent_is_silent=True)
        windows = frames(count, track.sample_rate, track.sample_rate)
        scores = [
            _median(frame_sdr(true.numpy(), guess.numpy(), windows))
            for true, guess in zip(references, estimates, strict=True)
        ]
        return torch.tensor([*scores, self._loss(estimates, references, track.sample_rate)])

    def _separator(self, network: nn.Module, track: DatasetTrack) -> Separator:
        known = getattr(network, "labels", ())
        told = Told(network, labels_of(track, known)) if known else network
        model = loader.Model(
            name="the network in training",
            networks=(cast(Network, told),),
            schedule=self.schedule,
            licence=Licence(spdx="not-stated"),
            sha256=(),
        )
        return Separator(model, Settings(device=str(self.job.device), seed=self.seed))

    def _frames(self, track: DatasetTrack) -> int:
        most = round(self.longest * track.sample_rate) or track.frames
        return min(track.frames, most)

    def _cut(self, track: DatasetTrack, count: int) -> Track:
        whole = track.open(MIXTURE)
        if count == track.frames:
            return whole
        return TensorTrack(track.read(MIXTURE, 0, count), whole.format)

    def _loss(self, estimates: Tensor, references: Tensor, rate: int) -> float:
        """Return the recipe's loss over a track, the mean over its stretches."""
        total, length = 0.0, estimates.shape[-1]
        for start in range(0, length, STRETCH * rate):
            stop = min(start + STRETCH * rate, length)
            guess, true = estimates[None, ..., start:stop], references[None, ..., start:stop]
            total += float(self.loss(guess, true)[TOTAL]) * (stop - start)
        return total / length

    def _gathered(self, rows: Tensor) -> Tensor:
        """Return what all processes found; a track is only one's."""
        known = ~rows.isnan()
        held = torch.stack([rows.nan_to_num(0.0).clamp(-HIGHEST, HIGHEST), known.to(rows)])
        flat = self.job.total(held.flatten().tolist())
        values, there = torch.tensor(flat).reshape(2, *rows.shape)
        known_anywhere: Tensor = there > 0
        return torch.where(known_anywhere, values, torch.nan)

    def _verdict(self, rows: Tensor, failures: tuple[str, ...]) -> Verdict:
        losses = [value for value in rows[:, -1].tolist() if not math.isnan(value)]
        if not losses:
            raise DatasetError(
                f"no track can be validated: {failures[0] if failures else 'there is none'}"
            )
        sdr = {name: _median(rows[:, row].numpy()) for row, name in enumerate(self.sources)}
        loss = sum(losses) / len(losses)
        return Verdict(loss=loss, sdr=sdr, tracks=len(losses), failures=failures)


@contextmanager
def judged(network: nn.Module) -> Iterator[None]:
    """Let a network be in evaluation mode for a while."""
    before = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(before)


class Told(nn.Module):
    """A conditioned network that was told what sounds, and so reads nothing but mixtures.

    Args:
        network: The network.
        labels: What sounds in the track, (labels,).
    """

    def __init__(self, network: nn.Module, labels: Tensor) -> None:
        super().__init__()
        self.network = network
        self.told = labels

    @property
    def config(self) -> ModelConfig:
        """The network's."""
        return cast(ConditionedNetwork, self.network).config

    @property
    def alignment(self) -> int | None:
        """The network's."""
        return cast(ConditionedNetwork, self.network).alignment

    def geometry(self, target: int) -> Geometry:
        """Return the network's."""
        return cast(ConditionedNetwork, self.network).geometry(target)

    def forward(self, mixture: Tensor) -> Tensor:
        """Estimate every source; each read of a track has the track's labels."""
        labels = self.told.to(mixture).expand(len(mixture), -1)
        estimates: Tensor = self.network(mixture, labels)
        return estimates


def _median(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else math.nan
