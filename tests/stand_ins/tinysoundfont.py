"""Stands in for the package of this name: every instrument of every sound font is a sine."""

from pathlib import Path

import numpy as np


class Synth:
    """What the renderer of bands uses of a synthesiser; a wheel turns nothing."""

    def __init__(self, *, samplerate: int) -> None:
        self._rate = samplerate
        self._now = 0
        self._struck: dict[int, tuple[int, int]] = {}  # by key: velocity, and when

    def sfload(self, path: str) -> int:
        if not Path(path).is_file():
            raise OSError(f"no sound font {path}")
        return 1

    def program_select(
        self, channel: int, font: int, bank: int, program: int, is_drums: bool
    ) -> None:
        assert (channel, font, bank) == (0, 1, 128 if is_drums else 0)
        assert 0 <= program < 128

    def noteon(self, channel: int, key: int, velocity: int) -> None:
        self._struck[key] = velocity, self._now

    def noteoff(self, channel: int, key: int) -> None:
        self._struck.pop(key, None)

    def notes_off(self, channel: int) -> None:
        self._struck.clear()

    def sounds_off(self, channel: int) -> None:
        self._struck.clear()

    def pitchbend(self, channel: int, position: int) -> None:
        assert 0 <= position < 16_384

    def generate(self, samples: int) -> memoryview:
        """Return interleaved stereo, float32."""
        times = np.arange(samples) / self._rate
        sound = np.zeros(samples)
        for key, (velocity, struck) in self._struck.items():
            turns = 440 * 2 ** ((key - 69) / 12) * (times + (self._now - struck) / self._rate)
            sound += velocity / 512 * np.sin(2 * np.pi * turns)
        self._now += samples
        return memoryview(np.repeat(sound.astype(np.float32), 2))
