"""The thirteen instruments: their labels, comfortable ranges and habits."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Signal = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Instrument:
    """What a line must know about who plays it."""

    low: int  # lowest comfortable note, a MIDI number
    high: int
    release: float  # seconds that a note takes to die away
    vibrato_chance: float  # of a player; a hornist hardly ever does
    vibrato_cents: float
    bowed: bool = False
    breath_vibrato: bool = False  # the loudness swings along with the pitch
    slide: float = 1.0  # how much slower than a key or valve a slurred note changes

    @property
    def centre(self) -> float:
        """The middle of the range."""
        return (self.low + self.high) / 2


INSTRUMENTS: dict[str, Instrument] = {
    "bn": Instrument(36, 70, 0.06, 0.30, 8, breath_vibrato=True),
    "cl": Instrument(50, 86, 0.05, 0.10, 6),
    "db": Instrument(28, 57, 0.16, 0.60, 14, bowed=True, slide=1.6),
    "fl": Instrument(60, 93, 0.06, 0.60, 18, breath_vibrato=True),
    "hn": Instrument(41, 74, 0.07, 0.10, 5),
    "ob": Instrument(58, 87, 0.05, 0.50, 12, breath_vibrato=True),
    "sax": Instrument(46, 81, 0.05, 0.50, 18, breath_vibrato=True),
    "tba": Instrument(28, 57, 0.08, 0.10, 5),
    "tbn": Instrument(40, 70, 0.06, 0.20, 8, slide=1.6),
    "tpt": Instrument(54, 81, 0.06, 0.30, 10),
    "va": Instrument(48, 81, 0.11, 0.90, 26, bowed=True, slide=1.6),
    "vc": Instrument(36, 72, 0.13, 0.90, 24, bowed=True, slide=1.6),
    "vn": Instrument(55, 94, 0.11, 0.90, 28, bowed=True, slide=1.6),
}
LABELS = tuple(INSTRUMENTS)
