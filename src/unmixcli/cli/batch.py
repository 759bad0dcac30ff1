"""Several tracks through one model."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import typer

from unmixcli import __version__
from unmixcli.cli import signals
from unmixcli.cli.output import Printer
from unmixcli.errors import PartialError, UnmixError
from unmixcli.instruments import require_known
from unmixcli.selection import Chosen, Selection
from unmixcli.settings import Output, Settings
from unmixcli.weights.licence import Policy

if TYPE_CHECKING:
    from unmixcli.report import SeparationReport
    from unmixcli.separation import Separator


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Several tracks through one model; one that fails does not stop the others."""

    printer: Printer
    settings: Settings
    selection: Selection
    output: Output
    policy: Policy | None
    start: float
    duration: float | None
    reports: list[SeparationReport] = field(default_factory=list)
    failures: dict[Path, UnmixError] = field(default_factory=dict)

    def run(self, folders: dict[Path, Path], model: str | None) -> None:
        """Separate every track, print the result, and raise what went wrong."""
        from unmixcli.weights import loader

        name = model or self._default()
        chosen = self.selection.of(loader.sources(name), loader.labels(name))
        _require_apart(folders, chosen.stems)
        self._note_merged(chosen)
        ready = {
            track: folder
            for track, folder in folders.items()
            if self._ready(folder, track, chosen.stems)
        }
        embedded = model is None and name == loader.DEFAULT
        separator = self._load(name, embedded=embedded) if ready else None
        for track, folder in ready.items():
            self._separate(cast("Separator", separator), track, folder)
        self._print(separator)
        self._raise()

    def _default(self) -> str:
        """Return the model that is meant where none is named.

        Raises:
            UsageError: An instrument is none that any model could know.
            WeightsError: There is no such model.
        """
        from unmixcli.weights import catalogue

        asked = self.selection.instruments
        if asked:
            known = (s for entry in catalogue.models().values() for s in entry.sources)
            require_known(asked, known)
        return catalogue.default_for("labels" if asked else "stems").name

    def _note_merged(self, chosen: Chosen) -> None:
        for instrument, words in chosen.merged.items():
            self.printer.note(f"one source, '{instrument}', stands for {', '.join(words)}")

    def _ready(self, folder: Path, track: Path, stems: tuple[str, ...]) -> bool:
        """Look for what would fail anyway, before a model is loaded."""
        from unmixcli.audio.encoding.outputs import check_output
        from unmixcli.audio.reader import AudioReader

        try:
            with AudioReader(track, start=self.start, duration=self.duration):
                check_output(folder, stems, self.output.overwrite)
        except UnmixError as error:
            self._failed(track, error)
            return False
        return True

    def _load(self, name: str, *, embedded: bool) -> Separator:
        from unmixcli.separation import Separator
        from unmixcli.weights import loader

        signals.leave_in_order()
        with self.printer.progress(f"getting {name}") as progress:
            separator = Separator(loader.load(name, progress, self.policy), self.settings)
        if embedded:
            self.printer.note(loader.advice())
        else:
            self.printer.note(f"model '{name}', licence of the weights: {separator.model.licence}")
        return separator

    def _separate(self, separator: Separator, track: Path, folder: Path) -> None:
        try:
            with self.printer.progress(track.name) as progress:
                report = separator.separate_file(
                    track,
                    folder,
                    selection=self.selection,
                    output=self.output,
                    start=self.start,
                    duration=self.duration,
                    progress=progress,
                )
        except UnmixError as error:
            self._failed(track, error)
            return
        self.reports.append(report)
        self.printer.lines([str(path) for path in report.stems.values()])
        audio = report.frames / report.format.sample_rate
        self.printer.detail(f"{track.name}: {audio:.1f} s of audio in {report.seconds:.1f} s")
        self._note_dropped(report)
        for stem, count in report.clipped.items():
            if count:
                self.printer.note(f"{count} samples of '{stem}' clipped: --bit-depth 32 keeps them")

    def _note_dropped(self, report: SeparationReport) -> None:
        activity = report.activity
        if activity is None or not activity.dropped:
            return
        below = f"below {activity.threshold:g} dB of the mixture (--activity-threshold)"
        if activity.active:
            said = f"left out what is {below}: {', '.join(activity.dropped)}"
        else:
            said = f"every source is {below}: kept the loudest, '{activity.kept[0]}'"
        self.printer.note(f"{report.track.name}: {said}")

    def _failed(self, track: Path, error: UnmixError) -> None:
        self.failures[track] = error
        self.printer.error(error)

    def _print(self, separator: Separator | None) -> None:
        document: dict[str, Any] = {
            "schema": 1,
            "version": __version__,
            **(_description(separator) if separator else {}),
            "start": self.start,
            "duration": self.duration,
            "bit_depth": int(self.output.subtype),
            "tracks": [report.as_dict() for report in self.reports],
            "failures": [
                {"track": str(track), "error": str(error), "exit_code": error.exit_code}
                for track, error in self.failures.items()
            ],
        }
        self.printer.document(document)

    def _raise(self) -> None:
        """End with the exit code that says how the batch went; each failure is printed already."""
        failed, tried = len(self.failures), len(self.failures) + len(self.reports)
        if failed and self.reports:
            raise PartialError(f"{failed} of {tried} tracks failed", hint="the others are written")
        for error in self.failures.values():
            raise typer.Exit(error.exit_code)


def _require_apart(folders: dict[Path, Path], stems: tuple[str, ...]) -> None:
    """Refuse to write a stem over a track, even one that is read later.

    Raises:
        OutputError: A stem would replace a track.
    """
    from unmixcli.audio.encoding.outputs import require_apart, stem_file

    require_apart(
        folders, (folder / stem_file(stem) for folder in folders.values() for stem in stems)
    )


def _description(separator: Separator) -> dict[str, Any]:
    """Say what ran, so that it can be run again."""
    model = separator.model
    return {
        "model": {
            "name": model.name,
            "licence": asdict(model.licence),
            "sha256": list(model.sha256),
            "sources": list(separator.sources),
            "labels": list(separator.labels),
        },
        "schedule": separator.schedule.to_json(),
        "seed": separator.settings.seed,
        "batch_size": separator.settings.batch_size,
        "threads": separator.threads,
        "device": str(separator.device),
    }
