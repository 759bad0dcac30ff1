"""A mean of the weights over the steps, which is often better than the last of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Average:
    """An exponential mean of a network's floating-point state; other values are copied.

    Over the first steps it keeps less: a mean that begins with what was drawn would
    otherwise remember that for as long as a short run lasts.

    Args:
        network: Its weights are where the mean begins.
        decay: What is kept of the mean at each step, later on.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.mean = {name: held.detach().clone() for name, held in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Take the weights of a step into account.

        Args:
            network: Has them.
            step: Which step, from 0.
        """
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, held in network.state_dict().items():
            if held.is_floating_point():
                self.mean[name].lerp_(held, 1 - decay)
            else:
                self.mean[name].copy_(held)

    def restore(self, mean: dict[str, Tensor]) -> None:
        """Go on from a mean that was kept."""
        for name, held in mean.items():
            self.mean[name].copy_(held)


@contextmanager
def averaged(network: nn.Module, average: Average | None) -> Iterator[None]:
    """Let a network have the mean of its weights for a while."""
    if average is None:
        yield
        return
    own = {name: held.detach().clone() for name, held in network.state_dict().items()}
    network.load_state_dict(average.mean)
    try:
        yield
    finally:
        network.load_state_dict(own)
