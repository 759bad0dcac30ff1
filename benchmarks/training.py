"""Does training work? Small networks of every architecture learn four short songs by heart.

    python benchmarks/training.py                 every proof, about twenty minutes
    python benchmarks/training.py demucs cexp     some

Each proof is a run of ``unmixcli train`` in small: songs of ``examples/render.py`` whose
stems overlap in their spectra, a recipe, and the result separated as ``separate`` does.
What is printed is the SDR over that of the mixture, mean over stems and songs, beside that
of the ideal ratio mask, which no magnitude mask exceeds.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "examples"))

from render import render_dataset, render_song, write_track
from unmixcli.datasets.layouts import open_dataset
from unmixcli.datasets.track import DatasetTrack
from unmixcli.evaluation import oracles
from unmixcli.evaluation.ratios import energy, sdr
from unmixcli.selection import Selection
from unmixcli.separation import Separator
from unmixcli.settings import Settings
from unmixcli.training import recipe as recipes
from unmixcli.training.choice import Choice
from unmixcli.training.examples import labels_of
from unmixcli.training.frozen import Frozen
from unmixcli.training.request import Request
from unmixcli.training.session import train
from unmixcli.training.start import known
from unmixcli.training.validation import Told
from unmixcli.weights import checkpoint, loader
from unmixcli.weights.licence import Licence

RATE, SECONDS = 8000, 3.0
BAND = ("bass", "other", "vocals")
ENSEMBLES = (("vn", "cl"), ("vc", "fl"), ("vn", "fl"), ("vc", "cl"))
INSTRUMENTS = ("cl", "fl", "vc", "vn")

Estimates = dict[str, np.ndarray[Any, np.dtype[np.float32]]]


@dataclass(frozen=True, kw_only=True)
class Proof:
    """A network in small, and how it is trained.

    Attributes:
        architecture: A module of :mod:`unmixcli.models`.
        config: Its hyper-parameters beside sources, rate and channels.
        songs: The sources of each song.
        channels: Of the songs and the network.
        seconds: Length of a segment.
        steps: Of the optimiser.
        rate: The learning rate it begins with; a cosine ends near zero.
        loss: Terms of it.
        batch_size: Examples of a step.
    """

    architecture: str
    config: Mapping[str, Any]
    songs: Sequence[Sequence[str]] = (BAND,) * 4
    channels: int = 1
    seconds: float = 1.0
    steps: int = 400
    rate: float = 3e-3
    loss: Sequence[Mapping[str, Any]] = field(default_factory=lambda: ({"name": "l1"},))
    batch_size: int = 4

    @property
    def sources(self) -> list[str]:
        """What is separated."""
        return sorted({source for song in self.songs for source in song})

    def recipe(self) -> recipes.Recipe:
        """Return the recipe."""
        common = {"sources": self.sources, "sample_rate": RATE, "channels": self.channels}
        return recipes.from_dict(
            {
                "model": {
                    "architecture": self.architecture,
                    "config": {**common, **self.config},
                    "schedule": {"segment": 2 * RATE},
                },
                "data": {
                    "seconds": self.seconds,
                    "batch_size": self.batch_size,
                    "steps_per_epoch": 100,
                },
                "loss": [*self.loss],
                "optim": {"lr": self.rate, "clip": 5.0},
                "scheduler": {"name": "cosine", "warmup": 20, "floor": 0.01},
                "stages": [{"steps": self.steps}],
            }
        )


PROOFS = {
    "demucs": Proof(
        architecture="demucs",
        config={"width": 24, "depth": 4, "lstm_layers": 1, "resample": False},
    ),
    "conv-tasnet": Proof(
        architecture="conv_tasnet",
        config={"filters": 64, "kernel_size": 16, "bottleneck": 48, "hidden": 96}
        | {"blocks": 6, "repeats": 2},
    ),
    "wave-u-net": Proof(
        architecture="wave_u_net", config={"depth": 6, "width": 16, "context": False}
    ),
    "wavenet": Proof(
        architecture="wavenet",
        config={"stacks": 2, "residual": 32, "skip": 32, "final": (128, 64)}
        | {"dilations": (1, 2, 4, 8, 16, 32, 64, 128, 256)},
        steps=60,
    ),
    "cexp": Proof(
        architecture="conditioned_wave_u_net",
        config={"depth": 6, "width": 16, "context": False, "difference": False},
        songs=ENSEMBLES,
        # Squares shape what sounds; magnitudes go on pulling, down to silence, what does not.
        loss=(
            {"name": "l1", "relative": True},
            {"name": "l2", "relative": True, "weight": 10.0},
        ),
        seconds=0.5,
        rate=4e-3,
        steps=3000,
    ),
    "mini": Proof(
        architecture="band_split_rnn",
        config={"n_fft": 512, "hop": 128, "features": 32, "hidden": 32, "layers": 2},
        channels=2,
    ),
    "tdc-u-net": Proof(
        architecture="tdc_u_net",
        config={"n_fft": 512, "hop": 128, "growth": 12, "layers": 3, "depth": 3},
        songs=(("vocals", "accompaniment"),) * 4,
    ),
}


ENOUGH = {"demucs": 200, "conv-tasnet": 150}
"""Steps after which CI looks whether a network has learnt enough."""

FURTHER = (
    *("data.batch_size=1", "data.seconds=0.5", "data.steps_per_epoch=100", "augment=[]"),
    *("optim.lr=5e-4", "optim.ema=0.9", "scheduler.warmup=20"),
)
"""The recipe of the embedded network, as far as a small computer can follow it."""


class Quiet:
    """Listens to a run, and remembers its losses."""

    def __init__(self) -> None:
        self.losses: list[float] = []

    def note(self, text: str) -> None:
        """Take no note."""

    def indexed(self, done: int, total: int) -> None:
        """Take no note."""

    def stepped(self, trainer: Any, loss: float, speed: float) -> None:
        """Remember the loss."""
        self.losses.append(loss)

    def validated(self, trainer: Any, verdict: Any, better: bool) -> None:
        """Take no note."""


def render(folder: Path, proof: Proof) -> Path:
    """Write the songs of a proof."""
    for number, song in enumerate(proof.songs):
        played = BAND if "accompaniment" in song else song
        stems = render_song(100 + number, SECONDS, sample_rate=RATE, sources=played)
        if "accompaniment" in song:
            rest = sum(stem for name, stem in stems.items() if name != "vocals")
            stems = {"vocals": stems["vocals"], "accompaniment": np.asarray(rest)}
        write_track(folder / f"song {number}", stems, sample_rate=RATE, mono=proof.channels == 1)
    return folder


def learnt(proof: Proof, folder: Path, *, model: str = "") -> Path:
    """Train on the songs in ``folder/songs``, and return the weights."""
    frozen = Frozen(recipe=proof.recipe(), dataset=str(folder / "songs"), model=model)
    outcome = train(Request(frozen=frozen, output=folder / "run", device="cpu"), Quiet())
    assert outcome.model is not None
    return outcome.model


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a network learnt, in dB.

    Attributes:
        present: SDR over the mixture's, the mean over songs and the stems that they have.
        worst: The least of these.
        ceiling: What the ideal ratio mask reaches, the mean.
        absent: Energy of the loudest estimate of a stem that a song does not have, over
            that of the mixture; minus infinity where there is none.
    """

    present: float
    worst: float
    ceiling: float
    absent: float


