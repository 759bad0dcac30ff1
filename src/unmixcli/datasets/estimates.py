"""Stems that any program wrote, and the tracks that they are estimates of: paired by name."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path

from unmixcli.audio.naming import safe_name
from unmixcli.datasets import plain
from unmixcli.datasets.agreement import TOLERANCE, Agreement, FileHeader, agree
from unmixcli.datasets.collection import Dataset, Layout, Listing
from unmixcli.datasets.folder import folded, look_or_refuse
from unmixcli.datasets.layouts import listed
from unmixcli.datasets.part import named
from unmixcli.datasets.track import ACCOMPANIMENT, DatasetTrack
from unmixcli.errors import DatasetError

ALIASES = {"no_vocals": ACCOMPANIMENT}
"""What programs call a stem that the field has another name for."""

_DEEPEST = 3
"""Folders between the one that was named and the stems: a model, a split, a track."""


@dataclass(frozen=True, kw_only=True)
class Estimates:
    """The estimates of a data set.

    Attributes:
        tracks: By the name of a track, its estimates, as a track without a mixture.
        notes: What is missing, and what is there too much.
    """

    tracks: Mapping[str, DatasetTrack]
    notes: tuple[str, ...] = ()


def pair_estimates(dataset: Dataset, folder: str | PathLike[str]) -> Estimates:
    """Find the estimates of the tracks of a data set.

    A folder of stems belongs to the track it is named after, whatever is listed before it
    and wherever below ``folder`` it is: ``<track>/<stem>.wav``, or in folders of a model
    and a split.

    Args:
        dataset: The references.
        folder: Where the estimates are.

    Raises:
        DatasetError: There is no such folder, it has estimates of no track, or several of
            one: of several models, of which one must be named.
    """
    root = Path(folder)
    contents = look_or_refuse(root)
    if dataset.layout == Layout.TRACK and contents.sounds:
        found, others = {dataset.tracks.listings[0].name: ""}, list[str]()
    else:
        found, others = _find(dataset, root)
    if not found:
        example = dataset.tracks.listings[0].name
        raise DatasetError(
            f"'{root}' holds estimates of none of the {len(dataset)} tracks",
            hint=f"stems are looked for in folders named after tracks, as '{example}'",
        )
    tracks = {name: _estimates(root, name, place) for name, place in found.items()}
    notes = tuple(_notes(dataset, tracks, others))
    for track in dataset.tracks:
        if track.name in tracks:
            tracks[track.name] = _wanted(track, tracks[track.name])
    return Estimates(tracks=tracks, notes=notes)


def compare(
    track: DatasetTrack, estimates: DatasetTrack, *, tolerance: float | None = TOLERANCE
) -> Agreement:
    """Return what a track and its estimates agree on.

    Args:
        track: The references.
        estimates: As :func:`pair_estimates` gives them.
        tolerance: By how many seconds lengths may differ; ``None`` is any.

    Raises:
        DatasetError: Rates or channels differ, or lengths by more than that, or a file
            cannot be read.
    """
    headers = []
    for part in (*track.files, *estimates.files):
        with named(track.name):
            opened = part.open()
        headers.append(FileHeader(part.path, opened.format, opened.frames, part.stream))
    return agree(f"estimates of '{track.name}'", headers, tolerance=tolerance)


def _find(dataset: Dataset, root: Path) -> tuple[dict[str, str], list[str]]:
    """Return where the estimates of each track are, and folders of stems of no track."""
    tracks = _by_name(dataset)
    found: dict[str, str] = {}
    others = []
    for place in _folders_of_stems(root, "", frozenset(tracks)):
        name = tracks.get(folded(Path(place).name))
        if name is None:
            others.append(place)
            continue
        other = found.setdefault(name, place)
        if (root / other).resolve() != (root / place).resolve():
            raise DatasetError(
                f"'{name}' has estimates in '{root / other}' and in '{root / place}'",
                hint="name the folder of one model",
            )
    return found, others


def _by_name(dataset: Dataset) -> dict[str, str]:
    """Return the names of tracks by what a folder of theirs may be called."""
    names = [listing.name for listing in dataset.tracks.listings]
    # As this program would name the folder; but never so that two tracks share it.
    safe = Counter(folded(_safe(name)) for name in names)
    unique = {folded(_safe(name)): name for name in names if safe[folded(_safe(name))] == 1}
    return unique | {folded(name): name for name in names}


def _safe(name: str) -> str:
    return safe_name(Path(f"{name.replace('/', '_')}.wav"))


def _folders_of_stems(
    root: Path, place: str, tracks: frozenset[str], depth: int = 1
) -> Iterator[str]:
    """Yield the folders that hold sounds; what lies in one that a track is named after is its."""
    for name in look_or_refuse(root / place).folders:
        inner = f"{place}/{name}" if place else name
        contents = look_or_refuse(root / inner)
        if contents.sounds:
            yield inner
        if depth < _DEEPEST and not (contents.sounds and folded(name) in tracks):
            yield from _folders_of_stems(root, inner, tracks, depth + 1)


def _estimates(root: Path, name: str, place: str) -> DatasetTrack:
    listing = plain.one_track(root, place, name, None, {}) or Listing(name=name, folder=place)
    files = {ALIASES.get(source, source): names for source, names in listing.files}
    fault = listing.fault
    if len(files) < len(listing.files):
        fault = f"'{root / place}' holds a stem under two names"
    named = replace(listing, files=tuple(files.items()), mixture=None, fault=fault)
    return named.track(root)


def _wanted(track: DatasetTrack, estimates: DatasetTrack) -> DatasetTrack:
    """Leave out what is no stem of the track: it need not fit, nor be readable."""
    stems = {source: files for source, files in estimates.stems.items() if track.has(source)}
    return replace(estimates, stems=stems)


def _notes(
    dataset: Dataset, estimates: Mapping[str, DatasetTrack], others: list[str]
) -> Iterator[str]:
    if missing := [one.name for one in dataset.tracks.listings if one.name not in estimates]:
        yield f"{len(missing)} of {len(dataset)} tracks have no estimates: {listed(missing)}"
    if others:
        yield f"no track is named as these folders of stems: {listed(others)}"
    lacking: dict[str, list[str]] = defaultdict(list)
    surplus: dict[str, list[str]] = defaultdict(list)
    for track in dataset.tracks:
        theirs = estimates[track.name].sources if track.name in estimates else track.sources
        for source in {*track.sources, *theirs}:
            if source not in theirs:
                lacking[source].append(track.name)
            elif not track.has(source):
                surplus[source].append(track.name)
    yield from (f"no estimate of '{name}' for {listed(of)}" for name, of in sorted(lacking.items()))
    yield from (f"'{name}' is no stem of {listed(of)}" for name, of in sorted(surplus.items()))
