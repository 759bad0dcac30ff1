"""How to run a model, and what to write of it: plain data that the user chooses."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from unmixcli.audio.subtype import Subtype
from unmixcli.selection import Selection


class Chunking(StrEnum):
    """How a track is cut."""

    OFFICIAL = "official"  # as the model's authors do
    SEAMLESS = "seamless"  # so that the joins equal one long pass


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to run a model; ``None`` is the model's published value.

    Attributes:
        shifts: Shifted passes to average; 0 is off.
        seed: Of the shift offsets.
        segment: Length of a chunk, in seconds.
        overlap: Share of a chunk that the next one covers again, in [0, 1).
        chunking: How a track is cut.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
        batch_size: Most chunks of one network call.
        threads: Threads of a network on the CPU; ``None`` is one for a small network and
            what torch thinks best for a large one.
    """

    shifts: int | None = None
    seed: int = 0
    segment: float | None = None
    overlap: float | None = None
    chunking: Chunking = Chunking.OFFICIAL
    device: str = "auto"
    batch_size: int = 1
    threads: int | None = None


@dataclass(frozen=True, kw_only=True)
class Output:
    """What to write.

    Attributes:
        selection: Which stems.
        subtype: Sample format of the files.
        overwrite: Replace existing files.
    """

    selection: Selection = field(default_factory=Selection)
    subtype: Subtype = Subtype.FLOAT
    overwrite: bool = False
