"""How loud a segment is."""

from torch import Tensor

QUIET = 1e-5
"""Added to the level of a segment: silence has one, too."""


def level_of(mixture: Tensor) -> Tensor:
    """Return the root mean square of (batch, channels, samples), over all of each item."""
    return mixture.square().mean(dim=(1, 2), keepdim=True).sqrt() + QUIET
