"""Every model there is: those of the manifest, and those a user has imported.

An imported model is a folder ``models/<name>`` of the cache: its native files, and an
entry of its own, ``model.json``, of the same form as the manifest's.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from unmixcli.errors import ConfigError, UnknownModelError, WeightsError
from unmixcli.weights import manifest, store, support
from unmixcli.weights.manifest import ManifestEntry
from unmixcli.weights.plain import brief

ENTRY = "model.json"


def imported() -> dict[str, ManifestEntry]:
    """Return the models that the user has imported, by name; what is damaged is not there."""
    folder = store.imported_home()
    found = sorted(folder.glob(f"*/{ENTRY}")) if folder.is_dir() else []
    entries = [_read(path) for path in found if path.is_file()]
    return {entry.name: entry for entry in entries if entry is not None}


def _read(path: Path) -> ManifestEntry | None:
    try:
        [entry] = manifest.read(path).values()
    except (ConfigError, ValueError):
        return None
    # Nothing that would stand for a model of the manifest, or come from elsewhere.
    owned = entry.name == path.parent.name and not entry.aliases and not entry.default_for
    inside = all(file.kind == "imported" and not file.alternatives for file in entry.files)
    return entry if owned and inside else None


def models() -> dict[str, ManifestEntry]:
    """Return every model, by name; what the manifest names cannot be replaced."""
    return {**imported(), **manifest.models()}


def find(name: str) -> ManifestEntry | None:
    """Return the model of that name or alias, in whatever case."""
    entries = models()
    if name in entries:
        return entries[name]
    wanted = name.casefold()
    for entry in entries.values():
        if wanted in (known.casefold() for known in (entry.name, *entry.aliases)):
            return entry
    return None


def get(name: str) -> ManifestEntry:
    """Return the model of that name or alias.

    Raises:
        UnknownModelError: There is none; the error names the nearest.
    """
    if entry := find(name):
        return entry
    raise unknown(name)


def default_for(purpose: str) -> ManifestEntry:
    """Return the model that the manifest marks for a purpose.

    Args:
        purpose: ``stems`` or ``labels``.

    Raises:
        WeightsError: It marks none; the hint says which models could be named instead.
    """
    for entry in manifest.models().values():
        if entry.default_for == purpose:
            return entry
    usable = [entry for entry in models().values() if support.runnable(entry)]
    if purpose == "labels":
        usable = [entry for entry in usable if entry.architecture in support.CONDITIONED]
    named = f"name one with --model: {', '.join(entry.name for entry in usable[:8])}; or "
    raise WeightsError(
        f"no model is the default for {purpose} yet",
        hint=f"{named if usable else ''}bring one of your own: 'unmixcli models import', "
        "or --model FILE.safetensors",
    )


def unknown(name: str) -> UnknownModelError:
    """Say that there is no such model, and which are near."""
    known = (n for entry in models().values() for n in (entry.name, *entry.aliases))
    return UnknownModelError(brief(name), known=tuple(known))


def require_free(name: str) -> None:
    """Refuse a name that a model has, or that none can have.

    Raises:
        WeightsError: It is taken.
        ConfigError: It is no name.
    """
    if not manifest.NAME.fullmatch(name):
        raise ConfigError(
            f"'{brief(name)}' is not a name that a model can have",
            hint="take lower-case letters, digits, '.', '_' and '-'",
        )
    if find(name):
        raise WeightsError(
            f"there is a model named '{name}'",
            hint=f"choose another --name, or 'unmixcli models remove {name}' if you imported it",
        )


def add(entry: dict[str, Any], files: Iterable[Path]) -> ManifestEntry:
    """Keep a model under its name; it is there whole, or not at all.

    Args:
        entry: As in the manifest; its files are of kind ``imported``.
        files: Its native files; they are moved.

    Raises:
        OSError: The cache cannot be written.
    """
    home = store.imported_home()
    home.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=".", dir=home))
    try:
        for file in files:
            shutil.move(file, folder / file.name)
        text = json.dumps({"schema": 1, "models": [entry]}, indent=2)
        (folder / ENTRY).write_text(text, encoding="utf-8")
        folder.rename(home / entry["name"])
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return imported()[entry["name"]]
