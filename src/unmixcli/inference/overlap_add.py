"""Cross-fade chunk estimates into one, holding only what later chunks can still change."""

import torch
from torch import Tensor
from torch.nn.functional import pad

from unmixcli.inference.plan import Chunk


def crossfade(segment: int, power: float) -> Tensor:
    """Return triangular weights, (segment,), that peak at 1 in the middle."""
    rising = torch.arange(1, segment // 2 + 1, dtype=torch.float32)
    falling = torch.arange(segment - segment // 2, 0, -1, dtype=torch.float32)
    triangle = torch.cat([rising, falling])
    return (triangle / triangle.max()) ** power


class OverlapAdder:
    """Sums weighted estimates; releases samples that no later chunk covers.

    Args:
        weights: Cross-fade, (segment,); ``None`` weights all samples alike.
    """

    def __init__(self, weights: Tensor | None) -> None:
        self._weights = weights
        self._start = 0  # track position of the first held sample
        self._sum: Tensor | None = None  # weighted estimates, (sources, channels, held)
        self._total = torch.zeros(0)  # what the weights add up to, (held,)

    @property
    def held(self) -> int:
        """Samples held at present."""
        return self._total.shape[-1]

    def add(self, chunk: Chunk, estimate: Tensor) -> None:
        """Add an estimate, (sources, channels, chunk.stop - chunk.start)."""
        if self._sum is None:
            self._sum = estimate.new_zeros(*estimate.shape[:-1], 0)
        missing = max(chunk.stop - self._start - self.held, 0)
        self._sum, self._total = pad(self._sum, (0, missing)), pad(self._total, (0, missing))

        held = slice(chunk.start - self._start, chunk.stop - self._start)
        if self._weights is None:
            self._sum[..., held] += estimate
            self._total[held] += 1
        else:
            weights = self._weights[chunk.fade : chunk.fade + estimate.shape[-1]]
            self._sum[..., held] += weights * estimate
            self._total[held] += weights

    def release(self, until: int) -> Tensor:
        """Return every held sample before track position ``until``."""
        if self._sum is None:
            raise RuntimeError("nothing was added yet")  # a bug of the caller, not of the input
        count = until - self._start
        settled = self._sum[..., :count] / self._total[:count]
        # Cloned, so that the released part's memory is let go of.
        self._sum, self._total = self._sum[..., count:].clone(), self._total[count:].clone()
        self._start = until
        return settled
