"""Scores of models of songs: a real song, a real clip of four stems, a rendered test set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedded_tables import decibels, table, tested
from unmixcli.audio import multistream
from unmixcli.datasets.folder import STEM_FILE
from unmixcli.datasets.layouts import open_dataset
from unmixcli.datasets.track import ACCOMPANIMENT, MIXTURE, VOCALS, DatasetTrack
from unmixcli.evaluation import oracles
from unmixcli.evaluation.aggregate import Aggregation, Table, aggregate, whole_tracks
from unmixcli.evaluation.options import Options
from unmixcli.evaluation.ratios import sdr
from unmixcli.evaluation.scores import TrackScores
from unmixcli.evaluation.track import evaluate_track
from unmixcli.separation import Separator

Stems = dict[str, NDArray[np.floating[Any]]]
"""By source, (channels, samples)."""

Scores = dict[str, dict[str, float]]
"""By system, by stem, in dB."""

SONG = "triviul-widow"
PAIR = (VOCALS, ACCOMPANIMENT)
METRICS = ("SDR", "SIR", "SAR", "ISR")


def development(models: Mapping[str, Separator], folder: Path, clips: Path) -> dict[str, Scores]:
    """Score real music, whole clips and all channels at once."""
    found = {}
    song = folder / SONG
    if song.is_dir():
        found["song"] = _song(models, song)
        kinds = [*PAIR, *(f"{stem}, mono" for stem in PAIR)]
        print(f"{SONG}, SDR of the whole clip in dB (mono: of the mean of both channels)\n")
        _print(found["song"], kinds)
    else:
        print(f"not scored, there is no {SONG} in the development folder\n")
    for name, track in _clips(clips):
        found[name] = _clip(models, track)
        print(f"{name}, SDR of the whole clip in dB\n")
        _print(found[name], track.sources)
    return found


def _print(scores: Scores, stems: Sequence[str]) -> None:
    rows = (
        [system, *(decibels(row.get(stem, np.nan)) for stem in stems)]
        for system, row in scores.items()
    )
    table(["system", *stems], rows)


def _song(models: Mapping[str, Separator], folder: Path) -> Scores:
    track = DatasetTrack(
        name=folder.name,
        stems={stem: (folder / f"{stem}.mp3",) for stem in PAIR},
        mixture=folder / "mix.mp3",
    )
    mixture, references = _read(track)
    scores = {"mixture": _pair_scores(references, dict.fromkeys(PAIR, mixture))}
    for title, model in models.items():
        vocals = _separated(model, track, mixture).get(VOCALS)
        if vocals is not None:  # what is left is the accompaniment
            pair = {VOCALS: vocals, ACCOMPANIMENT: mixture - vocals}
            scores[title] = _pair_scores(references, pair)
    for published in sorted(folder.glob(f"*/{VOCALS}.mp3")):
        files = {stem: (published.with_stem(stem),) for stem in PAIR}
        _, theirs = _read(DatasetTrack(name=published.parent.name, stems=files))
        scores[f"{published.parent.name}, published"] = _pair_scores(references, theirs)
    irm = oracles.estimate(oracles.Oracle.IRM2, references, mixture)
    return scores | {"IRM": _pair_scores(references, dict(irm))}


def _pair_scores(references: Stems, estimates: Stems) -> dict[str, float]:
    """Return the SDR of both channels, and of their mean, by which some have published."""
    scores = {stem: sdr(references[stem], estimates[stem]) for stem in references}
    for stem in references:
        true, guess = (signals[stem].mean(0, keepdims=True) for signals in (references, estimates))
        scores[f"{stem}, mono"] = sdr(true, guess)
    return scores


def _clips(folder: Path) -> Iterator[tuple[str, DatasetTrack]]:
    """Yield the tracks of the ``.stem.mp4`` files below a folder, where they can be decoded."""
    files = sorted(folder.rglob(f"*{STEM_FILE}")) if folder.is_dir() else []
    if not files:
        print(f"not scored, there is no {STEM_FILE} file in the folder of clips\n")
    elif not multistream.available():
        print(f"not scored, PyAV is not installed: {', '.join(file.name for file in files)}\n")
    else:
        for parent in sorted({file.parent for file in files}):
            yield from ((track.name, track) for track in open_dataset(parent).tracks)


def _clip(models: Mapping[str, Separator], track: DatasetTrack) -> Scores:
    mixture, references = _read(track)
    systems = _systems(models, track, mixture, references)
    return {
        system: {stem: sdr(references[stem], guess) for stem, guess in estimates.items()}
        for system, estimates in systems
    }


def _systems(
    models: Mapping[str, Separator], track: DatasetTrack, mixture: Any, references: Stems
) -> Iterator[tuple[str, Stems]]:
    """Yield what each system makes of a track: the floor, the models, the ceiling."""
    yield "mixture", dict.fromkeys(references, mixture)
    for title, model in models.items():
        found = _separated(model, track, mixture)
        yield title, {stem: found[stem] for stem in references if stem in found}
    yield "IRM", dict(oracles.estimate(oracles.Oracle.IRM2, references, mixture))


def _separated(model: Separator, track: DatasetTrack, mixture: Any) -> Stems:
    estimates = model.separate(mixture, track.sample_rate)
    return {stem: estimate.numpy() for stem, estimate in estimates.items()}


def _read(track: DatasetTrack) -> tuple[Any, Stems]:
    """Return the mixture and the stems, (channels, samples)."""
    references = {source: track.read(source).numpy() for source in track.sources}
    return track.read(MIXTURE).numpy(), references


def held_out(
    models: Mapping[str, Separator], folder: Path, *, limit: int | None, full: bool
) -> dict[str, Any]:
    """Score the test tracks of a rendered data set with the engine of ``unmixcli evaluate``."""
    dataset = tested(folder, limit)
    scores: dict[str, list[TrackScores]] = {}
    for track in dataset.tracks:
        mixture, references = _read(track)
        for system, estimates in _systems(models, track, mixture, references):
            if estimates:
                options = Options(full=full)
                found = evaluate_track(
                    references, estimates, track.sample_rate, options=options, name=track.name
                )
                scores.setdefault(system, []).append(found)
    metrics = METRICS if full else METRICS[:1]
    print(f"{len(dataset)} rendered test tracks, SDR of whole tracks in dB;")
    print("windows: of 1 s, the median over tracks of the medians of each\n")
    doubtful = sum("nearly dependent" in " ".join(one.warnings) for one in scores["mixture"])
    if doubtful:
        print(f"SIR, SAR and ISR of {doubtful} are in doubt: their stems are nearly dependent\n")
    rows, summary = [], {}
    for system, tracks in scores.items():
        summary[system] = _summary(tracks)
        rows += [_row(system, stem, row, metrics) for stem, row in summary[system].items()]
    kinds = ["SDR, median", "SDR, mean", *(f"{metric}, windows" for metric in metrics)]
    table(["system", "stem", *kinds], rows)
    each = {
        system: {found.name: dict(found.sdr) for found in tracks}
        for system, tracks in scores.items()
    }
    return {"summary": summary, "SDR of tracks": each}


def _summary(tracks: list[TrackScores]) -> dict[str, dict[str, float]]:
    """Return by stem the median and mean of tracks, and the medians of windows."""
    entire: Table = whole_tracks(tracks)
    windows: Table = aggregate(tracks, Aggregation.MEDIAN_OF_MEDIANS)
    return {
        stem: {
            "SDR, median": row["SDR"].median,
            "SDR, mean": row["SDR"].mean,
            **{f"{metric}, windows": found.median for metric, found in windows[stem].items()},
        }
        for stem, row in entire.items()
    }


def _row(system: str, stem: str, row: dict[str, float], metrics: Sequence[str]) -> list[str]:
    kinds = ("SDR, median", "SDR, mean", *(f"{metric}, windows" for metric in metrics))
    return [system, stem, *(decibels(row.get(kind, np.nan)) for kind in kinds)]
