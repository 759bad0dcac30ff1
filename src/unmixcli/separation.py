"""Separate a track: a file in, stems out.

One line, each step an iterator over blocks, nothing turns back::

    file → decode → channels → resample → normalise → cut (+ shifts) → network
         → overlap-add → denormalise → channels → resample → write
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unmixcli.audio.blocks import rechunk
from unmixcli.audio.channels import check_channels
from unmixcli.audio.conversion import Conversion
from unmixcli.audio.encoding.outputs import require_apart
from unmixcli.audio.format import AudioFormat
from unmixcli.audio.level import UNIT_LEVEL, measure
from unmixcli.audio.reader import AudioReader
from unmixcli.audio.track import UNNAMED, TensorTrack, Track
from unmixcli.audio.writer import StemWriter
from unmixcli.errors import ConfigError
from unmixcli.inference.device import resolve
from unmixcli.inference.engine import Engine
from unmixcli.inference.plan import ChunkPlan, seamless
from unmixcli.inference.shifts import seeded
from unmixcli.inference.stream import separate_stream
from unmixcli.inference.threads import threads
from unmixcli.progress import Progress, cancellable, reported
from unmixcli.report import SeparationReport
from unmixcli.schedule import Normalise, Schedule
from unmixcli.selection import Selection
from unmixcli.settings import Chunking, Output, Settings
from unmixcli.weights import loader

SMALL = 8_000_000
"""Weights below which a network runs on one thread: on a busy computer a second thread
made the embedded model ten times slower, and on an idle one it costs a third more."""


class Separator:
    """A model ready to separate tracks.

    Args:
        model: A loaded model.
        settings: How to run it.

    Raises:
        ConfigError: The model cannot be run that way.
        DeviceError: The device is absent.
    """

    def __init__(self, model: loader.Model, settings: Settings | None = None) -> None:
        self.model = model
        self.settings = settings or Settings()
        self.device = resolve(self.settings.device)
        self.schedule = _schedule(model, self.settings)
        few = 1 if model.weights < SMALL else torch.get_num_threads()
        self.threads = self.settings.threads or few
        model.to(self.device)

    @classmethod
    def from_manifest(
        cls, name: str | PathLike[str] = loader.DEFAULT, **settings: Any
    ) -> Separator:
        """Load a model by its name in the manifest, or from a native file.

        Args:
            name: A name of the manifest, or the path of a ``.safetensors`` file.
            **settings: Fields of :class:`Settings`, such as ``shifts=2, device="cpu"``.
        """
        return cls(loader.load(name), Settings(**settings))

    @property
    def sources(self) -> tuple[str, ...]:
        """What the model separates, in order."""
        return self.model.config.sources

    @property
    def format(self) -> AudioFormat:
        """Rate and channels that the model reads."""
        return AudioFormat(self.model.config.sample_rate, self.model.config.channels)

    def separate_file(
        self,
        track: str | PathLike[str],
        folder: str | PathLike[str],
        *,
        selection: Selection | None = None,
        output: Output | None = None,
        start: float = 0.0,
        duration: float | None = None,
        progress: Progress | None = None,
        cancel: Event | None = None,
    ) -> SeparationReport:
        """Write ``folder/<stem>.wav``, at the track's own rate, channels and length.

        Args:
            track: File to read.
            folder: Folder of the stems themselves; made if need be.
            selection: Which stems; all by default.
            output: How to write them.
            start: Where in the track to begin, in seconds.
            duration: How much of it to take, in seconds; ``None`` is all.
            progress: Told of every block written.
            cancel: Set it, from another thread or from ``progress``, to stop.

        Raises:
            UsageError: The model has no such source, or the window is no stretch of time.
            AudioError: The track cannot be read to its end.
            OutputError: A stem cannot be written, or exists.
            DeviceError: The device is out of memory.
            WeightsError: The network gives values that are not finite.
            Cancelled: ``cancel`` was set; nothing is left behind.
        """
        track, output, selection = Path(track), output or Output(), selection or Selection()
        began = time.monotonic()
        # One thread but for the network: on blocks of a second more only wait for each other.
        with (
            threads(1),
            AudioReader(track, start=start, duration=duration) as reader,
            StemWriter(
                Path(folder),
                selection.names(self.sources),
                reader.format,
                reader.frames,
                subtype=output.subtype,
                overwrite=output.overwrite,
            ) as writer,
        ):
            require_apart([track], writer.paths.values())
            check_channels(track, reader.format.channels, self.model.config.channels)
            stems = self.stream(reader, selection, cancel)
            for block in reported(stems, reader.frames, progress):
                writer.write(block)
        return SeparationReport(
            track=track,
            stems=dict(writer.paths),
            format=reader.format,
            frames=reader.frames,
            clipped=dict(writer.clipped),
            seconds=time.monotonic() - began,
        )

    def separate(
        self,
        mixture: Tensor | NDArray[np.floating[Any]],
        sample_rate: int,
        *,
        selection: Selection | None = None,
        progress: Progress | None = None,
        cancel: Event | None = None,
    ) -> dict[str, Tensor]:
        """Return the estimates of a mixture in memory, at its own rate.

        Args:
            mixture: (channels, samples), floats.
            sample_rate: Its rate, in Hz.
            selection: Which stems; all by default.
            progress: Told of every block.
            cancel: Set it to stop.

        Returns:
            By stem, (channels, samples), float32.

        Raises:
            UsageError: The model has no such source.
            AudioError: The mixture is empty, not finite, or has channels that the
                model cannot read.
            DeviceError: The device is out of memory.
            WeightsError: The network gives values that are not finite.
            Cancelled: ``cancel`` was set.
        """
        track = TensorTrack.of(mixture, sample_rate)
        selection = selection or Selection()
        check_channels(UNNAMED, track.format.channels, self.model.config.channels)
        with threads(1):
            stems = self.stream(track, selection, cancel)
            estimates = torch.cat([*reported(stems, track.frames, progress)], dim=-1)
        return dict(zip(selection.names(self.sources), estimates, strict=True))

    def stream(
        self, track: Track, selection: Selection, cancel: Event | None = None
    ) -> Iterator[Tensor]:
        """Yield the chosen stems of a track, (stems, channels, any length).

        Two things need a pass of their own over the track: its level, where the model
        wants that, and what is left of it beside a stem.
        """
        track = cancellable(track, cancel)
        rows = selection.rows(self.sources)
        conversion = Conversion(track.format, self.format)
        total = conversion.length(track.frames)

        def mixture() -> Iterator[Tensor]:
            return conversion.inward(track.blocks(), total)

        level = measure(mixture()) if self.schedule.normalise is Normalise.TRACK else UNIT_LEVEL
        estimates = separate_stream(level.apply(mixture()), total, self.engines(cancel))
        chosen = (block[rows] for block in level.undo(estimates))
        stems = conversion.outward(chosen, len(rows), track.frames)
        return _with_complement(stems, track) if selection.complement else stems

    def engines(self, cancel: Event | None = None) -> Sequence[Engine]:
        """Return what runs the model, with shift offsets drawn from the seed anew."""
        network = self.model.network
        return [
            Engine(
                name=self.model.name,
                network=network,
                plan=ChunkPlan(geometry=network.geometry, schedule=self.schedule),
                draw=seeded(self.schedule, self.settings.seed),
                device=self.device,
                batch_size=self.settings.batch_size,
                threads=self.threads,
                cancel=cancel,
            )
        ]


def _schedule(model: loader.Model, settings: Settings) -> Schedule:
    """Return the model's schedule with the user's changes."""
    schedule = model.schedule
    if settings.segment is not None:
        samples = max(round(settings.segment * model.config.sample_rate), 1)
        schedule = replace(schedule, segment=samples)
    if settings.chunking is Chunking.SEAMLESS:
        if settings.shifts or settings.overlap:
            raise ConfigError(
                "seamless chunks need neither shifts nor overlap",
                hint="leave out --shifts and --overlap, or '--chunking seamless'",
            )
        return seamless(model.network, schedule, model.name)
    if settings.overlap is not None:
        schedule = replace(schedule, overlap=settings.overlap)
    if settings.shifts is not None:
        schedule = replace(schedule, shifts=settings.shifts)
    return schedule


def _with_complement(estimates: Iterator[Tensor], track: Track) -> Iterator[Tensor]:
    """Add what is left of the mixture, so that all sum to the file, to float rounding."""
    for estimate, mixture in zip(rechunk(estimates), rechunk(track.blocks()), strict=True):
        yield torch.cat([estimate, (mixture - estimate.sum(dim=0))[None]])
