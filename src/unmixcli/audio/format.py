"""What every block of a track has in common."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """Rate and channel count of a track.

    Attributes:
        sample_rate: Samples per second of each channel, in Hz.
        channels: Audio channels; 1 mono, 2 stereo.
    """

    sample_rate: int
    channels: int
