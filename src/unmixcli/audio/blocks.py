"""A stream of samples cut at fixed places, however it arrived."""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

BLOCK = 65_536
"""Samples per block: 1.5 s at 44.1 kHz, half a megabyte of stereo float32."""


def rechunk(blocks: Iterable[Tensor], frames: int = BLOCK) -> Iterator[Tensor]:
    """Re-cut a stream, so that later arithmetic does not depend on how it arrived.

    Args:
        blocks: Consecutive blocks, (..., any length); empty ones are allowed.
        frames: Samples per block wanted, at least 1.

    Yields:
        Blocks of exactly ``frames`` samples, the last one shorter.
    """
    if frames < 1:
        raise ValueError(f"a block needs at least one sample, got {frames}")
    held: list[Tensor] = []  # joined once per block: no quadratic concatenation
    missing = frames
    for block in blocks:
        start = 0
        while block.shape[-1] - start >= missing:
            held.append(block[..., start : start + missing])
            yield _join(held)
            start += missing
            held, missing = [], frames
        if start < block.shape[-1]:
            held.append(block[..., start:])
            missing -= block.shape[-1] - start
    if held:
        yield _join(held)


def with_rest(estimates: Iterable[Tensor], mixture: Iterable[Tensor]) -> Iterator[Tensor]:
    """Add what estimates leave of their mixture, so that all sum to it, to float rounding.

    Args:
        estimates: Blocks, (stems, channels, any length).
        mixture: Blocks of the same track, (channels, any length).
    """
    for block, whole in zip(rechunk(estimates), rechunk(mixture), strict=True):
        yield torch.cat([block, (whole - block.sum(dim=0))[None]])


def _join(parts: list[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=-1)
