"""The published ``apply_model``, restated plainly: the whole track and every chunk in memory.

An oracle for the streaming engine, independent of it: it shares no code with
``unmixcli.inference``, and every position is an index into the whole track.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from unmixcli.network import Network
from unmixcli.schedule import Context, Schedule, ShiftScope, Tail

Read = Callable[[int, int], Tensor]


def window(signal: Tensor, first: int = 0) -> Read:
    """Let a signal be read anywhere; zeros outside it. It begins at position ``first``."""

    def read(start: int, stop: int) -> Tensor:
        out = signal.new_zeros(*signal.shape[:-1], stop - start)
        low, high = max(start, first), min(stop, first + signal.shape[-1])
        if high > low:
            out[..., low - start : high - start] = signal[..., low - first : high - first]
        return out

    return read


def predict(network: Network, read: Read, start: int, length: int) -> Tensor:
    """Run the network so that its centred output is ``length`` samples from ``start``."""
    wanted = network.geometry(length).input_length
    begin = start - (wanted - length) // 2
    with torch.inference_mode():
        output = network(read(begin, begin + wanted)[None])[0]
    cut = (output.shape[-1] - length) // 2
    return output[..., cut : cut + length]


def chunked(
    network: Network, read: Read, start: int, stop: int, schedule: Schedule, offsets: Iterator[int]
) -> Tensor:
    """Cut [start, stop) into chunks that end with it, and add them up with fading weights."""
    if schedule.segment is None:
        return shifted(network, read, start, stop - start, schedule, offsets)
    segment = schedule.segment
    half = segment // 2
    rise = torch.cat([torch.arange(1, half + 1), torch.arange(segment - half, 0, -1)]).float()
    weight = (rise / rise.max()) ** schedule.power
    total, estimate = torch.zeros(stop - start), None
    hop = int((1 - schedule.overlap) * segment)
    for begin in range(start - (-schedule.origin % hop), stop, hop):
        moved = schedule.tail is Tail.SHIFT and begin + segment > stop
        begin = max(stop - segment, start) if moved else begin  # noqa: PLW2901
        length = min(segment, stop - begin) if schedule.tail is Tail.SHORTEN else segment
        chunk = shifted(network, read, begin, length, schedule, offsets)
        if estimate is None:
            estimate = torch.zeros(*chunk.shape[:-1], stop - start)
        low, high = max(begin, start), min(begin + length, stop)
        at, inside = slice(low - start, high - start), slice(low - begin, high - begin)
        if moved:  # what the last chunk predicts replaces what others did
            estimate[..., at], total[at] = 0, 0
        estimate[..., at] += weight[inside] * chunk[..., inside]
        total[at] += weight[inside]
    assert estimate is not None
    return estimate / total


def shifted(
    network: Network,
    read: Read,
    start: int,
    length: int,
    schedule: Schedule,
    offsets: Iterator[int],
) -> Tensor:
    """Predict one chunk, as the mean of shifted runs where shifts are drawn per chunk."""
    most = schedule.max_shift
    if schedule.context is Context.ZEROS:
        read = window(read(start, start + length), start)
    if not schedule.shifts or schedule.shift_scope is ShiftScope.TRACK:
        return predict(network, read, start, length)
    padded = window(read(start - most, start + length + most), start - most)
    runs = []
    for _ in range(schedule.shifts):
        earlier = most - next(offsets)
        extra = most if schedule.shift_scope is ShiftScope.WINDOW else earlier
        run = predict(network, padded, start - earlier, length + extra)
        runs.append(run[..., earlier : earlier + length])
    return torch.stack(runs).mean(dim=0)


def separate(
    network: Network, mixture: Tensor, schedule: Schedule, offsets: Iterator[int]
) -> Tensor:
    """Return the estimates of a whole mixture, (sources, channels, samples)."""
    total = mixture.shape[-1]
    read = window(mixture)
    if not schedule.shifts or schedule.shift_scope is not ShiftScope.TRACK:
        return chunked(network, read, 0, total, schedule, offsets)
    passes = []
    for _ in range(schedule.shifts):
        begin = next(offsets) - schedule.max_shift
        passes.append(chunked(network, read, begin, total, schedule, offsets)[..., -begin:])
    return torch.stack(passes).mean(dim=0)
