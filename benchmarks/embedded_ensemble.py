"""Scores of models that are told which instruments play: real players, a rendered test set.

SDR and SI-SDR without filters, mono at 22.05 kHz, means over sources. All but the ratio mask
are told exactly the labels that a track names, and nothing of what else plays in it.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from embedded_floors import (
    LABELS,
    RATE,
    REST,
    Clip,
    Estimates,
    Signal,
    Spectra,
    System,
    divided,
    fixed_filter,
    ratio_mask,
    read_clip,
    whole,
)
from embedded_report import CEILING, FILTER, Found, report
from embedded_tables import tested
from unmixcli.datasets.layouts import open_dataset
from unmixcli.evaluation.options import Options, Style
from unmixcli.evaluation.ratios import decibels, energy, sdr, si_sdr
from unmixcli.evaluation.track import evaluate_track
from unmixcli.selection import Selection
from unmixcli.separation import Separator

FLOORS: dict[str, System] = {"mixture": whole, "mixture / n": divided}


def development(
    models: Mapping[str, Separator], folder: Path, spectra: Spectra | None
) -> dict[str, Any]:
    """Score recordings of real players, mixed."""
    if not folder.is_dir():
        print("not scored, there is no development folder\n")
        return {}
    clips = map(read_clip, open_dataset(folder).tracks)
    found = Found()
    systems = _systems(models, spectra)
    for clip in clips:
        _score(found, clip, systems, models)
    return report("recordings of real players", found, [*systems, CEILING], models)


def held_out(
    models: Mapping[str, Separator],
    folder: Path,
    spectra: Spectra | None,
    *,
    limit: int | None,
    full: bool,
    seed: int = 0,
) -> dict[str, Any]:
    """Score the test tracks of a rendered data set, absent instruments and, if full, SIR, too."""
    found = Found()
    systems = _systems(models, spectra)
    for clip in map(read_clip, tested(folder, limit).tracks):
        estimates = _score(found, clip, systems, models)
        _ask_for_absent(found, clip, systems, seed)
        if full:
            _run_engine(found, clip, estimates)
    return report("rendered test tracks", found, [*systems, CEILING], models)


def _systems(models: Mapping[str, Separator], spectra: Spectra | None) -> dict[str, System]:
    filters = {FILTER: fixed_filter(spectra)} if spectra else {}
    return {**FLOORS, **filters, **{title: told(model) for title, model in models.items()}}


def told(model: Separator) -> System:
    """Return a model as something that is told labels, whether it takes or selects them."""

    def separate(mixture: Signal, labels: Sequence[str]) -> Estimates:
        estimates = model.separate(mixture, RATE, selection=Selection(instruments=labels))
        # It may have words of its own for them, but keeps their order.
        return dict(zip(labels, (stem.numpy() for stem in estimates.values()), strict=True))

    return separate


def _score(
    found: Found, clip: Clip, systems: Mapping[str, System], models: Mapping[str, Separator]
) -> dict[str, Estimates]:
    """Score all systems on a clip, and return their estimates."""
    other = clip.rest is not None
    found.tracks.append({"name": clip.name, "labels": clip.labels, "other": other})
    estimates = {name: system(clip.mixture, clip.labels) for name, system in systems.items()}
    estimates[CEILING] = ratio_mask(clip)
    for name, guesses in estimates.items():
        scores = {
            label: (sdr(stem, guesses[label]), si_sdr(stem, guesses[label]))
            for label, stem in clip.stems.items()
        }
        found.scores.setdefault(name, {})[clip.name] = scores
        if name in models:
            found.swapped.setdefault(name, {})[clip.name] = gain_of_swaps(clip.stems, guesses)
    return estimates


def gain_of_swaps(stems: Estimates, guesses: Estimates) -> float:
    """Return the mean SDR of the best assignment of estimates to stems over that of theirs."""
    scores = np.array([[sdr(stem, guesses[label]) for label in stems] for stem in stems.values()])
    scores = np.nan_to_num(scores, nan=0.0, posinf=200.0, neginf=-200.0)
    best = scores[linear_sum_assignment(scores, maximize=True)].mean()
    return float(best - np.diag(scores).mean())


def _ask_for_absent(found: Found, clip: Clip, systems: Mapping[str, System], seed: int) -> None:
    """Ask for an instrument more than play, where all that play are known."""
    absent = [label for label in LABELS if label not in clip.stems]
    if clip.rest is not None or not absent:
        return
    rng = np.random.default_rng([seed, zlib.crc32(clip.name.encode())])
    label = absent[rng.integers(len(absent))]
    for name, system in systems.items():
        if name not in FLOORS:
            guess = system(clip.mixture, (*clip.labels, label))[label]
            level = decibels(energy(guess), energy(clip.mixture))
            found.absent.setdefault(name, {})[clip.name] = (label, level)


def _run_engine(found: Found, clip: Clip, estimates: Mapping[str, Estimates]) -> None:
    """Score windows of a second with filters of their own, in the company of the rest.

    The filters of v4 are of a whole track; where notes are few and steady they fit anything,
    and SIR and SAR say nothing. museval's, too.
    """
    for name, guesses in estimates.items():
        given = dict(guesses)
        if clip.rest is not None:
            given[REST] = clip.mixture - np.sum([guesses[label] for label in clip.stems], axis=0)
        options = Options(style=Style.V3)
        scores = evaluate_track(clip.references, given, RATE, options=options, name=clip.name)
        found.engine.setdefault(name, []).append(scores)
