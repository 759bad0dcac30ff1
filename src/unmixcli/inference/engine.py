"""A network ready to run: where, how it cuts, and its share of an ensemble."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Event

import torch
from torch import Tensor

from unmixcli.errors import Cancelled, DeviceError, is_out_of_memory
from unmixcli.inference.plan import ChunkPlan, Draw
from unmixcli.inference.threads import threads
from unmixcli.network import Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """One member of an ensemble; a single network is an ensemble of one.

    Attributes:
        name: The model's name, for errors.
        network: Maps (batch, channels, input) to (batch, sources, channels, output).
        plan: How it cuts a track.
        draw: Gives its shift offsets.
        device: Where it runs; estimates come back to the CPU.
        batch_size: Most chunks of one network call.
        threads: Threads on the CPU.
        cancel: Set it to stop before the next network call.
        shares: Weight of each of its sources in an ensemble; ``None`` is 1 for all.
    """

    name: str
    network: Network
    plan: ChunkPlan
    draw: Draw
    device: torch.device
    batch_size: int = 1
    threads: int = 1
    cancel: Event | None = None
    shares: tuple[float, ...] | None = None

    def predict(self, mixtures: Sequence[Tensor]) -> Tensor:
        """Estimate the sources of several reads of one length.

        A mono network given more channels separates each on its own.

        Args:
            mixtures: Each (channels, input).

        Returns:
            Estimates on the CPU, (batch, sources, channels, output).

        Raises:
            DeviceError: The device is out of memory.
            Cancelled: The caller asked to stop.
        """
        if self.cancel and self.cancel.is_set():
            raise Cancelled("cancelled")
        channels, length = mixtures[0].shape
        try:
            with torch.inference_mode(), threads(self.threads):
                reads = torch.stack([*mixtures])
                if apart := channels != self.network.config.channels:
                    reads = reads.reshape(-1, 1, length)
                estimates = self.network(reads.to(self.device)).cpu()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            raise DeviceError(
                f"'{self.device}' is out of memory at {len(mixtures)} x {length} samples",
                hint="try a smaller --batch-size, a shorter --segment, or another --device",
            ) from error
        if apart:
            estimates = estimates.reshape(len(mixtures), channels, -1, estimates.shape[-1])
            return estimates.transpose(1, 2)
        return estimates
