"""Do files that belong together agree: in rate, channels and length?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from unmixcli.audio.format import AudioFormat
from unmixcli.errors import DatasetError

TOLERANCE = 0.1
"""Seconds by which lengths may differ: what encoders add. More is another recording."""


@dataclass(frozen=True, slots=True)
class FileHeader:
    """What a file says of itself.

    Attributes:
        path: The file.
        format: Its rate and channels.
        frames: Its samples per channel.
        stream: Which of its streams; ``None`` is the only one.
    """

    path: Path
    format: AudioFormat
    frames: int
    stream: int | None = None

    @property
    def name(self) -> str:
        """What errors call it."""
        return f"'{self.path}'" + ("" if self.stream is None else f" (stream {self.stream})")


@dataclass(frozen=True, slots=True)
class Agreement:
    """What files have in common.

    Attributes:
        format: Their rate and channels.
        frames: Samples per channel that each of them has.
        notes: What was cut.
    """

    format: AudioFormat
    frames: int
    notes: tuple[str, ...] = ()


def agree(
    whose: str, headers: Sequence[FileHeader], *, tolerance: float | None = TOLERANCE
) -> Agreement:
    """Return what files agree on.

    Args:
        whose: What errors and notes begin with.
        headers: At least one.
        tolerance: By how many seconds lengths may differ, all being cut to the shortest;
            ``None`` is any.

    Raises:
        DatasetError: Rates or channels differ, or lengths by more than that; two files are
            named.
    """
    _require_same(whose, headers, lambda header: header.format.sample_rate, "{} Hz")
    _require_same(whose, headers, lambda header: header.format.channels, "{} channels")
    shortest = min(headers, key=lambda header: header.frames)
    longest = max(headers, key=lambda header: header.frames)
    difference = longest.frames - shortest.frames
    rate = shortest.format.sample_rate
    if tolerance is not None and difference > tolerance * rate:
        raise DatasetError(
            f"{whose}: {longest.name} is {difference / rate:.2f} s longer than {shortest.name}",
            hint="these are not the same recording, or one of them was cut",
        )
    notes = (
        f"{whose}: lengths differ by up to {difference} samples; all are cut to those of "
        f"{shortest.name}",
    )
    return Agreement(shortest.format, shortest.frames, notes if difference else ())


def _require_same(
    whose: str, headers: Sequence[FileHeader], value: Callable[[FileHeader], int], unit: str
) -> None:
    first = headers[0]
    for other in headers[1:]:
        if value(other) != value(first):
            raise DatasetError(
                f"{whose}: {first.name} has {unit.format(value(first))}, "
                f"{other.name} has {unit.format(value(other))}",
                hint="convert them to the same format; nothing is resampled silently",
            )
