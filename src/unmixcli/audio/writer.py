"""Estimates into files: all stems of a track together, or none."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import soundfile
from numpy.typing import NDArray
from torch import Tensor

from unmixcli.audio.blocks import BLOCK
from unmixcli.audio.encoding.outputs import check_output, check_space, stem_file
from unmixcli.audio.encoding.part_folder import PartFolder
from unmixcli.audio.encoding.peak import clear_peak_time
from unmixcli.audio.encoding.quantise import quantise
from unmixcli.audio.format import AudioFormat
from unmixcli.audio.subtype import Subtype
from unmixcli.errors import OutputError

_HEADER = 4_096
"""Bytes allowed for what is not samples; the true header is about a hundred."""

_WAV_LARGEST = 0xFFFFFFFF
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


class StemWriter:
    """Writes the stems of one track; a context manager.

    Files grow in a hidden folder and appear under their names when the block ends well.
    After an exception nothing is left; after a kill only the hidden folder, which the next
    writer for the same track removes. Old stems stay whole until they are replaced.

    Args:
        folder: Where ``<stem>.wav`` will be; made if need be.
        stems: Their names, in the order of the estimates.
        format: Rate and channels of each.
        frames: Samples per channel that will be written.
        subtype: How samples are stored.
        overwrite: Whether old stems may be replaced.

    Attributes:
        paths: Where each stem will be; without those that were dropped.
        clipped: How many samples of each stem were beyond what integers can hold.

    Raises:
        OutputError: The stems cannot be written there, from the start or at any later time.
    """

    def __init__(
        self,
        folder: Path,
        stems: Sequence[str],
        format: AudioFormat,
        frames: int,
        *,
        subtype: Subtype = Subtype.FLOAT,
        overwrite: bool = False,
    ) -> None:
        self._size = frames * format.channels * subtype.width
        check_output(folder, stems, overwrite)
        with _reported(folder):
            check_space(folder, len(stems) * (self._size + _HEADER))
        self.paths = {stem: folder / stem_file(stem) for stem in stems}
        self.clipped = dict.fromkeys(stems, 0)
        self._folder = folder
        self._format = format
        self._frames = frames
        self._subtype = subtype
        self._overwrite = overwrite
        self._written = 0
        self._sinks: dict[str, _Sink] = {}
        self._part = PartFolder(Path(os.path.realpath(folder)))

    def __enter__(self) -> Self:
        try:
            with _reported(self._folder):
                self._part.open()
            for stem, path in self.paths.items():
                with _reported(path):
                    self._sinks[stem] = self._sink(path)
            return self
        except BaseException:  # a Ctrl-C, too
            self._discard()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        whole = False
        try:
            if kind is None:
                self._commit()
                whole = True
        finally:
            if not whole:
                self._discard()

    def write(self, estimates: Tensor) -> None:
        """Append a block to every stem.

        Args:
            estimates: (stems, channels, any length), float32; consecutive blocks.

        Raises:
            OutputError: The disk is full, or another limit reached.
        """
        samples = estimates.detach().cpu().numpy()
        expected = (len(self.paths), self._format.channels)
        if samples.shape[:2] != expected:
            raise ValueError(f"estimates must be (stems, channels) = {expected}, {samples.shape}")
        for stem, rows in zip(self.paths, samples, strict=True):
            self._append(stem, rows.T)
        self._written += samples.shape[-1]

    def drop(self, stems: Sequence[str], into: str | None = None) -> None:
        """Leave stems out after all, once every sample is written.

        Args:
            stems: Which; never all.
            into: Another stem, which gets what was in them.

        Raises:
            OutputError: The disk is full, or another limit reached.
        """
        parts = []
        for stem in stems:
            with _reported(path := self.paths.pop(stem)):
                self._sinks.pop(stem).finish(at_least=self._size)
            parts.append(self._part.path / path.name)
            del self.clipped[stem]
        if parts and into is not None:
            self._merge(parts, into)
        with _reported(self._folder):
            for part in parts:
                part.unlink()

    def _merge(self, parts: list[Path], into: str) -> None:
        """Write a stem anew: what is in it so far, and what is in others."""
        path = self.paths[into]
        with _reported(path):
            self._sinks.pop(into).finish(at_least=self._size)
            first = (self._part.path / path.name).rename(self._part.path / "merged")
            self._sinks[into] = self._sink(path)
            for blocks in zip(*map(_blocks, [first, *parts]), strict=True):
                self._append(into, sum(blocks))
            first.unlink()

    def _append(self, stem: str, samples: NDArray[np.floating[Any]]) -> None:
        """Append samples, (any length, channels), to one stem."""
        stored, clipped = quantise(np.ascontiguousarray(samples, np.float32), self._subtype)
        with _reported(self.paths[stem]):
            self._sinks[stem].sound.write(stored)
        self.clipped[stem] += clipped

    def _sink(self, path: Path) -> _Sink:
        # Decided now: a WAV that grows past 4 GiB loses what is behind, without an error.
        container = "RF64" if self._size + _HEADER > _WAV_LARGEST else "WAV"
        place = self._part.path / path.name
        return _Sink(place, self._format, container, self._subtype.encoding)

    def _commit(self) -> None:
        if self._written != self._frames:
            raise RuntimeError(f"{self._written} of {self._frames} samples were written")
        for stem, path in self.paths.items():
            with _reported(path):
                self._sinks[stem].finish(at_least=self._size)
        with _reported(self._folder):
            self._part.commit([path.name for path in self.paths.values()], replace=self._overwrite)

    def _discard(self) -> None:
        for sink in self._sinks.values():
            sink.abandon()
        self._part.discard()


class _Sink:
    """One stem being written."""

    def __init__(self, path: Path, format: AudioFormat, container: str, encoding: str) -> None:
        # We keep the descriptor: libsndfile cannot synchronise, and closes it too early.
        self._descriptor = os.open(path, _FLAGS, 0o666)
        try:
            self.sound = soundfile.SoundFile(
                self._descriptor,
                "w",
                samplerate=format.sample_rate,
                channels=format.channels,
                format=container,
                subtype=encoding,
                closefd=False,
            )
        except BaseException:
            os.close(self._descriptor)
            raise

    def finish(self, *, at_least: int) -> None:
        """Make the file last through a power failure, and check that it is whole."""
        self.sound.close()
        clear_peak_time(self._descriptor)
        os.fsync(self._descriptor)
        size = os.fstat(self._descriptor).st_size
        if size < at_least:  # libsndfile does not report every failed write
            raise OSError(f"{size} of {at_least} bytes were written")
        self._close()

    def abandon(self) -> None:
        """Close without caring what is in it."""
        with suppress(soundfile.SoundFileError, OSError):
            self.sound.close()
        self._close()

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _blocks(part: Path) -> Iterator[NDArray[np.float64]]:
    """Yield a finished file, (any length, channels); float64 holds every sample exactly."""
    with soundfile.SoundFile(part) as file:
        yield from file.blocks(BLOCK, dtype="float64", always_2d=True)


@contextmanager
def _reported(path: Path) -> Iterator[None]:
    """Turn what goes wrong while writing into an error that names the file.

    soundfile raises AssertionError where libsndfile wrote less than asked without an error.
    """
    try:
        yield
    except FileExistsError as error:
        raise OutputError(
            f"'{error.filename or path}' appeared meanwhile",
            hint="add --overwrite to replace it, or choose another output folder",
        ) from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise OutputError(
            f"cannot write '{path}': {reason}", hint="choose another output folder"
        ) from error
    except (soundfile.LibsndfileError, AssertionError) as error:
        raise OutputError(
            f"cannot write '{path}': the disk is full or a file size limit is reached",
            hint="free some space, or choose another output folder",
        ) from error
