"""Tempo and pitch by SoundTouch's program, where it is installed: what Demucs was trained with."""

from __future__ import annotations

import shutil
import subprocess
import wave
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import Tensor

from unmixcli.errors import ConfigError

PROGRAM = "soundstretch"
PATIENCE = 120  # seconds; it takes less than one for a segment
PEAK = 32_767


def require() -> str:
    """Return where the program is.

    Raises:
        ConfigError: It is nowhere.
    """
    found = shutil.which(PROGRAM)
    if found is None:
        raise ConfigError(
            f"the program '{PROGRAM}' is not installed",
            hint='install it (Debian: apt install soundstretch), or set method = "vocoder"',
        )
    return found


def repitch(
    signal: Tensor, semitones: int, tempo: float, sample_rate: int, *, speech: bool
) -> Tensor:
    """Play faster or slower, and higher or lower, as 16 bits a sample.

    Args:
        signal: (channels, samples), of one source; what is louder than 1 is brought down
            first, and up again after.
        semitones: How much higher.
        tempo: How much faster.
        sample_rate: In Hz.
        speech: Take the shorter frames that are meant for voices.

    Returns:
        (channels, samples), about as long as the tempo says.

    Raises:
        ConfigError: The program is not installed, or fails.
    """
    program = require()
    scale = max(1.0, float(signal.abs().max()))
    with TemporaryDirectory(prefix="unmixcli-") as folder:
        before, after = Path(folder) / "before.wav", Path(folder) / "after.wav"
        _write(before, signal / scale, sample_rate)
        percent = 100 * (tempo - 1)
        options = [f"-pitch={semitones}", f"-tempo={percent:.6f}", *["-speech"] * speech]
        try:
            subprocess.run(
                [program, before, after, *options],
                check=True,
                capture_output=True,
                timeout=PATIENCE,
            )
            made = _read(after)
        except (OSError, subprocess.SubprocessError, wave.Error, EOFError) as error:
            raise ConfigError(
                f"'{PROGRAM}' failed: {error}", hint='set method = "vocoder" to do without it'
            ) from error
    return made.to(signal) * scale


def _write(path: Path, signal: Tensor, sample_rate: int) -> None:
    samples = (signal.T.cpu().double().numpy() * PEAK).round().astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setparams((signal.shape[0], 2, sample_rate, len(samples), "NONE", ""))
        file.writeframes(samples.tobytes())


def _read(path: Path) -> Tensor:
    with wave.open(str(path), "rb") as file:
        data, channels = file.readframes(file.getnframes()), file.getnchannels()
    samples = np.frombuffer(data, dtype="<i2").reshape(-1, channels)
    return torch.from_numpy(samples.T / PEAK)
