"""What was written for a track."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unmixcli.activity import Activity
from unmixcli.audio.format import AudioFormat
from unmixcli.selection import Chosen


@dataclass(frozen=True, kw_only=True)
class SeparationReport:
    """What was written for one track.

    Attributes:
        track: The input.
        stems: Path of each stem.
        format: Rate and channels of the input, and so of the stems.
        frames: Samples of each channel.
        clipped: Samples of each stem that an integer format could not hold.
        seconds: Time it took.
        chosen: What was asked for in the model's words, and what the model was told.
        activity: How loud the sources are, and which were left out for that; ``None`` where
            there is no threshold.
    """

    track: Path
    stems: dict[str, Path]
    format: AudioFormat
    frames: int
    clipped: dict[str, int]
    seconds: float
    chosen: Chosen
    activity: Activity | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        return {
            "track": str(self.track),
            "stems": {name: str(path) for name, path in self.stems.items()},
            "sample_rate": self.format.sample_rate,
            "channels": self.format.channels,
            "samples": self.frames,
            "clipped": self.clipped,
            "instruments": list(self.chosen.instruments),
            "labels": self.chosen.labels and dict(self.chosen.labels),
            "activity": self.activity and self.activity.as_dict(),
            "seconds": round(self.seconds, 3),
        }
