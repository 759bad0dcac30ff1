"""What every block of a track has in common."""

from dataclasses import dataclass

RATES = range(1_000, 768_001)
"""Sample rates of music, in Hz; others are headers gone wrong."""

MOST_CHANNELS = 64


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """Rate and channel count of a track.

    Attributes:
        sample_rate: Samples per second of each channel, in Hz.
        channels: Audio channels; 1 mono, 2 stereo.
    """

    sample_rate: int
    channels: int