def judge(proof: Proof, weights: Path, songs: Path) -> Result:
    """Separate the songs, and compare with their stems."""
    gains, ceilings, absent = [], [], [-np.inf]
    for track in open_dataset(songs).tracks:
        mixture = track.read().numpy()
        stems = {source: track.read(source).numpy() for source in track.sources}
        masked = oracles.estimate("irm1", stems, mixture)
        for source, estimate in separated(weights, track).items():
            if source not in stems:
                absent.append(10 * np.log10(energy(estimate) / energy(mixture) + 1e-12))
                continue
            floor = sdr(stems[source], mixture)
            gains.append(sdr(stems[source], estimate) - floor)
            ceilings.append(sdr(stems[source], masked[source]) - floor)
    return Result(
        present=float(np.mean(gains)),
        worst=float(min(gains)),
        ceiling=float(np.mean(ceilings)),
        absent=float(max(absent)),
    )


def separated(weights: Path, track: DatasetTrack) -> Estimates:
    """Separate a song as ``separate`` does; a network that is told is told what it has."""
    header, network = checkpoint.load(weights)
    labels = getattr(network, "labels", ())
    told: Any = Told(network, labels_of(track, labels)) if labels else network
    model = loader.Model(
        name="proof", networks=(told,), schedule=header.schedule,
        licence=Licence(spdx="CC0-1.0"), sha256=(),
    )  # fmt: skip
    # All are asked for by name: what is silent is to be judged, too, and not left out.
    every = Selection(stems=header.config.sources)
    estimates = Separator(model, Settings(device="cpu")).separate(
        track.read(), RATE, selection=every
    )
    return {name: estimate.numpy() for name, estimate in estimates.items()}


