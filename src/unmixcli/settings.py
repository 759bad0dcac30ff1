"""How to run a model, and how to write its stems: plain data that the user chooses."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from unmixcli.audio.subtype import Subtype
from unmixcli.errors import ConfigError

LONGEST_SEGMENT = 600.0
"""In seconds; more would only take memory."""


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
        _require_count("shifts", self.shifts, least=0)
        _require_count("batch_size", self.batch_size, least=1)
        _require_count("threads", self.threads, least=1)
        if not isinstance(self.seed, int):
            raise ConfigError(f"seed must be an integer, got {self.seed!r}")
        if self.segment is not None and not 0 < self.segment <= LONGEST_SEGMENT:
            raise ConfigError(f"segment must be in 0..{LONGEST_SEGMENT} s, got {self.segment}")
        if self.overlap is not None and not 0 <= self.overlap < 1:
            raise ConfigError(f"overlap must be in [0, 1), got {self.overlap}")


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
        object.__setattr__(self, "subtype", Subtype(self.subtype))


def _require_member(name: str, value: str, kind: type[StrEnum]) -> None:
    known = [member.value for member in kind]
    if value not in known:
        raise ConfigError(f"{name} must be one of {', '.join(known)}, got {value!r}")


def _require_count(name: str, value: int | None, *, least: int) -> None:
    if value is not None and not (isinstance(value, int) and value >= least):
        raise ConfigError(f"{name} must be an integer of at least {least}, got {value!r}")
