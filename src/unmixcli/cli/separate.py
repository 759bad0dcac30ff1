"""``unmixcli separate``: one folder of stems for each track."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from unicodedata import normalize

import typer

from unmixcli import __version__
from unmixcli.audio.subtype import Subtype
from unmixcli.cli import options, signals
from unmixcli.cli.output import Printer
from unmixcli.errors import PartialError, UnmixError, UsageError
from unmixcli.selection import Selection
from unmixcli.settings import Chunking, Output, Settings

if TYPE_CHECKING:
    from unmixcli.report import SeparationReport
    from unmixcli.separation import Separator


def separate(
    tracks: options.Tracks,
    model: options.ModelName = None,
    device: options.Device = "auto",
    batch_size: options.BatchSize = 1,
    threads: options.Threads = None,
    start: options.Start = 0.0,
    duration: options.Duration = None,
    shifts: options.Shifts = None,
    seed: options.Seed = 0,
    segment: options.Segment = None,
    overlap: options.Overlap = None,
    chunking: options.ChunkingMode = Chunking.OFFICIAL,
    output: options.Folder = Path("stems"),
    stem: options.Stems = None,
    two_stems: options.TwoStems = None,
    bit_depth: options.BitDepth = Subtype.FLOAT,
    overwrite: options.Overwrite = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Separate tracks into stems: OUTPUT/<track>/<stem>.wav."""
    stems = [name.strip() for given in stem or [] for name in given.split(",")]
    batch = Batch(
        printer=Printer(as_json=as_json, quiet=quiet, verbose=verbose),
        settings=Settings(
            shifts=shifts,
            seed=seed,
            segment=segment,
            overlap=overlap,
            chunking=chunking,
            device=device,
            batch_size=batch_size,
            threads=threads,
        ),
        selection=Selection(stems=stems, two_stems=two_stems),
        output=Output(subtype=bit_depth, overwrite=overwrite),
        start=start,
        duration=duration,
    )
    batch.run(_folders(tracks, output), model)


def _folders(tracks: list[Path], output: Path) -> dict[Path, Path]:
    """Return the folder of each track.

    Raises:
        UsageError: Two tracks would be written to the same folder.
    """
    from unmixcli.audio.naming import safe_name

    distinct: dict[str, Path] = {}
    for track in tracks:
        distinct.setdefault(os.path.realpath(track), track)
    folders = {track: output / safe_name(track) for track in distinct.values()}
    owners: dict[str, Path] = {}
    for track, folder in folders.items():
        # Some file systems do not tell upper from lower case, or é from e and an accent.
        other = owners.setdefault(normalize("NFC", str(folder)).casefold(), track)
        if other != track:
            raise UsageError(
                f"'{other}' and '{track}' would both be written to '{folder}'",
                hint="separate them in two calls, each with its own --output",
            )
    return folders


def _require_apart(folders: dict[Path, Path], stems: tuple[str, ...]) -> None:
    """Refuse to write a stem over a track, even one that is read later.

    Raises:
        OutputError: A stem would replace a track.
    """
    from unmixcli.audio.encoding.outputs import require_apart, stem_file

    require_apart(
        folders, (folder / stem_file(stem) for folder in folders.values() for stem in stems)
    )


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Several tracks through one model; one that fails does not stop the others."""

    printer: Printer
    settings: Settings
    selection: Selection
    output: Output
    start: float
    duration: float | None
    reports: list[SeparationReport] = field(default_factory=list)
    failures: dict[Path, UnmixError] = field(default_factory=dict)

    def run(self, folders: dict[Path, Path], model: str | None) -> None:
        """Separate every track, print the result, and raise what went wrong."""
        from unmixcli.weights import loader

        name = model or loader.DEFAULT
        stems = self.selection.names(loader.sources(name))
        _require_apart(folders, stems)
        ready = {
            track: folder for track, folder in folders.items() if self._ready(folder, track, stems)
        }
        separator = self._load(name, embedded=model is None) if ready else None
        for track, folder in ready.items():
            self._separate(cast("Separator", separator), track, folder)
        self._print(separator)
        self._raise()

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
            separator = Separator(loader.load(name, progress), self.settings)
        if embedded:
            self.printer.note(loader.advice())
        else:
            self.printer.note(f"model '{name}', weights under {separator.model.licence}")
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
        for stem, count in report.clipped.items():
            if count:
                self.printer.note(f"{count} samples of '{stem}' clipped: --bit-depth 32 keeps them")

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


def _description(separator: Separator) -> dict[str, Any]:
    """Say what ran, so that it can be run again."""
    model = separator.model
    return {
        "model": {
            "name": model.name,
            "licence": model.licence,
            "sha256": model.sha256,
            "sources": list(separator.sources),
        },
        "schedule": separator.schedule.to_json(),
        "seed": separator.settings.seed,
        "batch_size": separator.settings.batch_size,
        "threads": separator.threads,
        "device": str(separator.device),
    }
