"""From float samples to the integers of a file."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unmixcli.audio.subtype import Subtype


def quantise(
    samples: NDArray[np.float32], subtype: Subtype
) -> tuple[NDArray[np.float32] | NDArray[np.int32] | NDArray[np.int16], int]:
    """Return samples as libsndfile takes them unchanged, and how many were clipped.

    Integers are rounded to the nearest here, because libsndfile truncates. Scaling by
    a power of two is exact in float32, and so is what is left of 24 bits.

    Args:
        samples: Any shape, full scale at ±1.
        subtype: How they will be stored.
    """
    if subtype is Subtype.FLOAT:
        return samples, 0
    full = float(1 << (8 * subtype.width - 1))
    scaled = np.rint(samples * np.float32(full))
    clipped = int(np.count_nonzero((scaled < -full) | (scaled > full - 1)))
    integers = np.clip(scaled, -full, full - 1).astype(np.int32)
    if subtype is Subtype.INT16:
        return integers.astype(np.int16), clipped
    return integers << 8, clipped  # libsndfile keeps the upper 24 bits of 32
