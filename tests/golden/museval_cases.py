"""Golden cases of museval, scored through the package's public code."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from unmixcli.evaluation.museval_json import load_museval
from unmixcli.evaluation.options import Options, Style
from unmixcli.evaluation.scores import TrackScores
from unmixcli.evaluation.track import evaluate_track

if TYPE_CHECKING:
    from golden.judge import Case

SYSTEM = "museval"
ORDER = ("SDR", "ISR", "SIR", "SAR")
STYLES = {"v4": Style.V4, "v3": Style.V3_IMAGES}

PERFECT = 100.0
"""In dB; from here on a score is what float64 rounds a perfect estimate to."""


def scored(case: Case) -> TrackScores:
    config = case.facts["config"]
    names = config["targets"]

    def signals(kind: str) -> dict[str, np.ndarray]:
        samples = np.load(case.folder / f"{kind}.npy").astype(np.float32) / 128
        return dict(zip(names, samples.transpose(0, 2, 1), strict=True))

    options = Options(
        window=config["win"],
        hop=config["hop"],
        full=True,
        museval_compat=True,
        style=STYLES[config["mode"]],
    )
    return evaluate_track(
        signals("references"), signals("estimates"), config["rate"], options=options
    )


def table(scores: TrackScores) -> np.ndarray:
    """Return scores as (metrics, stems, windows), in the order of museval."""
    stems = [frames.metrics() for frames in scores.sources.values()]
    return np.array([[frames[metric] for frames in stems] for metric in ORDER])


def expected(case: Case) -> np.ndarray:
    return np.load(case.folder / "metrics.npy")


def expected_file(case: Case) -> TrackScores:
    """Return what museval wrote, as our reader reads it."""
    return load_museval((case.folder / "museval.json").read_text(), case.name)


def medians(case: Case) -> np.ndarray:
    found = json.loads((case.folder / "case.json").read_text())["medians"]
    return np.array([[float(stem[metric]) for stem in found.values()] for metric in ORDER])


def same(ours: np.ndarray, theirs: np.ndarray, tolerance: float) -> bool:
    """Say whether scores agree, in what is void too."""
    if not np.array_equal(np.isnan(ours), np.isnan(theirs)):
        return False
    perfect = (ours >= PERFECT) & (theirs >= PERFECT)
    known = ~perfect & ~np.isnan(ours)
    return bool(np.all(np.abs(ours[known] - theirs[known]) <= tolerance))
