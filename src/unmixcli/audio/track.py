"""A mixture that can be read several times, wherever it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unmixcli.audio.blocks import BLOCK
from unmixcli.audio.finite import require_finite
from unmixcli.audio.format import MOST_CHANNELS, RATES, AudioFormat
from unmixcli.errors import AudioError

UNNAMED = Path("the mixture")
"""What errors call a track that is no file."""


class Track(Protocol):
    """A mixture that can be read several times."""

    @property
    def format(self) -> AudioFormat:
        """Its rate and channels."""
        ...

    @property
    def frames(self) -> int:
        """Its samples per channel."""
        ...

    def blocks(self, frames: int = BLOCK) -> Iterator[Tensor]:
        """Yield it from the start, (channels, at most ``frames``)."""
        ...


@dataclass(frozen=True)
class TensorTrack:
    """A mixture already in memory, (channels, samples)."""

    mixture: Tensor
    format: AudioFormat

    @classmethod
    def of(cls, mixture: Tensor | NDArray[np.floating[Any]], sample_rate: int) -> TensorTrack:
        """Take a mixture from a caller who may have made a mistake.

        Args:
            mixture: (channels, samples), floats.
            sample_rate: Its rate, in Hz.

        Raises:
            AudioError: It is not a mixture, or not finite, or the rate is none.
        """
        tensor = torch.as_tensor(mixture).detach().cpu()
        if tensor.ndim != 2 or 0 in tensor.shape:
            raise AudioError(f"a mixture is (channels, samples), got {tuple(tensor.shape)}")
        if tensor.shape[0] > MOST_CHANNELS:
            raise AudioError(
                f"a mixture of {tensor.shape[0]} channels",
                hint="transpose it: a mixture is (channels, samples)",
            )
        if not tensor.is_floating_point():
            raise AudioError(
                f"a mixture is of floats in [-1, 1], got {tensor.dtype}",
                hint="divide integers by their full scale, such as 32768",
            )
        if not isinstance(sample_rate, int) or sample_rate not in RATES:
            raise AudioError(
                f"unsupported rate of {sample_rate!r} Hz",
                hint=f"rates are integers in {RATES[0]}..{RATES[-1]} Hz",
            )
        require_finite(UNNAMED, tensor, 0, sample_rate)
        return cls(tensor.float(), AudioFormat(sample_rate, tensor.shape[0]))

    @property
    def frames(self) -> int:
        """Its samples per channel."""
        return self.mixture.shape[-1]

    def blocks(self, frames: int = BLOCK) -> Iterator[Tensor]:
        """Yield it from the start."""
        yield from torch.split(self.mixture, frames, dim=-1)
