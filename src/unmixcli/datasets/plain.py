"""Folders of tracks, a file for each stem: any names; MUSDB18-HQ is one of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from unmixcli.datasets.collection import Files, Listing, in_order
from unmixcli.datasets.folder import Contents, folded, is_sound, look, stem_name
from unmixcli.datasets.splits import FOLDERS
from unmixcli.datasets.track import ACCOMPANIMENT, MIXTURE

MIXTURES = frozenset({MIXTURE, "mix"})
KNOWN = frozenset({"drums", "bass", "other", "vocals", ACCOMPANIMENT})


def split_folders(contents: Contents) -> dict[str, str]:
    """Return the folders that divide a data set, and the splits they are."""
    return {name: FOLDERS[folded(name)] for name in contents.folders if folded(name) in FOLDERS}


def tracks_in(
    root: Path, folder: str, split: str | None, shared: dict[Files, Files]
) -> Iterator[Listing]:
    """Yield the tracks in a folder; a folder without sounds is none.

    Args:
        root: The data set.
        folder: Which of its folders; empty is itself.
        split: The split that it is.
        shared: File names that were met before, to be kept once.
    """
    for name in look(root / folder).folders:
        place = f"{folder}/{name}" if folder else name
        track = one_track(root, place, name, split, shared)
        if track is not None:
            yield track


def one_track(
    root: Path, folder: str, name: str, split: str | None, shared: dict[Files, Files]
) -> Listing | None:
    """Return the track that a folder is; ``None`` where it holds no sounds."""
    try:
        contents = look(root / folder)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        fault = f"cannot read '{root / folder}': {reason}"
        return Listing(name=name, folder=folder, split=split, fault=fault)
    broken = [file for file in contents.broken if is_sound(file)]
    if not contents.sounds and not broken:
        return None
    sources = _sources(contents.sounds)
    mixture = sources.pop(MIXTURE, [None])
    files: Files = tuple((source, tuple(sources[source])) for source in in_order(sources))
    return Listing(
        name=name,
        folder=folder,
        files=shared.setdefault(files, files),
        mixture=mixture[0],
        split=split,
        fault=_fault(root / folder, broken, {MIXTURE: mixture, **sources}),
    )


def _sources(sounds: Iterable[str]) -> dict[str, list[str]]:
    sources: dict[str, list[str]] = {}
    for file in sounds:
        source = stem_name(file)
        sources.setdefault(MIXTURE if source in MIXTURES else source, []).append(file)
    return sources


def _fault(
    folder: Path, broken: Sequence[str], sources: Mapping[str, Sequence[str | None]]
) -> str | None:
    """Return why a track cannot be used: a file is not there, or nobody knows which is meant."""
    for file in broken:
        return f"the link '{folder / file}' leads nowhere"
    for source, (first, *others) in sources.items():
        if first and others:
            return f"'{folder / first}' and '{folder / str(others[0])}' are both its {source}"
    return None
