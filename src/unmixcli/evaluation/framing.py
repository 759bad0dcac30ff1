"""The windows of a track, cut as museval cuts them."""

from __future__ import annotations

import math

from unmixcli.errors import ConfigError


def frames(length: int, window: int, hop: int) -> list[slice]:
    """Return the windows of a track.

    What is left at the end and does not fill a window belongs to none. A track no longer
    than a window is one window.

    Args:
        length: Of the track, in samples.
        window: In samples.
        hop: From the start of a window to the start of the next, in samples.
    """
    if length <= window:
        return [slice(0, length)]
    count = (length - window + hop) // hop
    return [slice(start, start + window) for start in range(0, count * hop, hop)]


def samples(seconds: float, sample_rate: int) -> int:
    """Return a length in whole samples, rounded down as museval rounds it.

    Raises:
        ConfigError: It is less than a sample.
    """
    count = math.floor(seconds * sample_rate)
    if count < 1:
        raise ConfigError(f"{seconds} s is less than one sample at {sample_rate} Hz")
    return count
