"""Recurrent layers that read a feature map both ways along time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

if TYPE_CHECKING:
    from torch import Tensor


class BLSTM(nn.Module):
    """A bidirectional LSTM, and a linear map that brings its two halves back to one width.

    Args:
        width: Channels read, made, and of either direction's state.
        layers: Stacked LSTM layers.
    """

    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(width, width, num_layers=layers, bidirectional=True)
        self.linear = nn.Linear(2 * width, width)

    def forward(self, features: Tensor) -> Tensor:
        """Map (batch, width, frames) to the same shape."""
        states, _ = self.lstm(features.permute(2, 0, 1))
        mapped: Tensor = self.linear(states)
        return mapped.permute(1, 2, 0)
