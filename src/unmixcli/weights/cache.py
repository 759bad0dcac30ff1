"""What of a model is on this computer: is it here, is it right, and away with it."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from unmixcli.errors import WeightsError
from unmixcli.weights import catalogue, manifest, store
from unmixcli.weights.manifest import ManifestEntry, WeightFile

OWN = ("bundled", "imported")
"""Kinds of files that are only here, and nowhere to be had again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A file of a model, and where it is.

    Attributes:
        file: The copy that is here; where none is, the one that would be fetched first.
        path: Where it is, or would be.
        here: Whether it is.
    """

    file: WeightFile
    path: Path
    here: bool


def copies(entry: ManifestEntry) -> tuple[Copy, ...]:
    """Return the files of a model, each once: members may share them."""
    found: dict[Path, Copy] = {}
    for file in entry.files:
        cached = store.cached(entry, file)
        path = store.place(entry, cached or file)
        found.setdefault(path, Copy(file=cached or file, path=path, here=cached is not None))
    return tuple(found.values())


def downloaded(entry: ManifestEntry) -> bool:
    """Say whether every file of a model is here."""
    return all(copy.here for copy in copies(entry))


def present() -> list[str]:
    """Return the models of which there is a file here, or should be."""
    return [
        entry.name
        for entry in catalogue.models().values()
        if any(copy.here or copy.file.kind in OWN for copy in copies(entry))
    ]


def verify(entry: ManifestEntry, copy: Copy) -> None:
    """Read a file that is here, and hold it against the manifest.

    Raises:
        WeightsError: It is not what the manifest says, or not in the cache.
    """
    # The hash of a file of the wrong size says which one it is; its size does not.
    store.load(entry, replace(copy.file, size=None, alternatives=()))


def remove(name: str) -> int:
    """Delete what is kept of a model, and whatever lies beside it in its folder.

    Args:
        name: Of a model of the manifest, of an imported one, or of a folder that was one's.

    Returns:
        How many bytes that freed.

    Raises:
        UnknownModelError: There is neither such a model nor such a folder.
        WeightsError: It is part of the package, not here, or not ours to delete.
    """
    entry = catalogue.find(name)
    if entry and all(file.kind == "bundled" for file in entry.files):
        raise WeightsError(
            f"'{entry.name}' is part of the package and is not removed",
            hint="'pip uninstall unmixcli' removes it with the rest",
        )
    try:
        folder = _folder(entry, entry.name if entry else name)
        if folder is None:
            raise _nothing(entry, name)
        _require_own(folder)
        freed = _bytes(folder)
        shutil.rmtree(folder)
    except OSError as error:
        raise WeightsError(f"cannot remove '{name}': {error}") from error
    return freed


def _nothing(entry: ManifestEntry | None, name: str) -> WeightsError:
    if entry is None:
        return catalogue.unknown(name)
    return WeightsError(
        f"'{entry.name}' is not downloaded, so that there is nothing to remove",
        hint="see 'unmixcli models list --downloaded'",
    )


def not_here(entry: ManifestEntry) -> WeightsError:
    """Say that a model is not downloaded, or not whole."""
    missing = [copy for copy in copies(entry) if not copy.here]
    count = len(copies(entry))
    what = "is not downloaded" if len(missing) == count else "is not downloaded whole"
    kinds = {copy.file.kind for copy in missing}
    hints = {
        "bundled": "install unmixcli again",
        "imported": f"type 'unmixcli models remove {entry.name}' and import it again",
    }
    hint = next((hints[kind] for kind in kinds & hints.keys()), None)
    return WeightsError(
        f"'{entry.name}' {what}: {len(missing)} of its {count} files are missing",
        hint=hint or f"type 'unmixcli models download {entry.name}'",
    )


def _folder(entry: ManifestEntry | None, name: str) -> Path | None:
    """Return the folder of a name that has something in it."""
    if not manifest.NAME.fullmatch(name):  # it could lead anywhere
        return None
    folders = [store.home() / "weights" / name, store.imported_home() / name]
    if entry and any(file.kind == "imported" for file in entry.files):
        folders.reverse()
    return next((folder for folder in folders if folder.is_dir() and any(folder.iterdir())), None)


def _require_own(folder: Path) -> None:
    """Refuse a folder that lies elsewhere than where it seems to.

    Raises:
        WeightsError: It, or the folder that it is in, is a link.
    """
    real = store.home().resolve() / folder.parent.name / folder.name
    if folder.resolve() != real:
        raise WeightsError(
            f"'{folder}' leads to '{folder.resolve()}', outside the cache: nothing is removed",
            hint="remove the link, and what it leads to, yourself",
        )


def _bytes(folder: Path) -> int:
    """Return the bytes of all files below a folder; links are not followed."""
    return sum(
        (Path(parent) / name).lstat().st_size
        for parent, _, names in os.walk(folder)
        for name in names
    )