def prove(name: str, **changes: Any) -> Result:
    """Train one network, and judge it."""
    proof = replace(PROOFS[name], **changes)
    with tempfile.TemporaryDirectory() as folder:
        songs = render(Path(folder) / "songs", proof)
        return judge(proof, learnt(proof, Path(folder)), songs)


def further(steps: int) -> dict[str, float]:
    """Train the embedded network further, and one of its kind from scratch, by one recipe.

    Returns:
        Mean SDR over that of the mixture, in dB, of two songs that were not learnt from: of
        the network as it is (``before``), of both (``further``, ``scratch``).
    """
    before = known(loader.load("mini"))
    steps_each = (*FURTHER, f"stages=[{{steps={steps}}}]")
    recipe = Choice(recipe="mini", assignments=steps_each).made(before)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        render_dataset(place / "songs", train=4, test=2, seconds=6.0, seed=3)
        found = {"before": _unseen("mini", place / "songs")}
        for name, model in (("further", "mini"), ("scratch", "")):
            frozen = Frozen(recipe=recipe, dataset=str(place / "songs"), model=model)
            request = Request(frozen=frozen, output=place / name, device="cpu")
            outcome = train(request, Quiet())
            found[name] = _unseen(str(outcome.model), place / "songs")
    return found


def _unseen(model: str, songs: Path) -> float:
    gains = []
    for track in open_dataset(songs, split="test").tracks:
        mixture = track.read()
        estimates = Separator.from_manifest(model, device="cpu").separate(
            mixture, track.sample_rate
        )
        for source, estimate in estimates.items():
            true = track.read(source).numpy()
            gains.append(sdr(true, estimate.numpy()) - sdr(true, mixture.numpy()))
    return float(np.mean(gains))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run proofs, and print a line for each."""
    parser = argparse.ArgumentParser(description="Does training work?")
    parser.add_argument("proofs", nargs="*", default=[*PROOFS, "further"], metavar="NAME")
    parser.add_argument("--steps", type=int, help="instead of each proof's own")
    parser.add_argument("--rate", type=float, help="learning rate, instead of each proof's own")
    options = parser.parse_args(arguments)
    changes = {k: v for k, v in (("steps", options.steps), ("rate", options.rate)) if v}
    torch.set_num_threads(1)
    os.environ.setdefault("UNMIXCLI_HOME", tempfile.mkdtemp())
    for name in options.proofs:
        if name == "further":
            said = ", ".join(f"{key} {value:+.2f} dB" for key, value in further(200).items())
            print(f"{name:12} {said}", flush=True)
            continue
        began = time.process_time()
        found = prove(name, **changes)
        print(
            f"{name:12} present {found.present:+6.2f} dB  worst {found.worst:+6.2f}  "
            f"IRM {found.ceiling:+6.2f}  absent {found.absent:+7.1f}  "
            f"{time.process_time() - began:.0f} s of CPU",
            flush=True,
        )


if __name__ == "__main__":
    main()
