"""Upsampling by two, along time (Stoller et al. 2018, §3.2)."""

from __future__ import annotations

import torch
from torch import Tensor


def upsample(features: Tensor, share: Tensor | None, *, context: bool) -> Tensor:
    """Put a frame between each and the next.

    Without context one more follows the last frame. TensorFlow 1, which made the
    published weights, repeats the last frame for it, but pads a learned interpolation
    with zeros, like any convolution.

    Args:
        features: Feature map, (batch, width, frames).
        share: How much of the frame before goes into one between, (width, 1), in [0, 1];
            the rest is of the frame after. ``None`` is half of either, linear.
        context: End with the last frame.

    Returns:
        (batch, width, 2 * frames), or one frame less with context.
    """
    last = features[..., -1:]
    after = torch.cat(
        [features[..., 1:], last if share is None else torch.zeros_like(last)], dim=-1
    )
    between = torch.lerp(after, features, 0.5 if share is None else share)
    upsampled = torch.stack([features, between], dim=-1).flatten(-2)
    return upsampled[..., :-1] if context else upsampled
