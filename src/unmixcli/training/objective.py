"""From a batch to its loss: augment, mix, estimate, compare."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from unmixcli.layers.crop import centre_crop
from unmixcli.training.augment import Augmentation
from unmixcli.training.batches import Batch
from unmixcli.training.losses import TOTAL, Loss


@dataclass(frozen=True, kw_only=True)
class Objective:
    """What a network is trained to do.

    Attributes:
        loss: Compares estimates with targets.
        augment: What is done to sources before they are mixed; ``None`` leaves them.
        seed: Of what is drawn there.
        read: Samples that the network reads.
        device: Where all of it is computed.
    """

    loss: Loss
    augment: Augmentation | None
    seed: int
    read: int
    device: torch.device

    def sources(self, batch: Batch, number: int, first: int) -> Tensor:
        """Return what is to be estimated: (batch, sources, channels, read).

        Args:
            batch: What was read.
            number: Of the batch, for what is drawn.
            first: Number of its first item within the batch, over all devices.
        """
        stems = batch.stems.to(self.device, non_blocking=True)
        if self.augment is not None:
            stems = self.augment(stems, seed=self.seed, step=number, first=first)
        return centre_crop(stems, self.read)

    def mixture(self, batch: Batch, sources: Tensor) -> Tensor:
        """Return what the network reads: the sum of the sources, or the track's own mixture."""
        if batch.mixture is None:
            return sources.sum(dim=1)
        return centre_crop(batch.mixture.to(self.device, non_blocking=True), self.read)

    def estimate(self, network: nn.Module, mixture: Tensor, labels: Tensor) -> Tensor:
        """Run a network, which is told the labels if there are any; in float32 again."""
        told = (labels.to(self.device),) if labels.shape[-1] else ()
        estimates: Tensor = network(mixture, *told)
        return estimates.float()

    def compare(self, estimates: Tensor, sources: Tensor) -> Tensor:
        """Return the loss; what the network only reads is no target."""
        return self.loss(estimates, centre_crop(sources, estimates.shape[-1]))[TOTAL]
