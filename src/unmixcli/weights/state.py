"""Plain state dicts."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from unmixcli.errors import DeviceError, WeightsError, is_out_of_memory


def read_state(path: Path) -> dict[str, Tensor]:
    """Read a plain state dict as torch.save writes it, with the restricted unpickler.

    Raises:
        WeightsError: It holds anything but tensors by name, or is damaged.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # torch and pickle raise whatever the bytes provoke
        if is_out_of_memory(error):
            raise DeviceError(
                f"out of memory while loading '{path}'", hint="close other programs"
            ) from error
        raise WeightsError(f"cannot read '{path}': {type(error).__name__}") from error
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise WeightsError(f"'{path}' does not hold tensors by name")
    return dict(state)
