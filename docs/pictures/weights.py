"""Draw what a model's card shows: how it was trained, what it hears, and how well.

Needs the package and its extra ``report``::

    python docs/pictures/weights.py curve RUN/metrics.jsonl docs/weights/mini-curve.png
    python docs/pictures/weights.py estimate MODEL TRACK vocals docs/weights/mini-vocals.png
    python docs/pictures/weights.py labels SCORES.json docs/weights/mini-ensemble-labels.png

``TRACK`` is a folder of stems that sum to a mixture, such as a test track of a rendered data
set; ``SCORES.json`` is what ``benchmarks/embedded.py ensemble MODEL --json`` wrote.
"""
# mypy: disable-error-code="import-not-found"

from __future__ import annotations

import argparse
import json
import warnings
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from matplotlib.figure import Figure
from PIL import Image
from stems import Array, draw_rows, spectrogram

from unmixcli.selection import Selection
from unmixcli.separation import Separator

BLUE, ORANGE, GREY = "#0072b2", "#d55e00", "#8a929b"
SMOOTHED = 50
"""Steps over which the loss is averaged."""


def curve(metrics: Path, output: Path) -> None:
    """Draw the loss of every step, its running mean, and the SDR of every validation."""
    lines = [json.loads(line) for line in metrics.read_text(encoding="utf-8").splitlines()]
    steps = [line for line in lines if line["kind"] == "step"]
    judged = [line for line in lines if line["kind"] == "validation"]
    figure = Figure(figsize=(9, 3.6), dpi=100, layout="constrained")
    loss, sdr = figure.subplots(1, 2)
    values = np.array([line["loss"] for line in steps])
    x = np.array([line["step"] for line in steps])
    loss.plot(x, values, color=GREY, linewidth=0.5, alpha=0.5, label="each step")
    if len(values) >= SMOOTHED:
        means = np.convolve(values, np.full(SMOOTHED, 1 / SMOOTHED), "valid")
        loss.plot(x[SMOOTHED - 1 :], means, color=BLUE, label=f"mean of {SMOOTHED}")
    low, high = np.percentile(values, [1, 99])
    loss.set(xlabel="step", ylabel="loss", ylim=(low, high))
    loss.legend(frameon=False)
    for name in judged[0]["sdr"] if judged and len(judged[0]["sdr"]) <= 4 else ():
        points = [(line["step"], line["sdr"][name]) for line in judged]
        sdr.plot(*zip(*points, strict=True), marker=".", label=name)
    if judged:
        points = [(line["step"], line["mean_sdr"]) for line in judged]
        sdr.plot(*zip(*points, strict=True), marker="o", color="black", label="mean")
    sdr.set(xlabel="step", ylabel="SDR of the tracks set apart (dB)")
    sdr.legend(frameon=False, loc="upper left", ncols=3)
    sdr.margins(y=0.2)
    save(figure, output)


def estimate(model: str, track: Path, stem: str, output: Path) -> None:
    """Draw a track's mixture, one of its stems, and what a model takes for that stem."""
    stems, rate = {}, 0
    for path in sorted(track.glob("*.wav")):
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
        stems[path.stem] = torch.from_numpy(samples.T.copy())
    mixture = torch.stack([*stems.values()]).sum(dim=0)
    separator = Separator.from_manifest(model)
    told = [name for name in separator.labels if name in stems]
    made = separator.separate(mixture, rate, selection=Selection(instruments=told))[stem]
    tracks = {"mixture": mixture, f"{stem}, as it is": stems[stem], f"{stem}, estimated": made}
    with np.errstate(invalid="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # bands above half the rate are empty
        powers = {n: spectrogram(t.mean(dim=0).double().numpy(), rate) for n, t in tracks.items()}
    save(spectrograms(powers, rate), output)


def spectrograms(powers: dict[str, Array], rate: int) -> Figure:
    """Draw a track a row, all on the same scales."""
    loudest = np.nanmax(powers["mixture"])  # above half the rate there is nothing
    figure = Figure(figsize=(11, 8), dpi=90, layout="constrained")
    for axes in draw_rows(figure, powers, rate, loudest):
        axes.set_ylim(40, min(16000, rate / 2))
    return figure


def labels(scores: Path, output: Path) -> None:
    """Draw the SI-SDR of every instrument: of the mixture, a fixed filter, the model, a mask."""
    found: dict[str, Any] = json.loads(scores.read_text(encoding="utf-8"))["held out"]
    means = {group: row for group, row in found["means"].items() if " " not in group}
    order = [name for name in means if name != "all"] + ["all"]
    systems = list(next(iter(means.values())))
    known = {"mixture": GREY, "fixed filter": "#c9ced4", "IRM": "#e7eaee"}
    kept = [name for name in systems if name != "mixture / n"]
    figure = Figure(figsize=(11, 4), dpi=100, layout="constrained")
    axes = figure.subplots()
    width = 0.8 / len(kept)
    colours = iter((BLUE, ORANGE, "#009e73"))
    for number, system in enumerate(kept):
        heights = [means[group][system][1] for group in order]
        places = np.arange(len(order)) + (number - (len(kept) - 1) / 2) * width
        axes.bar(places, heights, width, color=known.get(system) or next(colours), label=system)
    axes.set_xticks(np.arange(len(order)), order)
    axes.axhline(0, color="black", linewidth=0.6)
    axes.set_ylabel("SI-SDR (dB)")
    axes.legend(frameon=False, ncols=len(kept))
    save(figure, output)


def save(figure: Figure, output: Path) -> None:
    """Write a picture of few colours: a tenth of its size otherwise."""
    drawn = BytesIO()
    figure.savefig(drawn)
    colours = Image.open(drawn).convert("RGB").quantize(128, dither=Image.Dither.NONE)
    colours.save(output, optimize=True)


def main() -> None:
    """Draw what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    kinds = parser.add_subparsers(dest="kind", required=True)
    for kind, names in (
        ("curve", ("metrics",)),
        ("estimate", ("model", "track", "stem")),
        ("labels", ("scores",)),
    ):
        made = kinds.add_parser(kind)
        for name in (*names, "output"):
            made.add_argument(name, type=Path if name not in ("model", "stem") else str)
    given = vars(parser.parse_args())
    {"curve": curve, "estimate": estimate, "labels": labels}[given.pop("kind")](**given)


if __name__ == "__main__":
    main()
