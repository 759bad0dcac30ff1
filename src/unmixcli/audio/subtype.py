"""How a sample is stored in a stem, and what it costs."""

from __future__ import annotations

from enum import StrEnum


class Subtype(StrEnum):
    """The encodings of stems, by their bits."""

    INT16 = "16"
    INT24 = "24"
    FLOAT = "32"  # nothing is rounded, values beyond ±1 survive

    @property
    def width(self) -> int:
        """Bytes per sample in the file."""
        return int(self.value) // 8

    @property
    def encoding(self) -> str:
        """Libsndfile's name for it."""
        return {Subtype.FLOAT: "FLOAT", Subtype.INT24: "PCM_24", Subtype.INT16: "PCM_16"}[self]
