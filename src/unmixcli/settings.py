"""How to run a model, and how to write its stems: plain data that the user chooses."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from unmixcli.audio.subtype import Subtype
from unmixcli.errors import ConfigError
from unmixcli.network import require_count, require_range

SHORTEST_SEGMENT, LONGEST_SEGMENT = 0.01, 600.0
"""In seconds; less would only take time, and more only memory."""

HIGHEST_OVERLAP = 0.99
"""A hundred times the work of none."""

MOST_THREADS = 256
MOST_SHIFTS = 100
LARGEST_BATCH = 1024


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
        overlap: Share of a chunk that the next one covers again, 0 to 0.99.
        chunking: How a track is cut.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
        batch_size: Most chunks of one network call.
        threads: Threads of a network on the CPU; ``None`` is one for a small network and
            what torch thinks best for a large one.

    Raises:
        ConfigError: A value is impossible.
    """

    shifts: int | None = None
    seed: int = 0
    segment: float | None = None
    overlap: float | None = None
    chunking: Chunking = Chunking.OFFICIAL
    device: str = "auto"
    batch_size: int = 1
    threads: int | None = None

    def __post_init__(self) -> None:
        _require_member("chunking", self.chunking, Chunking)
        object.__setattr__(self, "chunking", Chunking(self.chunking))
        if self.shifts is not None:
            require_count("shifts", self.shifts, 0, MOST_SHIFTS)
        if self.threads is not None:
            require_count("threads", self.threads, 1, MOST_THREADS)
        require_count("batch_size", self.batch_size, 1, LARGEST_BATCH)
        require_count("seed", self.seed, 0)
        if self.segment is not None:
            require_range("segment", self.segment, SHORTEST_SEGMENT, LONGEST_SEGMENT)
        if self.overlap is not None:
            require_range("overlap", self.overlap, 0, HIGHEST_OVERLAP)


@dataclass(frozen=True, kw_only=True)
class Output:
    """How to write stems.

    Attributes:
        subtype: Sample format of the files: ``16``, ``24``, or ``32`` for float.
        overwrite: Replace existing files.

    Raises:
        ConfigError: There is no such format.
    """

    subtype: Subtype = Subtype.FLOAT
    overwrite: bool = False

    def __post_init__(self) -> None:
        _require_member("subtype", self.subtype, Subtype)
        object.__setattr__(self, "subtype", Subtype(str(self.subtype)))


def _require_member(name: str, value: str, kind: type[StrEnum]) -> None:
    known = [member.value for member in kind]
    if str(value) not in known:
        raise ConfigError(f"{name} must be one of {', '.join(known)}, got {value!r}")
