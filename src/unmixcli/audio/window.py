"""Samples from anywhere in a file, as many as asked for, without the rest of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from unmixcli.audio.reader import AudioReader
from unmixcli.audio.track import Track


def read_window(path: Path, start: int, frames: int) -> Tensor:
    """Return a stretch of a file; what lies before its start or behind its end is silence.

    A file is opened for each call and closed again, so that any number of them can be read
    in any order. WAV, FLAC and their like are read from ``start`` on; MP3 and Ogg, whose
    decoders cannot go to a sample, are decoded up to it.

    Args:
        path: The file.
        start: First sample; may be negative or behind the end.
        frames: Samples per channel, at least 1.

    Returns:
        (channels, frames), float32; the samples that :class:`AudioReader` gives.

    Raises:
        AudioError: The file cannot be read there.
    """
    with AudioReader(path) as whole:
        rate, channels, length = whole.format.sample_rate, whole.format.channels, whole.frames
    first, stop = inside(start, frames, length)
    if first >= stop:
        return torch.zeros(channels, frames)
    # Seconds are exact here: a count of samples over a rate, times it, rounds to the count.
    with AudioReader(path, start=first / rate, duration=(stop - first) / rate) as reader:
        blocks = list(reader.blocks(stop - first))
    return extended(torch.cat(blocks, dim=-1), first - start, frames)


def cut_window(track: Track, start: int, frames: int) -> Tensor:
    """Return the same of a track that can only be read from its start."""
    first, stop = inside(start, frames, track.frames)
    if first >= stop:
        return torch.zeros(track.format.channels, frames)
    return extended(torch.cat([*_between(track, first, stop)], dim=-1), first - start, frames)


def inside(start: int, frames: int, length: int) -> tuple[int, int]:
    """Return what of a window lies within a file of ``length`` samples; may be nothing."""
    if frames < 1:
        raise ValueError(f"a window needs at least one sample, got {frames}")
    return max(start, 0), min(start + frames, length)


def extended(samples: Tensor, before: int, frames: int) -> Tensor:
    """Return ``frames`` samples: zeros, the ones given, and zeros again."""
    if samples.shape[-1] == frames:
        return samples
    window = samples.new_zeros(*samples.shape[:-1], frames)
    window[..., before : before + samples.shape[-1]] = samples
    return window


def _between(track: Track, first: int, stop: int) -> Iterator[Tensor]:
    position = 0
    for block in track.blocks():
        end = position + block.shape[-1]
        if end > first:
            yield block[..., max(first - position, 0) : stop - position]
        if end >= stop:
            return
        position = end
