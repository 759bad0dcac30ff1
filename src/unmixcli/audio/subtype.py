"""How a sample is stored in a stem, and what it costs."""

from __future__ import annotations

from enum import StrEnum


class Subtype(StrEnum):
    """The encodings of stems."""

    FLOAT = "float"  # 32 bits; nothing is rounded, values beyond ±1 survive
    INT24 = "int24"
    INT16 = "int16"

    @property
    def width(self) -> int:
        """Bytes per sample in the file."""
        return {Subtype.FLOAT: 4, Subtype.INT24: 3, Subtype.INT16: 2}[self]

    @property
    def encoding(self) -> str:
        """Libsndfile's name for it."""
        return {Subtype.FLOAT: "FLOAT", Subtype.INT24: "PCM_24", Subtype.INT16: "PCM_16"}[self]
