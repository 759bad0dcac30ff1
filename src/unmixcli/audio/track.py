"""A mixture that can be read several times, wherever it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from unmixcli.audio.blocks import BLOCK
from unmixcli.audio.format import AudioFormat


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

    @property
    def frames(self) -> int:
        """Its samples per channel."""
        return self.mixture.shape[-1]

    def blocks(self, frames: int = BLOCK) -> Iterator[Tensor]:
        """Yield it from the start."""
        yield from torch.split(self.mixture, frames, dim=-1)
