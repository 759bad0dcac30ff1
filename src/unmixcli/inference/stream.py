"""Separate a track block by block, in memory that does not grow with its length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

import torch
from torch import Tensor
from torch.nn.functional import pad

from unmixcli.errors import WeightsError
from unmixcli.inference.engine import Engine
from unmixcli.inference.overlap_add import OverlapAdder, crossfade
from unmixcli.inference.plan import Chunk

Call = tuple[Chunk, Engine, int]
"""A chunk, what predicts it, and the number of the pass it belongs to."""


class SlidingReader:
    """Random access to a moving window of a stream; zeros outside the track."""

    def __init__(self, blocks: Iterable[Tensor]) -> None:
        self._blocks = iter(blocks)
        self._held = next(self._blocks)
        self._start = 0  # track position of the first held sample

    @property
    def held(self) -> int:
        """Samples held at present."""
        return self._held.shape[-1]

    def read(self, chunk: Chunk) -> Tensor:
        """Return what a chunk reads, (channels, read_stop - read_start)."""
        start = max(chunk.read_start, chunk.seen_start)
        stop = min(chunk.read_stop, chunk.seen_stop)
        self._fill(stop)
        inside = self._held[..., max(start - self._start, 0) : max(stop - self._start, 0)]
        before = start - chunk.read_start
        return pad(inside, (before, chunk.read_stop - chunk.read_start - before - inside.shape[-1]))

    def forget(self, before: int) -> None:
        """Drop samples before track position ``before``."""
        drop = min(max(before - self._start, 0), self.held)
        if drop:
            # Cloned, so that the dropped part's memory is let go of.
            self._held = self._held[..., drop:].clone()
            self._start += drop

    def _fill(self, stop: int) -> None:
        parts, end = [self._held], self._start + self.held
        while end < stop and (block := next(self._blocks, None)) is not None:
            parts.append(block)
            end += block.shape[-1]
        if len(parts) > 1:
            self._held = torch.cat(parts, dim=-1)


def separate_stream(
    blocks: Iterable[Tensor], total: int, engines: Sequence[Engine]
) -> Iterator[Tensor]:
    """Yield consecutive estimates, (sources, channels, any length), covering the track.

    Every pass of every engine has its own overlap-adder; all advance together over
    one sliding window of the mixture, and what all have settled is averaged.

    Args:
        blocks: Consecutive mixture blocks, (channels, any length).
        total: Length of the track, in samples.
        engines: The ensemble.

    Raises:
        WeightsError: A network gives values that are not finite.
        DeviceError: A device is out of memory.
    """
    calls = _calls(total, engines)
    adders = [OverlapAdder(_fade(engine)) for engine in engines for _ in range(engine.plan.passes)]
    shares = _shares(engines)
    # Later chunks may read earlier than this one did: forget only what none reads.
    oldest = [max(chunk.read_start, chunk.seen_start) for chunk, _, _ in calls]
    needed = list(accumulate(reversed(oldest), min))[::-1]

    mixture, done, released = SlidingReader(blocks), 0, 0
    for batch in _batches(calls):
        mixture.forget(needed[done])
        estimates = batch[0][1].predict([mixture.read(chunk) for chunk, _, _ in batch])
        for (chunk, engine, number), estimate in zip(batch, estimates, strict=True):
            kept = estimate[..., chunk.offset : chunk.offset + chunk.stop - chunk.start]
            _require_finite(kept, chunk, engine)
            adders[number].add(chunk, kept)
        done += len(batch)
        until = calls[done][0].start if done < len(calls) else total
        if until > released:  # by then every pass has covered what is released
            yield _average([adder.release(until) for adder in adders], shares)
            released = until


def _calls(total: int, engines: Sequence[Engine]) -> list[Call]:
    """Return every network call in order of what it contributes to."""
    calls: list[Call] = []
    first = 0
    for engine in engines:
        calls += [
            (chunk, engine, first + chunk.number)
            for chunk in engine.plan.chunks(total, engine.draw)
        ]
        first += engine.plan.passes
    return sorted(calls, key=lambda call: call[0].start)


def _batches(calls: list[Call]) -> Iterator[list[Call]]:
    """Group neighbouring calls of one engine that read equally many samples."""
    batch: list[Call] = []
    for call in calls:
        chunk, engine, _ = call
        if batch:
            first, runner, _ = batch[0]
            alike = chunk.read_stop - chunk.read_start == first.read_stop - first.read_start
            if engine is not runner or not alike or len(batch) >= runner.batch_size:
                yield batch
                batch = []
        batch.append(call)
    yield batch


def _fade(engine: Engine) -> Tensor | None:
    schedule = engine.plan.schedule
    if schedule.segment is None or schedule.power == 0:
        return None
    return crossfade(schedule.segment, schedule.power)


def _shares(engines: Sequence[Engine]) -> Tensor | None:
    """Return each pass's weight per source, (passes, sources, 1, 1); ``None`` is a plain copy."""
    if sum(engine.plan.passes for engine in engines) == 1:
        return None
    sources = len(engines[0].network.config.sources)
    rows = [
        torch.tensor(engine.shares or (1.0,) * sources) / engine.plan.passes
        for engine in engines
        for _ in range(engine.plan.passes)
    ]
    shares = torch.stack(rows)
    return (shares / shares.sum(dim=0))[..., None, None]


def _average(settled: list[Tensor], shares: Tensor | None) -> Tensor:
    if shares is None:
        return settled[0]
    result = torch.zeros_like(settled[0])
    for estimate, share in zip(settled, shares, strict=True):
        result += share * estimate  # one at a time: no stack of all passes in memory
    return result


def _require_finite(estimate: Tensor, chunk: Chunk, engine: Engine) -> None:
    lowest, highest = estimate.aminmax()  # one pass; NaN shows in both
    if torch.isfinite(lowest) and torch.isfinite(highest):
        return
    seconds = chunk.start / engine.network.config.sample_rate
    raise WeightsError(
        f"'{engine.name}' gives values that are not finite at {seconds:.1f} s",
        hint="its weights are damaged, or the device is: run it with --device cpu",
    )
