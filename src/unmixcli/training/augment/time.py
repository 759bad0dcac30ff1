"""Sources of other tracks, and other places of the same."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from unmixcli.network import require_count
from unmixcli.training.augment.draws import Draws, chance
from unmixcli.training.augment.step import Material, Step


@dataclass(frozen=True, kw_only=True)
class Remix(Step):
    """Deal each source out anew among the items of a group (Défossez et al. 2019, §5.3).

    Groups are consecutive items of what one device has at a time; the last may be smaller.

    Attributes:
        group: Items of a group; 0 is all there are.
    """

    group: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        require_count("group", self.group, 0, 65_536)

    def __call__(self, sources: Tensor, draws: Draws, material: Material) -> Tensor:
        """Permute each source within groups: (batch, sources, channels, samples) to the same."""
        batch, count = sources.shape[:2]
        order = torch.arange(batch).repeat(count, 1)
        for start in range(0, batch, self.group or batch):
            rng = draws.of(start)
            members = order[:, start : start + (self.group or batch)]
            for row in members:
                permutation = torch.from_numpy(rng.permutation(len(row)))
                if chance(rng, self.p):
                    row.copy_(row[permutation])
        columns = torch.arange(count)[:, None]
        return sources[order.T.to(sources.device), columns.T.to(sources.device)]


@dataclass(frozen=True, kw_only=True)
class Shift(Step):
    """Begin each source up to so many samples later (Défossez et al. 2019, §5.3).

    Attributes:
        samples: Shifts are below it, and so many samples are lost; 44100 is a second of theirs.
    """

    samples: int = 44_100

    def __post_init__(self) -> None:
        super().__post_init__()
        require_count("samples", self.samples, 1, 1 << 32)

    def reads(self, samples: int) -> int:
        """Return how many samples it needs, to give so many."""
        return samples + self.samples

    def __call__(self, sources: Tensor, draws: Draws, material: Material) -> Tensor:
        """Take a window of each source: (batch, sources, channels, samples) to fewer samples.

        Raises:
            ValueError: There are no more samples than are lost.
        """
        kept = sources.shape[-1] - self.samples
        if kept < 1:
            raise ValueError(f"cannot shift {sources.shape[-1]} samples by {self.samples}")
        batch, count = sources.shape[:2]
        # Windows one by one: to gather them all at once takes eight bytes a sample more.
        windows = []
        for rng, item in zip(map(draws.of, range(batch)), sources, strict=True):
            for source in item:
                offset = int(rng.integers(self.samples))
                windows.append(source.narrow(-1, offset if chance(rng, self.p) else 0, kept))
        return torch.stack(windows).reshape(batch, count, -1, kept)
