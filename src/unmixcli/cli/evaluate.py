"""``unmixcli eval``: from a folder of tracks to scores."""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from unmixcli.cli import evaluate_options as evaluating
from unmixcli.cli import options, signals
from unmixcli.cli.evaluate_systems import Asked
from unmixcli.cli.output import Advance, Meter, Printer
from unmixcli.errors import DatasetError, PartialError, UnmixError
from unmixcli.evaluation.options import Engine, Options, Style
from unmixcli.evaluation.request import Request
from unmixcli.settings import Settings

if TYPE_CHECKING:
    from unmixcli.datasets.collection import Dataset
    from unmixcli.evaluation.results import Failure, Results
    from unmixcli.evaluation.scores import TrackScores

FINE = 1000
"""Steps of the bar for each track."""


def command(
    dataset: evaluating.Dataset,
    split: evaluating.Split = None,
    subset: evaluating.Subset = None,
    model: evaluating.Models = None,
    estimates: evaluating.Estimates = None,
    oracle: evaluating.Oracles = None,
    instruments: evaluating.Instruments = None,
    licence_policy: options.LicencePolicy = None,
    offline: options.Offline = False,
    device: options.Device = "auto",
    shifts: options.Shifts = None,
    seed: options.Seed = 0,
    full: evaluating.Full = False,
    accompaniment: evaluating.Accompaniment = False,
    window: evaluating.Window = 1.0,
    hop: evaluating.Hop = None,
    bsseval: evaluating.BssEval = Style.V4,
    museval_compat: evaluating.Compat = False,
    engine: evaluating.EngineName = Engine.OURS,
    jobs: evaluating.Jobs = 1,
    output: evaluating.Output = Path("scores"),
    keep_stems: evaluating.KeepStems = False,
    resume: evaluating.Resume = False,
    overwrite: evaluating.Overwrite = False,
    no_report: evaluating.NoReport = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Score models, oracles and estimates on a data set: OUTPUT/summary.md and report.html."""
    _settle_last_bits()
    printer = Printer(as_json=as_json, quiet=quiet, verbose=verbose)
    asked = Asked(
        models=tuple(model or ()),
        estimates=tuple(estimates or ()),
        oracles=tuple(oracle or ()),
        instruments=tuple(word.strip() for words in instruments or () for word in words.split(",")),
        policy=licence_policy,
        settings=Settings(device=device, shifts=shifts, seed=seed, threads=_threads(jobs)),
        options=Options(
            window=window,
            hop=hop or window,
            full=full,
            museval_compat=museval_compat,
            engine=engine,
            style=bsseval,
        ),
    )
    request = Request(
        output=output,
        options=asked.options,
        split=split,
        accompaniment=accompaniment,
        keep_stems=keep_stems,
        resume=resume,
        overwrite=overwrite,
        jobs=jobs,
        report=not no_report,
    )
    _finish(printer, _evaluated(asked, request, _opened(dataset, split, subset, printer), printer))


def _settle_last_bits() -> None:
    """Let no sum depend on how many cores there are; in time only while numpy is not loaded."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def _threads(jobs: int) -> int | None:
    return None if jobs == 1 else 1


def _opened(path: Path, split: str | None, subset: list[str] | None, printer: Printer) -> Dataset:
    from unmixcli.datasets.layouts import open_dataset

    one = subset[0] if subset and len(subset) == 1 else ""
    chosen = int(one) if one.isdecimal() else subset
    dataset = open_dataset(path, split=split, subset=chosen)
    splits = ", ".join(f"{name} {count}" for name, count in dataset.splits.items())
    tracks = f"{len(dataset)} track{'' if len(dataset) == 1 else 's'}"
    printer.note(
        f"'{path}' is {dataset.layout.value}: {tracks}{f' ({splits})' if splits else ''}; "
        f"stems: {', '.join(dataset.sources)}"
    )
    for note in dataset.notes:
        printer.note(note)
    return dataset


def _evaluated(asked: Asked, request: Request, dataset: Dataset, printer: Printer) -> Results:
    from unmixcli.evaluation.run import evaluate

    systems = asked.systems(dataset, printer)
    signals.leave_in_order()
    with printer.meter(str(request.output)) as meter:
        told = Told(printer, meter, total=len(systems) * len(dataset))
        return evaluate(dataset, systems, request, told)


@dataclass
class Told:
    """Tells a person how an evaluation goes on."""

    printer: Printer
    meter: Meter | None
    total: int
    done: int = 0

    def note(self, text: str) -> None:
        """Say what is worth knowing."""
        self.printer.note(text)

    def opening(self, name: str) -> Advance | None:
        """Show that a system is made ready."""
        meter = self.meter
        return None if meter is None else (lambda done, of: meter(done, of, f"getting {name}"))

    def working(self, done: float, total: int) -> None:
        """Show how many tracks are done."""
        if self.meter:
            self.meter(int(done * FINE), total * FINE, f"{int(done)} of {total} tracks")

    def scored(
        self, system: str, track: str, outcome: TrackScores | Failure, *, kept: bool
    ) -> None:
        """Print a line for each track where there is no bar, and whatever went wrong."""
        from unmixcli.evaluation.results import Failure

        self.done += 1
        if isinstance(outcome, Failure):
            self.printer.error(_error(outcome))
        elif self.meter is None:
            scores = ", ".join(f"{stem} {value:.2f}" for stem, value in outcome.sdr.items())
            before = " (kept)" if kept else ""
            self.printer.note(
                f"{self.done}/{self.total} {system}, '{track}'{before}: SDR {scores} dB"
            )


def _error(failure: Failure) -> UnmixError:
    said = (
        failure.error if failure.track in failure.error else f"'{failure.track}': {failure.error}"
    )
    return UnmixError(f"{failure.system}: {said}", hint=failure.hint)


def _finish(printer: Printer, results: Results) -> None:
    """Print the result, and end with the exit code that says how it went."""
    from unmixcli.cli import score_table
    from unmixcli.evaluation.summary import document

    for text in _warnings(results):
        printer.note(text)
    score_table.show(printer, results)
    printer.document({**document(results), "output": str(results.folder)})
    printer.note(f"written: {results.folder}")
    _raise(results)


def _warnings(results: Results) -> list[str]:
    """Return what was said of tracks, each once, with the tracks that it was said of."""
    from unmixcli.datasets.layouts import listed

    tracks: dict[tuple[str, str], list[str]] = defaultdict(list)
    for system in results.systems:
        for scores in system.scores:
            for warning in scores.warnings:
                tracks[system.name, warning].append(scores.name)
    return [f"{name}: {warning} ({listed(of)})" for (name, warning), of in tracks.items()]


def _raise(results: Results) -> None:
    """Say what was not scored; each failure is printed already.

    Raises:
        PartialError: Some tracks were not scored.
        DatasetError: None was.
    """
    failed = len(results.failures)
    if not failed:
        return
    tried = failed + results.scored
    if results.scored:
        raise PartialError(
            f"{failed} of {tried} tracks were not scored", hint="the others are; see summary.md"
        )
    raise DatasetError(f"none of {tried} tracks could be scored", hint="see the errors above")
