"""What goes wrong in a step, in words that say what to do."""

from __future__ import annotations

import torch

from unmixcli.errors import ConfigError, DeviceError
from unmixcli.training.batches import Batch


def diverged(what: str, value: float, step: int, batch: Batch, *, alien: bool) -> ConfigError:
    """Say that training has left the numbers there are.

    Args:
        what: Loss or gradient.
        value: What it is.
        step: At which step.
        batch: What it was computed of.
        alien: Whether it is another process's.
    """
    tracks = ", ".join(f"'{name}'" for name in dict.fromkeys(batch.names))
    where = "on another device" if alien else f"in the batch of {tracks}"
    return ConfigError(
        f"the {what} is {value} at step {step}, {where}",
        hint="the checkpoints before it are kept: try a lower optim.lr, optim.clip=1, or "
        "--precision fp32",
    )


def too_large(device: torch.device, size: int, batch: Batch, parts: int) -> DeviceError:
    """Say that a batch does not fit, and what would.

    Args:
        device: Where.
        size: Examples that were computed at once.
        batch: They were among these.
        parts: How many parts a batch is computed in.
    """
    half = f"--set optim.accumulate={2 * parts} takes the same batch in parts of {size // 2}"
    return DeviceError(
        f"'{device}' is out of memory with {size} x {batch.stems.shape[-1]} samples",
        hint=half if size > 1 else "choose a shorter data.segment",
    )
