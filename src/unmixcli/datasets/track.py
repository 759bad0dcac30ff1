"""One track of a data set: its mixture and its stems, read whole, in blocks, or anywhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from unmixcli.datasets.agreement import Agreement, FileHeader, agree
from unmixcli.datasets.part import Part, PartsTrack, named
from unmixcli.errors import DatasetError, nearest

MIXTURE, VOCALS, ACCOMPANIMENT = "mixture", "vocals", "accompaniment"


@dataclass(frozen=True, kw_only=True)
class DatasetTrack:
    """A track and the stems it is made of. Nothing is opened before it is asked for.

    Attributes:
        name: What it is called; unique in its data set.
        stems: The files of each source; several of one source are added up.
        mixture: The file of the mixture; ``None`` is the sum of the stems.
        split: ``train``, ``valid`` or ``test``, where the data set says.
        streams: Of a file that holds several tracks, which one a source or the mixture is.
        fault: Why it cannot be used: whatever is asked of it raises a ``DatasetError``.
    """

    name: str
    stems: Mapping[str, tuple[Path, ...]]
    mixture: Path | None = None
    split: str | None = None
    streams: Mapping[str, int] = field(default_factory=dict)
    fault: str | None = None

    @property
    def sources(self) -> tuple[str, ...]:
        """Its stems, in the order of the data set."""
        return tuple(self.stems)

    @property
    def sample_rate(self) -> int:
        """Samples per second of each channel, in Hz."""
        return self.agreement.format.sample_rate

    @property
    def channels(self) -> int:
        """Audio channels of every file."""
        return self.agreement.format.channels

    @property
    def frames(self) -> int:
        """Samples per channel: of its shortest file."""
        return self.agreement.frames

    @property
    def files(self) -> tuple[Part, ...]:
        """Everything it is read from, each once.

        Raises:
            DatasetError: It has a fault.
        """
        parts = [part for source in (MIXTURE, *self.stems) for part in self.parts(source)]
        return tuple(dict.fromkeys(parts))

    @cached_property
    def agreement(self) -> Agreement:
        """What the headers of its files agree on.

        Raises:
            DatasetError: A file cannot be read, or they do not agree.
        """
        headers = []
        for part in self.files:
            with named(self.name):
                opened = part.open()
            headers.append(FileHeader(part.path, opened.format, opened.frames, part.stream))
        return agree(f"track '{self.name}'", headers)

    def has(self, source: str) -> bool:
        """Say whether a source can be asked for."""
        return source in (MIXTURE, *self.stems) or (
            source == ACCOMPANIMENT and bool(self._beside_vocals())
        )

    def parts(self, source: str) -> tuple[Part, ...]:
        """Return the files that a source is made of.

        Args:
            source: A stem, ``mixture``, or ``accompaniment``: everything but the vocals;
                where there is no other stem, the mixture less the vocals.

        Raises:
            DatasetError: The track has no such source, or a fault.
        """
        if self.fault is not None:
            raise DatasetError(f"track '{self.name}': {self.fault}")
        if source == MIXTURE:
            return self._mixture()
        if source in self.stems:
            return self._sum([source])
        if source == ACCOMPANIMENT and (parts := self._beside_vocals()):
            return parts
        known = [*self.stems, MIXTURE]
        raise DatasetError(
            f"track '{self.name}' has no '{source}'",
            hint=nearest(source, known) or f"it has {', '.join(known)}",
        )

    def open(self, source: str = MIXTURE) -> PartsTrack:
        """Return a source as a track that ``Separator.stream`` reads.

        Raises:
            DatasetError: The track has no such source, or its files do not agree.
        """
        return PartsTrack(self.name, self.parts(source), self.agreement.format, self.frames)

    def read(self, source: str = MIXTURE, start: int = 0, frames: int | None = None) -> Tensor:
        """Return a stretch of a source; what lies beyond the ends of the track is silence.

        Args:
            source: A stem, ``mixture`` or ``accompaniment``.
            start: First sample; may be negative or behind the end.
            frames: Samples per channel, at least 1; ``None`` is all that follow.

        Returns:
            (channels, frames), float32.

        Raises:
            DatasetError: There is no such source, or it cannot be read.
        """
        return self.open(source).read(start, self._wanted(start, frames))

    def read_all(
        self,
        sources: Sequence[str],
        start: int = 0,
        frames: int | None = None,
        *,
        absent_is_silent: bool = False,
    ) -> Tensor:
        """Return the same stretch of several sources.

        Args:
            sources: Their names.
            start: First sample; may be negative or behind the end.
            frames: Samples per channel, at least 1; ``None`` is all that follow.
            absent_is_silent: Give zeros for a source that the track does not have, as where
                an instrument does not play in a piece.

        Returns:
            (sources, channels, frames), float32.

        Raises:
            DatasetError: A source is missing, or cannot be read.
        """
        wanted = self._wanted(start, frames)
        silence = torch.zeros(self.channels, wanted)
        return torch.stack(
            [
                silence
                if absent_is_silent and not self.has(source)
                else self.read(source, start, wanted)
                for source in sources
            ]
        )

    def _wanted(self, start: int, frames: int | None) -> int:
        return max(self.frames - start, 1) if frames is None else frames

    def _mixture(self) -> tuple[Part, ...]:
        if self.mixture is not None:
            return (Part(self.mixture, self.streams.get(MIXTURE)),)
        # An accompaniment beside the stems that it is the sum of must not count twice.
        others = [source for source in self.stems if source != ACCOMPANIMENT]
        return self._sum(self.stems if set(others) <= {VOCALS} else others)

    def _sum(self, sources: Iterable[str]) -> tuple[Part, ...]:
        return tuple(
            Part(path, self.streams.get(source))
            for source in sources
            for path in self.stems[source]
        )

    def _beside_vocals(self) -> tuple[Part, ...]:
        """Return everything but the vocals; nothing where there are none, or nothing else."""
        if VOCALS not in self.stems:
            return ()
        others = self._sum(source for source in self.stems if source != VOCALS)
        if others or self.mixture is None:
            return others
        voices = (Part(part.path, part.stream, sign=-1) for part in self._sum([VOCALS]))
        return (*self._mixture(), *voices)
