"""A network ready to run: where, how it cuts, and its share of an ensemble."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Event
from typing import cast

import torch
from torch import Tensor

from unmixcli.errors import Cancelled, ConfigError, DeviceError, is_out_of_memory
from unmixcli.inference.plan import ChunkPlan, Draw
from unmixcli.inference.threads import threads
from unmixcli.network import ConditionedNetwork, Network


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
        labels: What sounds in the track, (labels,); ``None`` for a network that is not told.

    Raises:
        ConfigError: A conditioned network lacks its labels, or another is given some.
    """

    name: str
    network: Network | ConditionedNetwork
    plan: ChunkPlan
    draw: Draw
    device: torch.device
    batch_size: int = 1
    threads: int = 1
    cancel: Event | None = None
    shares: tuple[float, ...] | None = None
    labels: Tensor | None = None

    def __post_init__(self) -> None:
        wanted: tuple[str, ...] = getattr(self.network, "labels", ())
        given = 0 if self.labels is None else len(self.labels)
        if given != len(wanted):
            raise ConfigError(
                f"'{self.name}' takes {len(wanted)} labels, got {given}",
                hint=f"its labels are: {', '.join(wanted)}" if wanted else None,
            )

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
                estimates = self._run(reads.to(self.device)).cpu()
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

    def _run(self, reads: Tensor) -> Tensor:
        """Call the network; every read of a track has the track's labels."""
        if self.labels is None:
            return cast(Network, self.network)(reads)
        labels = self.labels.to(reads).expand(len(reads), -1)
        return cast(ConditionedNetwork, self.network)(reads, labels)
