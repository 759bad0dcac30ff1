r"""Resampling by a ratio of small integers inside a network.

A windowed sinc in the form of Smith, "Digital Audio Resampling" (CCRMA), with the
constants of the julius package, which Demucs was trained with: 24 zero crossings
either side, a squared-cosine window, cut off at 0.945 of the lower Nyquist frequency.

Resampling by new/old is linear and repeats every ``old`` input samples, so many
periods are one matrix, and the whole signal is one product with that matrix:

    input    ····[ reach | old | old | old | ... | reach ]····
                      \______ x kernel (taps, block * new) ______ block * new outputs
"""

from __future__ import annotations

from functools import lru_cache
from math import ceil, gcd, pi

import torch
import torch.nn.functional as F
from torch import Tensor

ZEROS = 24
ROLLOFF = 0.945
_BLOCK_OUTPUTS = 64  # outputs per row of the product: the fastest on CPU for 1:2 and 2:1


def resample(signal: Tensor, old: int, new: int) -> Tensor:
    """Resample by new/old, as if the first and last samples lasted for ever.

    Args:
        signal: Any tensor with time last, (..., samples).
        old: Rate of the signal; only the ratio to ``new`` matters.
        new: Rate wanted.

    Returns:
        The same signal at the new rate, (..., floor(samples * new / old)).
    """
    divisor = gcd(old, new)
    old, new = old // divisor, new // divisor
    if old == new:
        return signal
    samples = signal.shape[-1]
    wanted = samples * new // old
    block = max(1, _BLOCK_OUTPUTS // new)
    kernel = _kernel(old, new, block, signal.dtype, signal.device)

    rows = max(1, ceil(wanted / (block * new)))
    step = block * old
    reach = _reach(old, new)
    missing = (rows - 1) * step + kernel.shape[0] - samples - reach
    padded = F.pad(signal.reshape(1, -1, samples), (reach, max(0, missing)), mode="replicate")
    periods = padded[0].unfold(-1, kernel.shape[0], step)[:, :rows]
    resampled = (periods @ kernel).flatten(1)[:, :wanted]
    return resampled.reshape(*signal.shape[:-1], wanted)


def _reach(old: int, new: int) -> int:
    """Return how many input samples either side an output depends on."""
    return ceil(ZEROS * old / (min(old, new) * ROLLOFF))


@lru_cache(maxsize=16)
@torch.inference_mode(mode=False)  # a cached inference tensor could never be trained through
def _kernel(old: int, new: int, block: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return the matrix of ``block`` periods, (taps, block * new)."""
    reach = _reach(old, new)
    taps = 2 * reach + old
    cutoff = min(old, new) * ROLLOFF
    wide, cpu = torch.float64, torch.device("cpu")
    position = torch.arange(-reach, reach + old, dtype=wide, device=cpu) / old
    phase = torch.arange(new, dtype=wide, device=cpu) / new
    crossing = ((position[None] - phase[:, None]) * cutoff).clamp(-ZEROS, ZEROS)
    period = torch.sinc(crossing) * (crossing * pi / (2 * ZEROS)).cos() ** 2
    period = period / period.sum(dim=1, keepdim=True)

    kernel = torch.zeros(taps + (block - 1) * old, block, new, dtype=wide, device=cpu)
    for index in range(block):
        kernel[index * old : index * old + taps, index] = period.T
    return kernel.flatten(1).to(dtype=dtype, device=device)
