"""Stretches of a track at the network's rate and channels, from anywhere in it."""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd

import torch
from torch import Tensor

from unmixcli.audio.format import AudioFormat
from unmixcli.audio.resample import StreamingResampler
from unmixcli.datasets.track import DatasetTrack
from unmixcli.errors import DatasetError

SETTLING = 0.05
"""Seconds before and after a stretch that the resampling filter sees."""


@dataclass(frozen=True, slots=True)
class Window:
    """Which samples of a track become a stretch at another rate.

    Both ends lie where samples of the two rates fall together, so that any stretch has the
    very samples that the whole track, resampled at once, has there.

    Attributes:
        start: First sample of the track to read.
        frames: How many to read.
        skip: Samples at the network's rate that come before the stretch.
    """

    start: int
    frames: int
    skip: int

    @classmethod
    def of(cls, start: int, frames: int, track_rate: int, rate: int) -> Window:
        """Return what to read for ``frames`` samples from ``start``, both at ``rate``."""
        if track_rate == rate:
            return cls(start, frames, 0)
        common = gcd(track_rate, rate)
        there, here = track_rate // common, rate // common
        settling = int(SETTLING * rate)
        first = (start - settling) // here
        last = -(-(start + frames + settling) // here)
        return cls(first * there, (last - first) * there, start - first * here)


def length(track: DatasetTrack, rate: int) -> int:
    """Return the samples of a track at the network's rate."""
    return -(-track.frames * rate // track.sample_rate)


def read(
    track: DatasetTrack, sources: tuple[str, ...], form: AudioFormat, start: int, frames: int
) -> Tensor:
    """Return a stretch of several sources; one that a track does not have is silent.

    Args:
        track: The track.
        sources: Names of stems, or ``mixture``.
        form: Rate and channels wanted.
        start: First sample, at that rate; may lie outside the track.
        frames: Samples wanted, at that rate.

    Returns:
        (sources, channels, frames), float32.

    Raises:
        DatasetError: A file cannot be read, or has channels that the network has no place for.
    """
    window = Window.of(start, frames, track.sample_rate, form.sample_rate)
    held = track.read_all(sources, window.start, window.frames, absent_is_silent=True)
    held = fitted(track, held, form.channels)
    if track.sample_rate == form.sample_rate:
        return held
    rows = held.flatten(0, 1)
    resampler = StreamingResampler(track.sample_rate, form.sample_rate, len(rows))
    blocks = [*resampler.stream([rows], window.skip + frames)]
    return torch.cat(blocks, dim=-1)[:, window.skip :].reshape(len(sources), -1, frames)


def fitted(track: DatasetTrack, signal: Tensor, channels: int) -> Tensor:
    """Give signals of a track, (..., channels, samples), the channels of the network.

    Raises:
        DatasetError: The network reads several channels, and the track has several others.
    """
    if track.channels == channels:
        return signal
    if channels == 1:
        return signal.mean(dim=-2, keepdim=True)
    if track.channels == 1:
        return signal.expand(*signal.shape[:-2], channels, -1)
    raise DatasetError(
        f"track '{track.name}' has {track.channels} channels, the network reads {channels}",
        hint=f"mix it down to {channels} channels, or train a network of {track.channels}",
    )
