"""Separate a track: a file in, stems out.

One line, each step an iterator over blocks, nothing turns back::

    file → decode → channels → resample → normalise → cut (+ shifts) → network
         → overlap-add → denormalise → channels → resample → write
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unmixcli.activity import Activity, Meter
from unmixcli.audio.blocks import with_rest
from unmixcli.audio.channels import check_channels
from unmixcli.audio.conversion import Conversion
from unmixcli.audio.encoding.outputs import require_apart
from unmixcli.audio.format import AudioFormat
from unmixcli.audio.level import UNIT_LEVEL, measure
from unmixcli.audio.reader import AudioReader
from unmixcli.audio.track import UNNAMED, TensorTrack, Track
from unmixcli.audio.writer import StemWriter
from unmixcli.cutting import chosen_schedule
from unmixcli.inference.device import resolve
from unmixcli.inference.engine import Engine
from unmixcli.inference.plan import ChunkPlan
from unmixcli.inference.shifts import seeded
from unmixcli.inference.stream import separate_stream
from unmixcli.inference.threads import threads
from unmixcli.progress import Progress, cancellable, reported
from unmixcli.report import SeparationReport
from unmixcli.schedule import Normalise
from unmixcli.selection import Chosen, Selection
from unmixcli.settings import Output, Settings
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
        self.schedule = chosen_schedule(model, self.settings)
        few = 1 if model.weights < SMALL else torch.get_num_threads()
        self.threads = self.settings.threads or few
        model.to(self.device)

    @classmethod
    def from_manifest(
        cls,
        name: str | PathLike[str] = loader.DEFAULT,
        *,
        licence_policy: str | None = None,
        **settings: Any,
    ) -> Separator:
        """Load a model by its name, or from a native file.

        Args:
            name: A model's name, or the path of a ``.safetensors`` file.
            licence_policy: ``any`` or ``permissive``; by default as the environment says.
            **settings: Fields of :class:`Settings`, such as ``shifts=2, device="cpu"``.
        """
        return cls(loader.load(name, policy=licence_policy), Settings(**settings))

    @property
    def sources(self) -> tuple[str, ...]:
        """What the model separates, in order."""
        return self.model.config.sources

    @property
    def labels(self) -> tuple[str, ...]:
        """What the model can be told, in order; empty for a model that takes no labels."""
        return self.model.labels

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
            selection: Which stems, and what the model is told; all and nothing by default.
            output: How to write them.
            start: Where in the track to begin, in seconds.
            duration: How much of it to take, in seconds; ``None`` is all.
            progress: Told of every block written.
            cancel: Set it, from another thread or from ``progress``, to stop.

        Raises:
            UsageError: The model has no such source or lacks its labels, or the window is none.
            AudioError: The track cannot be read to its end.
            OutputError: A stem cannot be written, or exists.
            DeviceError: The device is out of memory.
            WeightsError: The network gives values that are not finite.
            Cancelled: ``cancel`` was set; nothing is left behind.
        """
        began, selection, output = time.monotonic(), selection or Selection(), output or Output()
        track, chosen = Path(track), selection.of(self.sources, self.labels)
        # One thread but for the network: on blocks of a second more only wait for each other.
        with (
            threads(1),
            AudioReader(track, start=start, duration=duration) as reader,
            StemWriter(
                Path(folder),
                chosen.stems,
                reader.format,
                reader.frames,
                subtype=output.subtype,
                overwrite=output.overwrite,
            ) as writer,
        ):
            require_apart([track], writer.paths.values())
            check_channels(track, reader.format.channels, self.model.config.channels)
            stems = self.stream(reader, selection, cancel)
            activity = _write(writer, reported(stems, reader.frames, progress), reader, chosen)
        return SeparationReport(
            track=track,
            stems=dict(writer.paths),
            format=reader.format,
            frames=reader.frames,
            clipped=dict(writer.clipped),
            chosen=chosen,
            activity=activity,
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
            selection: Which stems, and what the model is told; all and nothing by default.
            progress: Told of every block.
            cancel: Set it to stop.

        Returns:
            By stem, (channels, samples), float32; without those below the threshold of the
            selection.

        Raises:
            UsageError: The model has no such source or lacks its labels.
            AudioError: The mixture is empty, not finite, or has channels that the
                model cannot read.
            DeviceError: The device is out of memory.
            WeightsError: The network gives values that are not finite.
            Cancelled: ``cancel`` was set.
        """
        track = TensorTrack.of(mixture, sample_rate)
        selection = selection or Selection()
        chosen = selection.of(self.sources, self.labels)
        meter = Meter(chosen.names, chosen.threshold)
        check_channels(UNNAMED, track.format.channels, self.model.config.channels)
        with threads(1):
            stems = meter.watch(self.stream(track, selection, cancel))
            whole = torch.cat([*reported(stems, track.frames, progress)], dim=-1)
            activity = meter.read(track.blocks())
        estimates = dict(zip(chosen.stems, whole, strict=True))
        for stem in activity.dropped if activity else ():
            inactive = estimates.pop(stem)
            if chosen.rest is not None:
                estimates[chosen.rest] += inactive
        return estimates

    def stream(
        self, track: Track, selection: Selection, cancel: Event | None = None
    ) -> Iterator[Tensor]:
        """Yield the chosen stems of a track, (stems, channels, any length).

        Two things need a pass of their own over the track: its level, where the model
        wants that, and what is left of it beside a stem.
        """
        track = cancellable(track, cancel)
        chosen = selection.of(self.sources, self.labels)
        rows = list(chosen.rows)
        conversion = Conversion(track.format, self.format)
        total = conversion.length(track.frames)

        def mixture() -> Iterator[Tensor]:
            return conversion.inward(track.blocks(), total)

        level = measure(mixture()) if self.schedule.normalise is Normalise.TRACK else UNIT_LEVEL
        estimates = separate_stream(level.apply(mixture()), total, self.engines(chosen, cancel))
        kept = (block[rows] for block in level.undo(estimates))
        stems = conversion.outward(kept, len(rows), track.frames)
        return stems if chosen.rest is None else with_rest(stems, track.blocks())

    def engines(
        self, chosen: Chosen | None = None, cancel: Event | None = None
    ) -> Sequence[Engine]:
        """Return what runs the model, with shift offsets drawn from the seed anew.

        Args:
            chosen: What a model that takes labels is told.
            cancel: Set it to stop.
        """
        told = chosen.labels if chosen else None
        labels = None if told is None else torch.tensor([*told.values()])
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
                shares=shares,
                labels=labels,
            )
            for network, shares in zip(self.model.networks, self.model.shares, strict=True)
        ]


def _write(
    writer: StemWriter, stems: Iterator[Tensor], track: Track, chosen: Chosen
) -> Activity | None:
    """Write the stems of a track, and leave out again what does not sound in it."""
    meter = Meter(chosen.names, chosen.threshold)
    for block in meter.watch(stems):
        writer.write(block)
    activity = meter.read(track.blocks())
    if activity:
        writer.drop(activity.dropped, into=chosen.rest)
    return activity
