"""Draw what the embedded model hears in the example song: ``docs/pictures/stems.png``.

Needs the package and matplotlib (``pip install matplotlib``)::

    python docs/pictures/stems.py
"""
# mypy: disable-error-code="import-not-found"

from __future__ import annotations

from io import BytesIO
from itertools import pairwise
from pathlib import Path

import matplotlib as mpl
import numpy as np
import soundfile
import torch
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator
from numpy.typing import NDArray
from PIL import Image

from unmixcli.separation import Separator

HERE = Path(__file__).parent
SONG = HERE.parents[1] / "examples" / "song.flac"
LOWEST, HIGHEST, BANDS = 40.0, 16000.0, 96
WINDOW, HOP = 4096, 1470
FLOOR = -60.0
"""Level, in dB below the mixture's loudest band, at which the colours end."""

SHADES = mpl.colormaps["magma"].resampled(60)
Array = NDArray[np.float64]


def edges() -> Array:
    """Return the bands' borders, in Hz: as far from each other on a logarithmic axis."""
    return np.geomspace(LOWEST, HIGHEST, BANDS + 1)


def spectrogram(signal: Array, rate: int) -> Array:
    """Return the power in each band over time, (bands, frames)."""
    padded = np.pad(signal, WINDOW // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    power = np.abs(np.fft.rfft(frames * np.hanning(WINDOW), n=8 * WINDOW)) ** 2
    frequencies = np.fft.rfftfreq(8 * WINDOW, 1 / rate)
    bounds = np.searchsorted(frequencies, edges())
    bands = [power[:, low:high].mean(axis=1) for low, high in pairwise(bounds)]
    return np.stack(bands)


def separate() -> tuple[dict[str, Array], int]:
    """Return the song and its estimated stems in mono, and their rate."""
    samples, rate = soundfile.read(SONG, dtype="float32")
    mixture = torch.from_numpy(samples.T.copy())
    with torch.inference_mode():
        tracks = {"mixture": mixture, **Separator.from_manifest().separate(mixture, rate)}
    return {name: track.mean(dim=0).double().numpy() for name, track in tracks.items()}, rate


def draw_rows(figure: Figure, powers: dict[str, Array], rate: int, loudest: float) -> Array:
    """Draw a spectrogram a row under its name, and return the rows' axes.

    Args:
        figure: An empty one.
        powers: Of each, what :func:`spectrogram` returned.
        rate: In Hz.
        loudest: The power that is 0 dB.
    """
    rows: Array = figure.subplots(len(powers), sharex=True)
    for axes, (name, power) in zip(rows, powers.items(), strict=True):
        seconds = np.arange(power.shape[1] + 1) * HOP / rate
        decibels = 10 * np.log10(np.maximum(power / loudest, 1e-12))
        image = axes.pcolormesh(seconds, edges(), decibels, vmin=FLOOR, vmax=0, cmap=SHADES)
        axes.set(yscale="log", yticks=[100, 1000, 10000])
        axes.yaxis.set_major_formatter(FuncFormatter(lambda hertz, _: f"{hertz:,.0f}"))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.set_title(name, loc="left", weight="bold")
    rows[-1].set_xlabel("time (s)")
    figure.supylabel("frequency (Hz)", fontsize=mpl.rcParams["font.size"])
    figure.colorbar(image, ax=rows, aspect=50, pad=0.01, extend="min").set_label(
        "level (dB; 0 is the loudest)"
    )
    return rows


def draw(tracks: dict[str, Array], rate: int) -> None:
    """Draw a track a row, all on the same scales."""
    powers = {name: spectrogram(track, rate) for name, track in tracks.items()}
    loudest = powers["mixture"].max()
    mpl.rcParams.update({"font.size": 17, "axes.titlesize": 19})
    figure = Figure(figsize=(14, 12), dpi=100, layout="constrained")
    named = {name.replace("mixture", "song.flac, the mixture"): p for name, p in powers.items()}
    rows = draw_rows(figure, named, rate, loudest)
    for axes in rows:
        axes.set_xlim(0, tracks["mixture"].size / rate)
    drawn = BytesIO()
    figure.savefig(drawn)
    colours = Image.open(drawn).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    colours.save(HERE / "stems.png", optimize=True)


if __name__ == "__main__":
    draw(*separate())
