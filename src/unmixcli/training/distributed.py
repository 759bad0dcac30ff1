"""The processes of one training, one for each device, as ``torchrun`` starts them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous
from torch.nn.parallel import DistributedDataParallel

from unmixcli.errors import ConfigError, DeviceError
from unmixcli.inference.device import resolve

LONGEST_WAIT = timedelta(minutes=30)
"""How long one process waits for another, which may have longer tracks to validate."""

LOST = ("connection closed", "connection reset", "connection refused", "broken pipe", "timed out")
"""What a process is told whose peer has died."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """A process's place among those that train together.

    Attributes:
        rank: Which one it is; 0 writes and speaks.
        world: How many there are.
        device: Where it computes.
    """

    rank: int = 0
    world: int = 1
    device: torch.device

    @property
    def leads(self) -> bool:
        """Whether it is the one that writes and speaks."""
        return self.rank == 0

    def share(self, batch_size: int, parts: int) -> int:
        """Return the examples of a part of a batch on this device.

        Raises:
            ConfigError: A batch cannot be divided so.
        """
        if batch_size % (self.world * parts):
            raise ConfigError(
                f"data.batch_size {batch_size} cannot be shared by {self.world} devices in "
                f"{parts} parts each",
                hint=f"choose a multiple of {self.world * parts}",
            )
        return batch_size // (self.world * parts)

    def total(self, values: Sequence[float]) -> list[float]:
        """Return the sum of each value over all processes, the same on all."""
        return self._reduced(values, dist.ReduceOp.SUM)

    def most(self, value: float) -> float:
        """Return the largest value of any process."""
        return self._reduced([value], dist.ReduceOp.MAX)[0]

    def _reduced(self, values: Sequence[float], how: dist.ReduceOp.RedOpType) -> list[float]:
        if self.world == 1:
            return list(values)
        held = torch.tensor(values, dtype=torch.float64, device=self.device)
        dist.all_reduce(held, how)
        return [float(value) for value in held]

    def wait(self) -> None:
        """Go on when all have come here."""
        self.most(0.0)

    def parallel(self, network: nn.Module) -> nn.Module:
        """Return a network whose gradients are the means over all processes."""
        if self.world == 1:
            return network
        ids = [self.device.index] if self.device.type == "cuda" else None
        return DistributedDataParallel(network, device_ids=ids, find_unused_parameters=False)


@contextmanager
def joined(device: str) -> Iterator[Job]:
    """Take this process's place among those that ``torchrun`` started; alone without it.

    Args:
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.

    Raises:
        DeviceError: The device is absent, the others cannot be reached, or one was lost.
    """
    world = int(os.environ.get("WORLD_SIZE", "1"))
    local = int(os.environ.get("LOCAL_RANK", "0"))
    if "RANK" not in os.environ:
        yield Job(device=resolve(device))
        return
    several = torch.cuda.is_available() and device in ("auto", "cuda")
    chosen = resolve(f"cuda:{local}" if several else device)
    backend = "nccl" if chosen.type == "cuda" else "gloo"
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)
    _join(backend)
    try:
        yield Job(rank=dist.get_rank(), world=world, device=chosen)
    except RuntimeError as error:
        if world == 1 or not any(word in str(error).lower() for word in LOST):
            raise
        raise DeviceError(
            "another process of the job has ended",
            hint="its own message says why; then go on with --resume",
        ) from error
    finally:
        dist.destroy_process_group()


def _join(backend: str) -> None:
    try:
        store, rank, world = next(rendezvous("env://", timeout=LONGEST_WAIT))
        # What --max-restarts starts again would find the addresses of those who are dead.
        attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
        store = PrefixStore(f"attempt {attempt}", store)
        dist.init_process_group(
            backend, store=store, rank=rank, world_size=world, timeout=LONGEST_WAIT
        )
    except (RuntimeError, ValueError) as error:
        place = f"{os.environ.get('MASTER_ADDR')}:{os.environ.get('MASTER_PORT')}"
        raise DeviceError(
            f"cannot meet the other processes at {place}: {str(error).splitlines()[0]}",
            hint="another job may use that port: give torchrun another --master-port",
        ) from error
