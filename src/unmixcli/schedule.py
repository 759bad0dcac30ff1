"""How a model's authors cut a track: plain data, kept with the weights.

The published systems differ in more than segment and overlap: in what a chunk sees
beyond its own ends, in how the last chunk meets the end of the track, and in where
the shift trick draws its offsets. All of that is said here, so that one rule
(:mod:`unmixcli.inference.plan`) serves them all.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any

from unmixcli.errors import ConfigError
from unmixcli.network import require_count


class Tail(StrEnum):
    """What the last chunk does when it would run past the end of the track."""

    PAD = "pad"  # stay on the grid and read zeros past the end
    SHIFT = "shift"  # move back to end with the track, replacing what it covers
    SHORTEN = "shorten"  # predict only what is left, read centred on it


class Context(StrEnum):
    """What a chunk reads beyond its own ends."""

    NEIGHBOURS = "neighbours"  # the track itself; zeros only past its ends
    ZEROS = "zeros"


class ShiftScope(StrEnum):
    """Where the shift trick draws its offsets (Défossez et al. 2019, §4.4)."""

    TRACK = "track"  # once per pass; the whole grid moves (Demucs v4)
    CHUNK = "chunk"  # anew in each chunk, which grows by the shift (Demucs v2, v3)
    WINDOW = "window"  # as CHUNK, but a window of fixed length slides (Demucs v1)


class Normalise(StrEnum):
    """What is done to the track before it is cut."""

    NONE = "none"
    TRACK = "track"  # less the mean, over the standard deviation, of the mono mixture


STEEPEST = 4.0
"""Largest exponent of a cross-fade; far above it the ends of a long one vanish in float32."""


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """A recipe for cutting a track of any length; lengths in samples at the model's rate.

    Attributes:
        segment: Samples wanted of each chunk; ``None`` takes the whole track as one.
        overlap: Share of a segment that the next one covers again, in [0, 1).
        power: Exponent of the triangular cross-fade; 0 weights all samples alike.
        origin: A position of the track where a chunk starts; the others follow from it, and
            go before it. Where authors only separated what has its whole context, it is theirs.
        margin: Samples to predict beyond either end of a chunk, and to throw away.
        least: Length that a shorter track is brought to, with silence at its end.
        tail: How the last chunk meets the end of the track.
        context: What a chunk reads beyond its own ends.
        shifts: Shifted passes to average by default; 0 is one unshifted pass.
        shift_scope: Where the offsets are drawn.
        max_shift: Largest shift.
        normalise: What is done to the track first.
    """

    segment: int | None
    overlap: float = 0.0
    power: float = 1.0
    origin: int = 0
    margin: int = 0
    least: int = 0
    tail: Tail = Tail.PAD
    context: Context = Context.NEIGHBOURS
    shifts: int = 0
    shift_scope: ShiftScope = ShiftScope.TRACK
    max_shift: int = 0
    normalise: Normalise = Normalise.NONE

    def __post_init__(self) -> None:
        if self.segment is not None:
            require_count("segment", self.segment, 1)
        require_count("origin", self.origin, 0)
        require_count("margin", self.margin, 0)
        require_count("least", self.least, 0)
        require_count("shifts", self.shifts, 0)
        require_count("max_shift", self.max_shift, 0)
        if not 0 <= self.overlap < 1:
            raise ConfigError(f"overlap must be in [0, 1), got {self.overlap}")
        if not 0 <= self.power <= STEEPEST:
            raise ConfigError(f"power must be in 0..{STEEPEST}, got {self.power}")
        if self.shifts and not self.max_shift:
            raise ConfigError("there are no shifts without a max_shift")
        if self.shift_scope is ShiftScope.WINDOW and self.shifts > self.max_shift:
            raise ConfigError(f"cannot draw {self.shifts} of {self.max_shift} shifts")

    def to_json(self) -> dict[str, Any]:
        """Return the schedule as plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Schedule:
        """Build a schedule from JSON values.

        Raises:
            ConfigError: A key is unknown, or a value impossible.
        """
        known = {field.name for field in fields(cls)}
        if unknown := sorted(set(values) - known):
            raise ConfigError(f"unknown key '{unknown[0]}' in a schedule")
        try:
            return cls(
                **{
                    **values,
                    "segment": values["segment"],
                    "tail": Tail(values.get("tail", Tail.PAD)),
                    "context": Context(values.get("context", Context.NEIGHBOURS)),
                    "shift_scope": ShiftScope(values.get("shift_scope", ShiftScope.TRACK)),
                    "normalise": Normalise(values.get("normalise", Normalise.NONE)),
                }
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(f"invalid schedule: {error}") from error
