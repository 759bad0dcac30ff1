"""How good a network is on segments, one after the other over every track, as in training."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Event

import torch
from torch import Tensor, nn

from unmixcli.errors import Cancelled, DatasetError
from unmixcli.layers.crop import centre_crop
from unmixcli.training.batches import Batch, Feeder
from unmixcli.training.objective import Objective
from unmixcli.training.validation import HIGHEST, Verdict, judged

TINY = 1e-12
"""Energy below which there is nothing to be a ratio to."""


@dataclass(frozen=True, kw_only=True)
class Segments:
    """Estimates segments in order, and scores them.

    Attributes:
        feeder: Reads them; windows in order, not shuffled.
        objective: The recipe's, without augmentation.
        sources: What is estimated.
        batch_size: Segments of a batch, over all processes; what is left over is dropped.
        steps: Batches; 0 takes all.
    """

    feeder: Feeder
    objective: Objective
    sources: tuple[str, ...]
    batch_size: int
    steps: int

    def __call__(self, network: nn.Module, cancel: Event | None = None) -> Verdict:
        """Score a network.

        Raises:
            Cancelled: ``cancel`` was set.
            DatasetError: Nothing could be read.
        """
        sampler = self.feeder.reader.sampler
        stop = sampler.steps(self.batch_size)
        stop = min(stop, self.steps) if self.steps else stop
        totals = torch.zeros(2 + 2 * len(self.sources))
        failures: list[str] = []
        with judged(network):
            for batch in self.feeder.batches(0, 0, stop, self.batch_size):
                totals += self._scored(network, batch)
                failures += batch.failures
                if cancel and cancel.is_set():
                    break
        # Together: one that left alone would keep the others waiting.
        if self.feeder.job.most(float(bool(cancel and cancel.is_set()))):
            raise Cancelled("cancelled")
        return self._verdict(totals, tuple(failures))

    @torch.no_grad()
    def _scored(self, network: nn.Module, batch: Batch) -> Tensor:
        """Return loss and count, and of each source its SDRs and how many there are."""
        sources = self.objective.sources(batch, 0, 0)
        mixture = self.objective.mixture(batch, sources)
        estimates = self.objective.estimate(network, mixture, batch.labels)
        loss = float(self.objective.compare(estimates, sources)) * len(batch.names)
        true = centre_crop(sources, estimates.shape[-1])
        energy = true.square().sum(dim=(2, 3))
        wrong = (true - estimates).square().sum(dim=(2, 3)).clamp_min(TINY)
        sounds = energy > TINY
        sdr = (10 * torch.log10(energy.clamp_min(TINY) / wrong)).clamp(-HIGHEST, HIGHEST)
        scores = torch.stack([(sdr * sounds).sum(0), sounds.sum(0).to(sdr)], dim=1)
        return torch.cat([torch.tensor([loss, len(batch.names)]), scores.flatten().cpu()])

    def _verdict(self, totals: Tensor, failures: tuple[str, ...]) -> Verdict:
        loss, count, *scores = self.feeder.job.total(totals.tolist())
        if not count:
            raise DatasetError("no segment can be validated")
        pairs = zip(scores[::2], scores[1::2], strict=True)
        sdr = {
            name: total / known if known else float("nan")
            for name, (total, known) in zip(self.sources, pairs, strict=True)
        }
        return Verdict(loss=loss / count, sdr=sdr, tracks=int(count), failures=failures)
