"""Where a track is cut, what each cut reads, and how the cuts overlap.

One rule serves every network. To predict ``length`` samples from ``start``, read
``geometry(length).input_length`` samples centred on them. For valid convolutions
that is their context; for Demucs it is real audio in place of zero padding; for a
fixed-length transformer it is the whole training segment.

The shift trick ("randomized equivariant stabilization", Défossez et al. 2019) only
moves what is read. Drawn for the track, the whole grid starts up to ``max_shift``
before it; drawn in a chunk, the chunk is run again from an earlier start::

    track      |-----------------------------------|
    chunk               |=========|
    one run        |....=========|                  starts max_shift - offset earlier
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from unmixcli.errors import ConfigError
from unmixcli.network import Cuttable, Geometry
from unmixcli.schedule import Context, Schedule, ShiftScope, Tail

Draw = Callable[[int], Sequence[int]]
"""Returns so many shift offsets, each in 0..max_shift; see :mod:`.shifts`."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """One network call. Positions count samples of the track; reads may fall outside it.

    Attributes:
        start: First sample this chunk contributes to.
        stop: One past the last.
        read_start: First sample the network reads.
        read_stop: One past the last.
        seen_start: Before this position it reads zeros.
        seen_stop: From this position on it reads zeros.
        offset: Where ``start`` lies in the network's output.
        fade: Where ``start`` lies in the cross-fade.
        number: Which of the passes over the whole track it belongs to.
    """

    start: int
    stop: int
    read_start: int
    read_stop: int
    seen_start: int
    seen_stop: int
    offset: int
    fade: int
    number: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkPlan:
    """A schedule bound to a network: cuts a track of any length.

    Attributes:
        geometry: Samples read and predicted, given how many are wanted.
        schedule: How to cut.
    """

    geometry: Callable[[int], Geometry]
    schedule: Schedule

    @property
    def passes(self) -> int:
        """How many independent passes over the track are averaged."""
        return max(self.schedule.shifts, 1) if self._shifts_track else 1

    @property
    def _shifts_track(self) -> bool:
        return self.schedule.shift_scope is ShiftScope.TRACK

    def chunks(self, total: int, draw: Draw) -> Iterator[Chunk]:
        """Yield chunks that predict every sample of a track, pass after pass.

        Args:
            total: Length of the track, in samples.
            draw: Gives the shift offsets, in the order the published code draws them.
        """
        schedule = self.schedule
        if not schedule.shifts:
            yield from self._pass(total, shift=0, draw=None)
        elif self._shifts_track:
            for number, offset in enumerate(draw(schedule.shifts)):
                for chunk in self._pass(total, shift=schedule.max_shift - offset, draw=None):
                    yield replace(chunk, number=number)
        else:
            yield from self._pass(total, shift=0, draw=draw)

    def _pass(self, total: int, *, shift: int, draw: Draw | None) -> Iterator[Chunk]:
        """Yield the chunks of a grid that begins ``shift`` samples before the track."""
        for start, length, stop in self._grid(total, shift):
            for run_start, run_length in self._runs(start, length, draw):
                chunk = self._chunk(start, length, run_start, run_length, total, draw is not None)
                chunk = replace(chunk, stop=min(chunk.stop, stop))
                if chunk.stop > chunk.start:
                    yield chunk

    def _grid(self, total: int, shift: int) -> Iterator[tuple[int, int, int]]:
        """Yield start and length of each chunk, and where it stops contributing."""
        segment, tail = self.schedule.segment, self.schedule.tail
        if segment is None:
            yield -shift, total + shift, total
            return
        # What is predicted of the silence is dropped again: chunks end with the track.
        total = max(total, self.schedule.least)
        hop = max(int((1 - self.schedule.overlap) * segment), 1)
        first = -shift - (-self.schedule.origin % hop)
        last = max(total - segment, first)
        for start in range(first, total, hop):
            if start + segment <= total or tail is Tail.PAD:
                # A chunk that the moved last one replaces contributes only up to it.
                replaced = tail is Tail.SHIFT and start + segment < total and start + hop > last
                yield start, segment, max(start, last) if replaced else total
            elif tail is Tail.SHORTEN:
                yield start, total - start, total
            else:
                yield last, segment, total
                return

    def _runs(self, start: int, length: int, draw: Draw | None) -> Iterator[tuple[int, int]]:
        """Yield start and length of each network run that predicts one chunk."""
        if draw is None:
            yield start, length
            return
        most = self.schedule.max_shift
        for offset in draw(self.schedule.shifts):
            earlier = most - offset
            fixed = self.schedule.shift_scope is ShiftScope.WINDOW
            yield start - earlier, length + (most if fixed else earlier)

    def _chunk(
        self, start: int, length: int, run_start: int, run_length: int, total: int, shifted: bool
    ) -> Chunk:
        geometry = self.geometry(run_length + 2 * self.schedule.margin)
        if geometry.output_length < run_length:
            raise ConfigError(
                f"a network that predicts {geometry.output_length} samples cannot fill a "
                f"segment of {run_length}"
            )
        read_start = run_start - (geometry.input_length - run_length) // 2
        predicted_start = run_start - (geometry.output_length - run_length) // 2
        seen_start, seen_stop = 0, total
        if self.schedule.context is Context.ZEROS:
            seen_start, seen_stop = start, start + length
        elif shifted:  # a shifted chunk sees as far as it may move, and no further
            seen_start = start - self.schedule.max_shift
            seen_stop = start + length + self.schedule.max_shift
        first = max(start, 0)
        return Chunk(
            start=first,
            stop=min(start + length, total),
            read_start=read_start,
            read_stop=read_start + geometry.input_length,
            seen_start=max(seen_start, 0),
            seen_stop=min(seen_stop, total),
            offset=first - predicted_start,
            fade=first - start,
        )


def seamless(network: Cuttable, schedule: Schedule, name: str) -> Schedule:
    """Return the schedule whose stitched result equals one long pass.

    Chunks start at multiples of the network's alignment, read their whole context,
    predict a margin where the network's edges depend on its input's ends, and join
    without a cross-fade.

    Args:
        network: The network to cut for.
        schedule: Its published schedule, for segment and normalisation.
        name: The model's name, for the error.

    Raises:
        ConfigError: The network's outputs depend on the whole input.
    """
    if network.alignment is None:
        raise ConfigError(
            f"'{name}' cannot be cut seamlessly: each of its outputs depends on the whole segment",
            hint="leave out '--chunking seamless'; the official schedule cross-fades",
        )
    segment = schedule.segment or network.alignment
    segment = max(segment // network.alignment, 1) * network.alignment
    return replace(
        schedule,
        segment=segment,
        overlap=0.0,
        power=0.0,
        origin=0,
        margin=network.geometry(segment).edge,
        least=0,
        tail=Tail.PAD,
        context=Context.NEIGHBOURS,
        shifts=0,
    )
