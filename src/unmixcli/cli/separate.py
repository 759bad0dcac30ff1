"""``unmixcli separate``: one folder of stems for each track."""

from __future__ import annotations

import os
from pathlib import Path
from unicodedata import normalize

from unmixcli.audio.subtype import Subtype
from unmixcli.cli import options
from unmixcli.cli.batch import Batch
from unmixcli.cli.output import Printer
from unmixcli.errors import UsageError
from unmixcli.selection import Selection
from unmixcli.settings import Chunking, Output, Settings


def separate(
    tracks: options.Tracks,
    model: options.ModelName = None,
    licence_policy: options.LicencePolicy = None,
    offline: options.Offline = False,
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
    instruments: options.Instruments = None,
    name_by: options.NamedBy = None,
    residual: options.Residual = False,
    activity_threshold: options.ActivityThreshold = None,
    bit_depth: options.BitDepth = Subtype.FLOAT,
    overwrite: options.Overwrite = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Separate tracks into stems: OUTPUT/<track>/<stem>.wav."""
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
        selection=Selection(
            stems=_listed(stem),
            two_stems=two_stems,
            instruments=_listed(instruments),
            name_by=name_by,
            residual=residual,
            activity_threshold=activity_threshold,
        ),
        output=Output(subtype=bit_depth, overwrite=overwrite),
        policy=licence_policy,
        start=start,
        duration=duration,
    )
    batch.run(_folders(tracks, output), model)


def _listed(given: list[str] | None) -> list[str]:
    """Return the words of an option that can be repeated, or have commas."""
    return [word.strip() for words in given or [] for word in words.split(",")]


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
