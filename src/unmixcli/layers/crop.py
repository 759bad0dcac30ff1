"""Cropping: what is left when a valid convolution has eaten the ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def centre_crop(signal: Tensor, length: int) -> Tensor:
    """Keep the middle of a signal; of an odd excess, the extra sample goes at the right.

    Args:
        signal: Any tensor with time last, (..., samples).
        length: Samples to keep, at most as many as there are.

    Returns:
        A view, (..., length).

    Raises:
        ValueError: The signal is shorter than ``length``.
    """
    excess = signal.shape[-1] - length
    if excess < 0:
        raise ValueError(f"cannot crop {signal.shape[-1]} samples to {length}")
    return signal.narrow(-1, excess // 2, length)
