"""Small networks that stand in for real ones; each obeys the contract in full."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unmixcli.network import Geometry, ModelConfig


def config(sources: int = 2, channels: int = 2, sample_rate: int = 44_100) -> ModelConfig:
    names = tuple(f"s{number}" for number in range(sources))
    return ModelConfig(sources=names, sample_rate=sample_rate, channels=channels)


class EchoNetwork(nn.Module):
    """Returns its input once per source: whatever is wrong then is the cutting's fault."""

    alignment = 1

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config

    def geometry(self, target: int) -> Geometry:
        return Geometry(target, target)

    def forward(self, mixture: Tensor) -> Tensor:
        return mixture[:, None].repeat(1, len(self.config.sources), 1, 1)


class SmoothingNetwork(EchoNetwork):
    """A valid convolution: predicts only the centre of what it reads."""

    def __init__(self, config: ModelConfig, reach: int = 13) -> None:
        super().__init__(config)
        self.reach = reach
        kernel = torch.randn(2 * reach + 1, generator=torch.Generator().manual_seed(1))
        self.register_buffer("kernel", kernel / kernel.abs().sum())

    def geometry(self, target: int) -> Geometry:
        return Geometry(target + 2 * self.reach, target)

    def forward(self, mixture: Tensor) -> Tensor:
        batch, channels, _ = mixture.shape
        smooth = F.conv1d(mixture.flatten(0, 1)[:, None], self.kernel[None, None])
        return super().forward(smooth.reshape(batch, channels, -1))


class DecimatingNetwork(SmoothingNetwork):
    """Smooths, then holds every fourth sample: shifts by less than four change the result."""

    alignment = 4

    def geometry(self, target: int) -> Geometry:
        target = -(-target // 4) * 4
        return Geometry(target + 2 * self.reach, target)

    def forward(self, mixture: Tensor) -> Tensor:
        return super().forward(mixture)[..., ::4].repeat_interleave(4, dim=-1)


class PositionNetwork(EchoNetwork):
    """Weights each sample by where it lies in what is read: a wrong schedule shows."""

    alignment = None

    def geometry(self, target: int) -> Geometry:
        length = -(-(target + 37) // 16) * 16
        return Geometry(length, length - 20)

    def forward(self, mixture: Tensor) -> Tensor:
        ramp = torch.linspace(0.5, 1.5, mixture.shape[-1])
        return super().forward((mixture * ramp)[..., 10:-10])


class BrokenNetwork(EchoNetwork):
    """Gives NaN from the second chunk on, as damaged weights do."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        self.calls = 0

    def forward(self, mixture: Tensor) -> Tensor:
        self.calls += 1
        return super().forward(mixture if self.calls == 1 else mixture * float("nan"))


class ToldNetwork(EchoNetwork):
    """Returns its input for every source that it is told sounds, and silence for the others."""

    def __init__(self, config: ModelConfig, labels: tuple[str, ...] | None = None) -> None:
        super().__init__(config)
        self.labels = labels or config.sources

    def forward(self, mixture: Tensor, labels: Tensor) -> Tensor:
        assert labels.shape == (len(mixture), len(self.labels))
        wanted = [self.labels.index(source) for source in self.config.sources]
        return super().forward(mixture) * labels[:, wanted, None, None]


class ScalingNetwork(EchoNetwork):
    """Returns its input times a gain for each source; will not be told anything."""

    def __init__(self, config: ModelConfig, gains: tuple[float, ...]) -> None:
        super().__init__(config)
        self.gains = gains

    def forward(self, mixture: Tensor) -> Tensor:
        return super().forward(mixture) * torch.tensor(self.gains)[:, None, None]
