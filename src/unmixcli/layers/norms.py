"""Layer norms for feature maps: over each frame, or over all frames together.

Luo & Mesgarani, "Conv-TasNet", IEEE/ACM TASLP 27(8), 2019: cLN and gLN. Both variances
are biased, and both gains and offsets belong to a channel.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

EPSILON = 1e-8


class _Affine(nn.Module):
    """A norm's gain and offset per channel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(1, width, 1))
        self.beta = nn.Parameter(torch.zeros(1, width, 1))


class ChannelwiseNorm(_Affine):
    """cLN: zero mean and unit variance over the channels of each frame."""

    def forward(self, features: Tensor) -> Tensor:
        """Map (batch, width, frames) to the same shape."""
        variance, mean = torch.var_mean(features, dim=1, correction=0, keepdim=True)
        return self.gamma * (features - mean) / (variance + EPSILON).sqrt() + self.beta


class GlobalNorm(_Affine):
    """gLN: zero mean and unit variance over channels and time together."""

    def forward(self, features: Tensor) -> Tensor:
        """Map (batch, width, frames) to the same shape."""
        return F.group_norm(features, 1, self.gamma.flatten(), self.beta.flatten(), EPSILON)
