"""Batches, read ahead by threads, in an order that no thread has a say in.

Decoding and resampling leave Python's lock, so that threads serve; processes would cost
memory for each, and could not be started once torch computes. What is held is what was
read ahead, whatever the size of the data set.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as Late
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from unmixcli.errors import DatasetError
from unmixcli.training.distributed import Job
from unmixcli.training.examples import Example, Reader
from unmixcli.training.readers import Readers

AHEAD = 2
"""Batches that are read before they are asked for."""

PATIENCE = 600.0
"""Seconds after which a read that does not end is an error: a disk that has gone."""

MOST_FAILED = 0.01
"""Share of the stretches that may be unreadable."""

FORGIVEN = 5
"""So many always may: of few stretches, one is more than a hundredth."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Examples of one step, or this device's share of them.

    Attributes:
        names: Track of each.
        stems: (examples, sources, channels, samples).
        mixture: The tracks' own, (examples, channels, samples), if they are read.
        labels: (examples, labels).
        failures: What could not be read for it.
    """

    names: tuple[str, ...]
    stems: Tensor
    mixture: Tensor | None
    labels: Tensor
    failures: tuple[str, ...]

    @classmethod
    def of(cls, examples: Sequence[Example]) -> Batch:
        """Stack examples."""
        own = [example.mixture for example in examples if example.mixture is not None]
        return cls(
            names=tuple(example.name for example in examples),
            stems=torch.stack([example.stems for example in examples]),
            mixture=torch.stack(own) if own else None,
            labels=torch.stack([example.labels for example in examples]),
            failures=tuple(failure for example in examples for failure in example.failures),
        )

    def parts(self, size: int) -> Iterator[Batch]:
        """Yield the batch in parts of so many examples."""
        for start in range(0, len(self.names), size):
            some = slice(start, start + size)
            yield Batch(
                names=self.names[some],
                stems=self.stems[some],
                mixture=None if self.mixture is None else self.mixture[some],
                labels=self.labels[some],
                failures=self.failures if start == 0 else (),
            )


@dataclass(frozen=True, kw_only=True)
class Feeder:
    """Reads a device's share of every batch.

    Attributes:
        reader: Reads an example.
        job: This process's place among those that share each batch.
        workers: Threads that read.
    """

    reader: Reader
    job: Job
    workers: int = 2

    def batches(self, epoch: int, first: int, stop: int, batch_size: int) -> Iterator[Batch]:
        """Yield batches ``first`` to ``stop - 1`` of an epoch.

        Args:
            epoch: From 0.
            first: First batch.
            stop: One past the last.
            batch_size: Examples of a batch over all devices.

        Raises:
            DatasetError: Nothing can be read any more.
        """
        share = batch_size // self.job.world
        readers: Readers[Example] = Readers(self.workers)
        waiting: deque[dict[int, Future[Example]]] = deque()
        try:
            for step in range(first, stop):
                start = step * batch_size + self.job.rank * share
                waiting.append(
                    {
                        number: readers.submit(partial(self.reader.example, epoch, number))
                        for number in range(start, start + share)
                    }
                )
                if len(waiting) > AHEAD:
                    yield self._arrived(epoch, waiting.popleft())
            while waiting:
                yield self._arrived(epoch, waiting.popleft())
        finally:
            readers.close()

    def _arrived(self, epoch: int, reads: Mapping[int, Future[Example]]) -> Batch:
        """Return a batch when all of it has been read: by number of the example."""
        examples = []
        for number, read in reads.items():
            try:
                examples.append(read.result(timeout=PATIENCE))
            except Late as error:
                track = self.reader.tracks[self.reader.sampler.segment_of(epoch, number).track]
                raise DatasetError(
                    f"track '{track.name}': a read has not ended for {PATIENCE:.0f} s",
                    hint="see whether the disk still answers, then go on with --resume",
                ) from error
        return Batch.of(examples)


@dataclass
class Failures:
    """What could not be read in a run, and when that is too much.

    Attributes:
        read: Examples so far.
        failed: Stretches that could not be read.
        kinds: One message for each different reason.
    """

    read: int = 0
    failed: int = 0
    kinds: set[str] = field(default_factory=set)

    def count(self, batch: Batch) -> list[str]:
        """Take a batch into account, and return the messages that are new.

        Raises:
            DatasetError: More than a hundredth of what was tried could not be read.
        """
        self.read += len(batch.names)
        self.failed += len(batch.failures)
        new = [f for f in dict.fromkeys(batch.failures) if f not in self.kinds]
        self.kinds.update(new)
        tried = self.read + self.failed
        if self.failed > max(FORGIVEN, MOST_FAILED * tried):
            raise DatasetError(
                f"{self.failed} of {tried} stretches could not be read, the last: "
                f"{batch.failures[-1] if batch.failures else max(self.kinds)}",
                hint="repair or remove what is named, then go on with --resume",
            )
        return new
