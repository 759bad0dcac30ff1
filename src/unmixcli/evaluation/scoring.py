"""Score a system on a track: the references and the estimates of one track, and no more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from unmixcli.audio.encoding.outputs import stem_file
from unmixcli.audio.format import AudioFormat
from unmixcli.audio.writer import StemWriter
from unmixcli.datasets.collection import Dataset
from unmixcli.datasets.track import MIXTURE, DatasetTrack
from unmixcli.errors import DeviceError, OutputError, UnmixError, is_out_of_memory
from unmixcli.evaluation.naming import matched
from unmixcli.evaluation.options import Options
from unmixcli.evaluation.oracles import with_accompaniment
from unmixcli.evaluation.results import Failure
from unmixcli.evaluation.scores import TrackScores
from unmixcli.evaluation.store import Place
from unmixcli.evaluation.systems.system import Advance, Opened, Scene, Signals, System
from unmixcli.evaluation.targets import Targets, choose
from unmixcli.evaluation.track import evaluate_track


@dataclass(frozen=True, kw_only=True)
class Task:
    """One system on one track, by their numbers.

    Attributes:
        system: Number of the system.
        track: Number of the track.
        place: Where its results go.
        settings: Hash of all that decides them; empty where that cannot be known.
        stems: Whether to keep the estimates.
        references: Whether to keep mixture and references, too.
    """

    system: int
    track: int
    place: Place
    settings: str
    stems: bool = False
    references: bool = False


Outcome = TrackScores | Failure
"""What came of a task."""


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What a process must know to score; small, so that it can be sent to one.

    Attributes:
        dataset: The tracks.
        systems: What is scored.
        options: How.
        accompaniment: Whether the accompaniment is scored where nobody has a file of it.
    """

    dataset: Dataset
    systems: tuple[System, ...]
    options: Options
    accompaniment: bool = False


class Scorer:
    """Scores tasks one after the other, with one system open at a time.

    Args:
        setup: What there is to score.
    """

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self._opened: tuple[int, Opened] | None = None

    def open(self, number: int, progress: Advance | None = None) -> Opened:
        """Return a system that is ready; the one before is let go of.

        Raises:
            UnmixError: It is not to be had.
        """
        if self._opened is None or self._opened[0] != number:
            self._opened = None  # before the next takes its memory
            opened = self.setup.systems[number].open(self.setup.dataset, progress)
            self._opened = number, opened
        return self._opened[1]

    def score(self, task: Task, progress: Advance | None = None) -> Outcome:
        """Score a task; what is wrong with its track is an outcome, too.

        Raises:
            OutputError: Stems are to be kept, and cannot be written.
        """
        track = self.setup.dataset.tracks[task.track]
        system = self.setup.systems[task.system].name
        try:
            return self._score(task, track, progress)
        except OutputError:  # the next track would not fit either
            raise
        except UnmixError as error:
            return _failure(system, track, error)
        except MemoryError:
            return _failure(system, track, _too_large())
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            return _failure(system, track, _too_large())

    def _score(self, task: Task, track: DatasetTrack, progress: Advance | None) -> TrackScores:
        setup, opened, scene = self.setup, self.open(task.system), Scene(track)
        names = matched(track, opened.stems(track))
        targets = choose(track, [*names.values()], accompaniment=setup.accompaniment)
        if task.references:
            _keep(task.place.references, track, {MIXTURE: scene.read(MIXTURE)}, scene, targets)
        needed = [stem for stem in names if targets.summed or names[stem] in targets.names]
        found = opened.estimate(scene, needed, progress)
        estimates = {names[stem]: signal for stem, signal in found.items()}
        if targets.summed:
            estimates = with_accompaniment(estimates)
        estimates = {name: estimates[name] for name in targets.names}
        references = {name: scene.read(name) for name in targets.names}
        scores = evaluate_track(
            references, estimates, track.sample_rate, options=setup.options, name=track.name
        )
        if task.stems:
            _write(task.place.stems, track, estimates)
        return replace(scores, warnings=(*_notes(track, names, targets), *scores.warnings))


def stem_paths(folder: Path, stems: Sequence[str]) -> dict[str, Path]:
    """Return where stems are kept."""
    return {stem: folder / stem_file(stem) for stem in stems}


def _notes(track: DatasetTrack, names: Mapping[str, str], targets: Targets) -> list[str]:
    notes = list(track.agreement.notes)
    notes += [f"{name}: no estimate, not scored" for name in targets.unscored]
    others = [stem for stem, name in names.items() if name not in targets.names]
    if not targets.summed:
        notes += [f"{stem}: no reference, not scored" for stem in others]
    else:
        notes.append("accompaniment: the sum of the estimates of all other stems but the vocals")
    return notes


def _keep(
    folder: Path, track: DatasetTrack, signals: Signals, scene: Scene, targets: Targets
) -> None:
    """Write the mixture, and every reference that is scored or that the track has."""
    names = dict.fromkeys((*track.sources, *targets.names))
    _write(folder, track, signals | {name: scene.read(name) for name in names})


def _write(folder: Path, track: DatasetTrack, signals: Signals) -> None:
    """Write signals as long as the track, as 32-bit floats: what is kept can be scored again."""
    stems = list(signals)
    sounding = AudioFormat(track.sample_rate, track.channels)
    with StemWriter(folder, stems, sounding, track.frames, overwrite=True) as writer:
        missing = {stem: track.frames - signals[stem].shape[-1] for stem in stems}
        fitted = [
            np.pad(signals[stem][:, : track.frames], [(0, 0), (0, max(missing[stem], 0))])
            if missing[stem]
            else signals[stem]
            for stem in stems
        ]
        for start in range(0, track.frames, track.sample_rate):
            block = np.stack([signal[:, start : start + track.sample_rate] for signal in fitted])
            writer.write(torch.from_numpy(block.astype(np.float32, copy=False)))


def _failure(system: str, track: DatasetTrack, error: UnmixError) -> Failure:
    return Failure(
        system=system,
        track=track.name,
        error=str(error),
        hint=error.hint,
        exit_code=error.exit_code,
    )


def _too_large() -> DeviceError:
    return DeviceError("out of memory", hint="close other programs, or take fewer --jobs")
