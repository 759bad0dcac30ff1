"""Which data set is it? Told by the names in its folder; nothing is opened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path

from unmixcli.audio import multistream
from unmixcli.datasets import plain, urmp
from unmixcli.datasets.collection import Dataset, Files, Layout, Listing, Tracks
from unmixcli.datasets.folder import STEM_FILE, Contents, folded, look, look_or_refuse
from unmixcli.datasets.selection import chosen
from unmixcli.datasets.splits import FOLDERS, MUSDB_VALIDATION, TRAIN, VALID
from unmixcli.datasets.track import MIXTURE
from unmixcli.errors import DatasetError

REFERENCES, ESTIMATES = "references", "estimates"

_BAND = ("drums", "bass", "other", "vocals")
_STREAMED: Files = tuple((source, (STEM_FILE,)) for source in _BAND)

_EXPECTED = (
    "expected TRACK/<stem>.wav, train|test/TRACK/<stem>.wav (MUSDB18-HQ), "
    "train|test/TRACK.stem.mp4 (MUSDB18), NN_Name_inst…/AuSep_… (URMP), "
    "or references/ beside estimates/"
)


def open_dataset(
    path: str | PathLike[str],
    *,
    split: str | None = None,
    subset: int | Sequence[str] | None = None,
) -> Dataset:
    """Recognise a folder of tracks with stems.

    Args:
        path: The folder.
        split: ``train``, ``valid`` or ``test``, or several joined by ``+``; ``None`` is every
            track there is.
        subset: The first so many tracks, or the names of some.

    Raises:
        DatasetError: There is no such folder or no track in it, two tracks have one name, a
            split or a name is unknown, or there is no decoder for its files.
        UsageError: A subset of less than one track.
    """
    root = Path(path)
    contents = look_or_refuse(root)
    names = {folded(name): name for name in contents.folders}
    estimates = None
    if REFERENCES in names and ESTIMATES in names:
        estimates = root / names[ESTIMATES]
        root = root / names[REFERENCES]
        contents = look_or_refuse(root)
    found = _recognise(root, contents, paired=estimates is not None)
    listings, notes = chosen(found.listings, root, split=split, subset=subset)
    return Dataset(
        path=Path(path),
        layout=found.layout,
        tracks=Tracks(root, listings),
        notes=(*found.notes, *notes, *(_uneven(listings) if found.layout != Layout.URMP else ())),
        estimates=estimates,
    )


@dataclass
class _Found:
    layout: Layout
    listings: list[Listing]
    notes: list[str] = field(default_factory=list)


def _recognise(root: Path, contents: Contents, *, paired: bool) -> _Found:
    try:
        found = (
            _urmp(root, contents)
            or _folders(root, contents)
            or _stem_files(root, contents)
            or _single(root, contents, paired=paired)
        )
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise DatasetError(f"cannot read the folder '{root}': {reason}") from error
    if found is None:
        raise DatasetError(f"'{root}' holds no tracks with stems", hint=_EXPECTED)
    found.notes += [f"the link '{root / name}' leads nowhere" for name in contents.broken]
    return found


def _urmp(root: Path, contents: Contents) -> _Found | None:
    for folder in ("", *(name for name in contents.folders if folded(name) == "dataset")):
        notes: list[str] = []
        if listings := urmp.pieces(root, folder, notes):
            return _Found(Layout.URMP, listings, notes)
    return None


def _folders(root: Path, contents: Contents) -> _Found | None:
    """Recognise folders of stems, in folders for each split or without."""
    shared: dict[Files, Files] = {}
    splits = plain.split_folders(contents)
    divided = [
        track
        for name, split in splits.items()
        for track in plain.tracks_in(root, name, split, shared)
    ]
    beside = [
        track for track in plain.tracks_in(root, "", None, shared) if track.folder not in splits
    ]
    tracks = divided or beside
    usable = [track for track in tracks if track.files or track.fault]
    if not any(track.files for track in usable):
        return None
    notes = []
    if left := [track.name for track in tracks if not (track.files or track.fault)]:
        notes.append(f"no stems beside the mixture, left out: {listed(left)}")
    if divided and beside:
        notes.append(f"beside the splits, left out: {listed(track.name for track in beside)}")
    if any(_stem_file_names(root, contents)):
        notes.append(f"folders of stems are read, {STEM_FILE} files are left out")
    if divided and _is_musdb(usable):
        return _validated(_Found(Layout.MUSDB_HQ, usable, notes))
    return _Found(Layout.FOLDERS, usable, notes)


def _is_musdb(listings: Sequence[Listing]) -> bool:
    sources = {source for listing in listings for source in listing.sources}
    return sources == set(_BAND) and any(listing.mixture for listing in listings)


def _validated(found: _Found) -> _Found:
    """Move the validation tracks of the ``musdb`` package out of ``train``."""
    if any(listing.split == VALID for listing in found.listings):
        return found
    known = {folded(name) for name in MUSDB_VALIDATION}
    found.listings = [
        replace(listing, split=VALID)
        if listing.split == TRAIN and folded(listing.name) in known
        else listing
        for listing in found.listings
    ]
    count = sum(listing.split == VALID for listing in found.listings)
    if count:
        of = f"{count} of the {len(known)}" if count < len(known) else f"the {count}"
        found.notes.append(
            f"{of} tracks that musdb has for validation are the split 'valid', not 'train'"
        )
    return found


def _stem_files(root: Path, contents: Contents) -> _Found | None:
    listings = [
        Listing(
            name=name[: -len(STEM_FILE)],
            folder=folder,
            files=tuple((source, (name,)) for source in _BAND),
            mixture=name,
            split=FOLDERS.get(folded(folder)),
            streams=True,
        )
        for folder, name in _stem_file_names(root, contents)
    ]
    if not listings:
        return None
    if not multistream.available():
        error = multistream.no_decoder(f"'{root}' is MUSDB18 as {STEM_FILE} files, which")
        raise DatasetError(str(error), hint=error.hint)
    note = "AAC is decoded to 16 bits, and from the start of a track for each window"
    return _validated(_Found(Layout.MUSDB, listings, [note]))


def _stem_file_names(root: Path, contents: Contents) -> Iterator[tuple[str, str]]:
    yield from (("", name) for name in contents.stem_files)
    for folder in plain.split_folders(contents):
        yield from ((folder, name) for name in look(root / folder).stem_files)


def _single(root: Path, contents: Contents, *, paired: bool) -> _Found | None:
    """Recognise a folder that is one track, by a stem or a mixture that is named so."""
    name = (root.parent if paired else root).resolve().name
    track = plain.one_track(root, "", name, None, {})
    if track is None or not (track.files or track.fault):
        return None
    if not paired and not track.mixture and not plain.KNOWN & set(track.sources):
        return None
    return _Found(Layout.TRACK, [track])


def _uneven(listings: Sequence[Listing]) -> Iterator[str]:
    """Say which tracks lack stems that others have, or have some that others lack."""
    sound = [listing for listing in listings if listing.fault is None]
    sets = Counter(source for listing in sound for source in listing.sources)
    for source, count in sorted(sets.items()):
        if 2 * count < len(sound):
            names = [one.name for one in sound if source in one.sources]
            yield f"only {len(names)} of {len(sound)} tracks have '{source}': {listed(names)}"
        elif count < len(sound):
            names = [one.name for one in sound if source not in one.sources]
            yield f"{len(names)} of {len(sound)} tracks have no '{source}': {listed(names)}"
    without = [one.name for one in sound if one.mixture is None]
    if without:
        yield f"no {MIXTURE} file, so the stems are added up: {listed(without)}"


def listed(names: Iterable[str], most: int = 3) -> str:
    """Return names in quotes; of many, the first ones and how many more there are."""
    quoted = [f"'{name}'" for name in names]
    more = len(quoted) - most
    return ", ".join(quoted[:most]) + (f" and {more} more" if more > 0 else "")
