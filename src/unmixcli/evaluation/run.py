"""Evaluate systems on a data set, track by track, so that it can be stopped anywhere."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from unmixcli.datasets.collection import Dataset
from unmixcli.datasets.layouts import listed
from unmixcli.datasets.track import MIXTURE, DatasetTrack
from unmixcli.errors import DatasetError, UsageError
from unmixcli.evaluation import museval_engine, pool, store
from unmixcli.evaluation.fingerprint import UNKNOWN, fingerprint
from unmixcli.evaluation.naming import file_names
from unmixcli.evaluation.options import Engine
from unmixcli.evaluation.request import Listener, Request
from unmixcli.evaluation.results import Failure, Results, SystemResults, TrackResult
from unmixcli.evaluation.scores import TrackScores
from unmixcli.evaluation.scoring import Outcome, Scorer, Setup, Task, stem_paths
from unmixcli.evaluation.store import Place
from unmixcli.evaluation.systems.system import System
from unmixcli.evaluation.tables import write_tables


def evaluate(
    dataset: Dataset, systems: Sequence[System], request: Request, listener: Listener
) -> Results:
    """Score systems on every track of a data set, and write all files.

    A track that cannot be scored is among the failures, and does not end the run.

    Args:
        dataset: The references.
        systems: What is scored, each name once.
        request: How.
        listener: Told of everything.

    Raises:
        UsageError: Two systems have one name, the folder has results, or is in use.
        ConfigError: museval is asked for and absent, or a system cannot be run so.
        DatasetError: There are no estimates of any track.
        WeightsError: A model is not to be had.
        OutputError: The results cannot be written.
    """
    _require_apart(systems)
    if request.options.engine is Engine.MUSEVAL:
        museval_engine.metrics()
    anew = not (request.resume or request.overwrite)
    with store.held(request.output, anew=anew):
        run = _Run(dataset, tuple(systems), request, listener)
        results = run.results()
        write_tables(results)
        if request.report and results.scored:
            _report(results)
    return results


def _report(results: Results) -> None:
    from unmixcli.evaluation.report import write_report  # noqa: PLC0415  draws: takes a second

    write_report(results.folder, results)


def _require_apart(systems: Sequence[System]) -> None:
    names = [system.name.casefold() for system in systems]
    for system in systems:
        if names.count(system.name.casefold()) > 1:
            raise UsageError(
                f"two systems are called '{system.name}'",
                hint="name a folder of estimates with --estimates NAME=DIR, or rename a file",
            )


class _Run:
    """One evaluation, from what there is to do to what came of it."""

    def __init__(
        self, dataset: Dataset, systems: tuple[System, ...], request: Request, listener: Listener
    ) -> None:
        self._dataset = dataset
        self._systems = systems
        self._request = request
        self._listener = listener
        self._tracks = [*dataset.tracks]
        self._scorer = Scorer(
            Setup(
                dataset=dataset,
                systems=systems,
                options=request.options,
                accompaniment=request.accompaniment,
            )
        )
        self._files = file_names(track.name for track in self._tracks)
        self._folders = file_names((system.name for system in systems), store.RESERVED)
        self._about: list[Mapping[str, Any]] = []

    def results(self) -> Results:
        """Do all there is to do."""
        tasks = [task for number in range(len(self._systems)) for task in self._prepared(number)]
        outcomes = self._outcomes(tasks)
        self._note_others(tasks)
        request = self._request
        return Results(
            folder=request.output,
            dataset=self._dataset.path,
            layout=self._dataset.layout.value,
            split=request.split,
            track_names=tuple(track.name for track in self._tracks),
            notes=self._dataset.notes,
            options=request.options,
            settings={
                **asdict(request.options),
                "accompaniment": request.accompaniment,
                "split": request.split,
            },
            systems=tuple(
                self._of_system(number, tasks, outcomes) for number in range(len(self._systems))
            ),
            audio=self._audio(tasks),
        )

    def _prepared(self, number: int) -> Iterator[Task]:
        """Make a system ready once, so that what it lacks is said before anything is scored."""
        system = self._systems[number]
        opened = self._scorer.open(number, self._listener.opening(system.name))
        self._about.append(opened.about)
        for note in opened.notes:
            self._listener.note(f"{system.name}: {note}")
        for index, track in enumerate(self._tracks):
            yield Task(
                system=number,
                track=index,
                place=self._place(system, track),
                settings=fingerprint(
                    track,
                    opened.files(track),
                    about=opened.about,
                    options=self._request.options,
                    accompaniment=self._request.accompaniment,
                ),
                stems=self._request.keep_stems,
                references=self._request.keep_stems and number == 0,
            )

    def _place(self, system: System, track: DatasetTrack) -> Place:
        output, split, file = self._request.output, track.split or "", self._files[track.name]
        return Place(
            system=output / self._folders[system.name],
            folder=split,
            file=file,
            references=output / store.REFERENCES / split / file,
        )

    def _outcomes(self, tasks: Sequence[Task]) -> dict[Task, Outcome]:
        """Return what came of every task, in order, whatever was done first."""
        kept = self._kept(tasks) if self._request.resume else {}
        outcomes: dict[Task, Outcome] = {}
        early: dict[Task, Outcome] = dict(kept)
        waiting = [task for task in tasks if task not in kept]
        with closing(self._scored(waiting, before=len(kept))) as found:
            for task in tasks:
                while task not in early:
                    other, outcome = next(found)
                    early[other] = outcome
                outcomes[task] = early.pop(task)
                names = self._systems[task.system].name, self._tracks[task.track].name
                self._listener.scored(*names, outcomes[task], kept=task in kept)
        return outcomes

    def _kept(self, tasks: Sequence[Task]) -> dict[Task, Outcome]:
        """Return the scores that need not be made again."""
        kept: dict[Task, Outcome] = {}
        stale: dict[tuple[str, str], list[str]] = defaultdict(list)
        for task in tasks:
            try:
                scores = store.load(task.place, task.settings)
            except DatasetError as error:
                system = self._systems[task.system].name
                stale[system, str(error)].append(self._tracks[task.track].name)
                continue
            if scores is not None and task.settings != UNKNOWN and _has_stems(task, scores):
                kept[task] = scores
        for (system, reason), names in stale.items():
            self._listener.note(f"{system}: scores of {listed(names)} are {reason}: scored anew")
        return kept

    def _scored(
        self, tasks: Sequence[Task], *, before: int
    ) -> Generator[tuple[Task, Outcome], None, None]:
        """Score tasks, keep what came of them, and yield it."""
        for done, (task, outcome) in enumerate(self._begun(tasks, before), before + 1):
            if isinstance(outcome, Failure):
                store.remove(task.place)  # what is there is of other settings, or of other files
            else:
                name = self._systems[task.system].name
                store.save(task.place, outcome, system=name, settings=task.settings)
            self._listener.working(done, before + len(tasks))
            yield task, outcome

    def _begun(self, tasks: Sequence[Task], before: int) -> Iterator[tuple[Task, Outcome]]:
        self._listener.working(before, before + len(tasks))
        if self._request.jobs == 1 or len(tasks) < 2:
            return self._alone(tasks, before)
        setup = self._scorer.setup
        self._scorer = Scorer(setup)  # what is open here would take memory for nothing
        return pool.score_all(setup, tasks, self._request.jobs)

    def _alone(self, tasks: Sequence[Task], before: int) -> Iterator[tuple[Task, Outcome]]:
        for position, task in enumerate(tasks, before):

            def progress(done: int, total: int | None, position: int = position) -> None:
                part = done / total if total else 0
                self._listener.working(position + part, before + len(tasks))

            yield task, self._scorer.score(task, progress)

    def _of_system(
        self, number: int, tasks: Sequence[Task], outcomes: Mapping[Task, Outcome]
    ) -> SystemResults:
        system = self._systems[number]
        own = [(task, outcomes[task]) for task in tasks if task.system == number]
        return SystemResults(
            name=system.name,
            kind=system.kind,
            folder=self._request.output / self._folders[system.name],
            about=self._about[number],
            tracks=tuple(
                TrackResult(
                    name=outcome.name,
                    split=self._tracks[task.track].split,
                    scores=outcome,
                    audio=stem_paths(task.place.stems, [*outcome.sources]) if task.stems else {},
                )
                for task, outcome in own
                if not isinstance(outcome, Failure)
            ),
            failures=tuple(outcome for _, outcome in own if isinstance(outcome, Failure)),
        )

    def _note_others(self, tasks: Sequence[Task]) -> None:
        """Say where readers of a folder would find more than this run is about."""
        own = {task.place.scores for task in tasks}
        for folder in dict.fromkeys(task.place.system for task in tasks):
            others = len({*store.scores_in(folder)} - own)
            if others:
                self._listener.note(
                    f"'{folder}' also holds scores of {others} other tracks, made before; the "
                    "summary is without them"
                )

    def _audio(self, tasks: Sequence[Task]) -> dict[str, Mapping[str, Path]]:
        """Return the mixtures and references that were kept."""
        return {
            self._tracks[task.track].name: {
                path.stem: path for path in sorted(task.place.references.glob("*.wav"))
            }
            for task in tasks
            if task.references and task.place.references.is_dir()
        }


def _has_stems(task: Task, scores: TrackScores) -> bool:
    """Say whether the stems are there that are to be kept."""
    wanted = [*stem_paths(task.place.stems, [*scores.sources]).values()] if task.stems else []
    if task.references:
        wanted += stem_paths(task.place.references, [MIXTURE, *scores.sources]).values()
    return all(path.is_file() for path in wanted)
