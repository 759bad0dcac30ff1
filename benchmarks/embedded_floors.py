"""What knows nothing of music, and what knows the answer: the floors and the ceiling.

Everything here is mono at 22.05 kHz, and masks a spectrogram of Hann frames of 2048 samples,
a quarter apart.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unmixcli.audio.conversion import Conversion
from unmixcli.audio.format import AudioFormat
from unmixcli.datasets.layouts import open_dataset
from unmixcli.datasets.splits import TRAIN
from unmixcli.datasets.track import MIXTURE, DatasetTrack
from unmixcli.instruments import INSTRUMENTS, find

RATE, SIZE, HOP = 22_050, 2048, 512
LABELS = tuple(instrument.code for instrument in INSTRUMENTS)
REST = "rest"
MOST_TRACKS = 600
"""Of a training set, spread over it: more would not move a mean spectrum."""

_WINDOW = torch.hann_window(SIZE)
_EPS = 1e-12

Signal = NDArray[np.floating[Any]]
"""(1, samples)."""

Estimates = dict[str, Signal]
"""By label."""

System = Callable[[Signal, Sequence[str]], Estimates]
"""From a mixture and the labels that are asked for to an estimate of each."""

Spectra = Mapping[str, NDArray[np.floating[Any]]]
"""Mean power of each bin, by label."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Clip:
    """A track at the rate of the scores.

    Attributes:
        name: Of the track.
        mixture: What is separated.
        stems: By label.
        rest: The sum of all stems that are no instrument of ours; ``None`` where there is none.
    """

    name: str
    mixture: Signal
    stems: Estimates
    rest: Signal | None

    @property
    def labels(self) -> tuple[str, ...]:
        """What sounds and has a name."""
        return tuple(self.stems)

    @property
    def references(self) -> Estimates:
        """All stems, the rest by its name."""
        return self.stems if self.rest is None else {**self.stems, REST: self.rest}


def read_clip(track: DatasetTrack) -> Clip:
    """Read a track, resampled as a model's input is; stems of one instrument are added up."""
    stems: Estimates = {}
    for source in track.sources:
        instrument = find(source)
        label = instrument.code if instrument else REST
        stems[label] = stems.get(label, 0) + _read(track, source)
    rest = stems.pop(REST, None)
    return Clip(name=track.name, mixture=_read(track, MIXTURE), stems=stems, rest=rest)


def _read(track: DatasetTrack, source: str) -> Signal:
    opened = track.open(source)
    conversion = Conversion(opened.format, AudioFormat(RATE, 1))
    blocks = conversion.inward(opened.blocks(), conversion.length(opened.frames))
    return torch.cat([*blocks], dim=-1).numpy()


def whole(mixture: Signal, labels: Sequence[str]) -> Estimates:
    """Return the mixture for each label."""
    return dict.fromkeys(labels, mixture)


def divided(mixture: Signal, labels: Sequence[str]) -> Estimates:
    """Return an equal share of the mixture for each label."""
    return dict.fromkeys(labels, mixture / len(labels))


def fixed_filter(spectra: Spectra) -> System:
    """Return the Wiener filter that knows of each label nothing but its mean spectrum."""

    def separate(mixture: Signal, labels: Sequence[str]) -> Estimates:
        powers = torch.tensor(np.stack([spectra[label] for label in labels]))
        return _masked(mixture, labels, powers[:, :, None])

    return separate


def ratio_mask(clip: Clip) -> Estimates:
    """Give each stem its true share of the power of every bin: what a mask can reach."""
    references = clip.references
    powers = torch.stack([_spectrum(stem).abs() ** 2 for stem in references.values()])
    return _masked(clip.mixture, [*references], powers)


def _masked(mixture: Signal, labels: Sequence[str], powers: Tensor) -> Estimates:
    masks = powers / (powers.sum(dim=0) + _EPS)
    spectra = masks * _spectrum(mixture)
    signals = torch.istft(
        spectra.to(torch.complex64), SIZE, HOP, window=_WINDOW, length=mixture.shape[-1]
    )
    return {label: signal[None].numpy() for label, signal in zip(labels, signals, strict=True)}


def _spectrum(signal: Signal) -> Tensor:
    mono = torch.as_tensor(signal[0], dtype=torch.float32)
    return torch.stft(mono, SIZE, HOP, window=_WINDOW, return_complex=True)


def spectra_of(file: Path | None, folder: Path | None) -> Spectra | None:
    """Return the mean spectra of labels: from a file, or else of a training set.

    Args:
        file: Where they lie, or are to lie once they are computed.
        folder: The training set; what was found lies there afterwards unless a file is named.
    """
    if file is None and folder is not None:
        file = folder / "label-spectra.npz"
    if file is None:
        return None
    if not file.is_file() and folder is not None:
        data = open_dataset(folder)
        part = open_dataset(folder, split=TRAIN) if TRAIN in data.splits else data
        spread = np.linspace(0, len(part) - 1, min(len(part), MOST_TRACKS)).round().astype(int)
        found = mean_spectra(part.tracks[int(index)] for index in spread)
        np.savez(file, labels=np.array([*found]), power=np.stack([*found.values()]))
    with np.load(file) as kept:
        known: dict[str, NDArray[np.float64]] = dict(
            zip(map(str, kept["labels"]), kept["power"], strict=True)
        )
    if missing := [label for label in LABELS if label not in known]:
        print(f"{file.name} has no {', '.join(missing)}: taken to be like all", file=sys.stderr)
    average: NDArray[np.float64] = np.mean([*known.values()], axis=0)
    return {label: known.get(label, average) for label in LABELS}


def mean_spectra(tracks: Iterable[DatasetTrack]) -> dict[str, NDArray[np.float64]]:
    """Return the mean power spectrum of each label over tracks, each stem at unit RMS."""
    sums: dict[str, NDArray[np.float64]] = {}
    counts: dict[str, int] = {}
    for clip in map(read_clip, tracks):
        for label, stem in clip.stems.items():
            if level := float(np.sqrt(np.mean(stem.astype(np.float64) ** 2))):
                power = (_spectrum(stem / level).abs() ** 2).mean(dim=1).double().numpy()
                sums[label] = sums.get(label, 0) + power
                counts[label] = counts.get(label, 0) + 1
    return {label: sums[label] / counts[label] for label in sorted(sums)}
