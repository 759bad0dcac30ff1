"""Signals and files for the audio layer: made here, never downloaded."""

import numpy as np
import pytest
import soundfile


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.fixture
def noise(rng):
    """Make white noise, (n, channels), well inside full scale."""

    def make(frames, channels=2):
        return (rng.standard_normal((frames, channels)) * 0.1).astype(np.float32)

    return make


@pytest.fixture
def make(tmp_path, noise):
    """Write an audio file and return its path."""

    def write(name="track.wav", samples=None, rate=44_100, **options):
        path = tmp_path / name
        soundfile.write(path, noise(44_100) if samples is None else samples, rate, **options)
        return path

    return write
