"""Where files of weights are on this computer, and how they get there.

``UNMIXCLI_HOME`` names the folder they are kept in (else the platform's cache),
``UNMIXCLI_MIRROR`` a folder or https address laid out as ``<entry name>/<file name>``
to take them from, ``UNMIXCLI_OFFLINE=1`` forbids the network. A file gets its final
name only after its size and every published hash are found right, whatever the way it
came promised.
"""

from __future__ import annotations

import os
import secrets
import shutil
import stat
import sys
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlsplit

from unmixcli.errors import WeightsError
from unmixcli.weights import snapshot
from unmixcli.weights.download import Progress, download
from unmixcli.weights.hub import download_from_hub
from unmixcli.weights.manifest import ManifestEntry, WeightFile
from unmixcli.weights.plain import brief
from unmixcli.weights.snapshot import Snapshot

OFFLINE = "UNMIXCLI_OFFLINE"


def home() -> Path:
    """Return the folder that weights are kept in."""
    if chosen := os.environ.get("UNMIXCLI_HOME"):
        return Path(chosen)
    if sys.platform == "darwin":
        return _user() / "Library" / "Caches" / "unmixcli"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or _user()) / "unmixcli"
    return Path(os.environ.get("XDG_CACHE_HOME") or _user() / ".cache") / "unmixcli"


def _user() -> Path:
    try:
        return Path.home()
    except RuntimeError as error:
        raise WeightsError(
            "this user has no home folder to keep weights in",
            hint="name a folder in UNMIXCLI_HOME",
        ) from error


def offline() -> bool:
    """Say whether the network is forbidden."""
    return os.environ.get(OFFLINE, "0") not in ("", "0")


def imported_home() -> Path:
    """Return the folder of what the user has imported."""
    return home() / "models"


def place(entry: ManifestEntry, file: WeightFile) -> Path:
    """Return where a file of weights is, or would be."""
    if file.kind == "bundled":
        return Path(__file__).parent.parent / "bundled" / file.name
    if file.kind == "imported":
        return imported_home() / entry.name / file.name
    return home() / "weights" / entry.name / file.name


def cached(entry: ManifestEntry, file: WeightFile) -> WeightFile | None:
    """Return which copy of a file is here, the file itself or an alternative."""
    copies = (file, *file.alternatives)
    return next((copy for copy in copies if place(entry, copy).is_file()), None)


def fetch(
    entry: ManifestEntry, file: WeightFile, progress: Progress | None = None
) -> tuple[Path, WeightFile]:
    """Return the path of a file of weights, getting it first where it is not here yet.

    Args:
        entry: The model it belongs to.
        file: The file; where it cannot be had, its alternatives are tried.
        progress: Told of the bytes that have come.

    Returns:
        The path, and which copy it is.

    Raises:
        WeightsError: It cannot be had, or what came is not what the manifest says.
    """
    if copy := cached(entry, file):
        return place(entry, copy), copy
    failures: list[tuple[WeightFile, str]] = []
    for copy in (file, *file.alternatives):
        try:
            return _get(entry, copy, progress), copy
        except (OSError, HTTPException, ValueError) as error:  # the last: an address that is none
            # urllib wraps what went wrong
            failures.append((copy, brief(getattr(error, "reason", None) or error)))
    raise _unavailable(entry, failures)


def _unavailable(entry: ManifestEntry, failures: list[tuple[WeightFile, str]]) -> WeightsError:
    first, reason = failures[0]
    reasons = "; ".join([reason, *(f"'{copy.name}': {why}" for copy, why in failures[1:])])
    return WeightsError(
        f"the weights of '{entry.name}' are not at '{place(entry, first)}' "
        f"and cannot be fetched: {reasons}",
        hint=f"connect and run 'unmixcli models download {entry.name}', name a folder that has "
        f"'{entry.name}/{first.name}' in UNMIXCLI_MIRROR, or put there what is at "
        f"{first.address}; the embedded model 'mini' needs no download",
    )


def _get(entry: ManifestEntry, file: WeightFile, progress: Progress | None) -> Path:
    """Bring a file here under a provisional name, look at it, and only then rename it."""
    final = place(entry, file)
    _require_obtainable(entry, file)
    _require_inside(final.parent, file)
    final.parent.mkdir(parents=True, exist_ok=True)
    part = final.with_name(f".{final.name}.{secrets.token_hex(4)}.part")
    try:
        _bring(entry, file, part, progress)
        require_hash(file, snapshot.take(part), name=final.name)
        part.replace(final)
    finally:
        if part.is_dir():
            shutil.rmtree(part, ignore_errors=True)
        part.unlink(missing_ok=True)
    return final


def _bring(entry: ManifestEntry, file: WeightFile, part: Path, progress: Progress | None) -> None:
    mirror = os.environ.get("UNMIXCLI_MIRROR")
    if mirror and urlsplit(mirror).scheme not in ("http", "https"):
        shutil.copyfile(Path(mirror) / entry.name / file.name, part)
    elif offline():
        raise OSError(f"{OFFLINE} is set")
    elif mirror:
        download(f"{mirror.rstrip('/')}/{entry.name}/{file.name}", part, file.size, progress)
    elif file.kind == "hub":
        download_from_hub(file, part, progress)
    elif file.kind == "url":
        download(file.path, part, file.size, progress)
    else:
        raise OSError("it has no address of its own")


def _require_obtainable(entry: ManifestEntry, file: WeightFile) -> None:
    if file.kind == "bundled":
        raise WeightsError(
            f"the embedded weights '{file.name}' are missing", hint="install unmixcli again"
        )
    if file.kind == "imported":
        raise WeightsError(
            f"'{place(entry, file)}' is gone",
            hint=f"type 'unmixcli models remove {entry.name}' and import it again",
        )
    if not file.hashes:
        raise WeightsError(
            f"no hash of '{file.name}' is published, so that '{entry.name}' cannot be "
            "downloaded safely",
            hint=f"get {file.address} yourself, and then type "
            f"'unmixcli models import FILE --architecture {entry.architecture} --name NAME'",
        )


def require_hash(file: WeightFile, found: Snapshot, *, name: str) -> None:
    """Refuse bytes that are not those of the manifest.

    Raises:
        WeightsError: A hash or the size differs, or the manifest has no hash.
    """
    if not file.hashes:
        raise WeightsError(f"the manifest has no hash of '{name}'")
    if file.size not in (None, found.size):
        raise _changed(name, f"{found.size} bytes", f"{file.size} bytes")
    for algorithm, wanted in file.hashes.items():
        digest = digest_of(found, algorithm)
        if not digest.startswith(wanted):
            raise _changed(name, f"{algorithm} {digest}", wanted)


def digest_of(found: Snapshot, algorithm: str) -> str:
    """Return a hash of a file by the manifest's name of the algorithm."""
    if algorithm == "git_blob_sha1":
        return found.digest("sha1", prefix=b"blob %d\0" % found.size)
    return found.digest(algorithm)


def _changed(name: str, found: str, wanted: str) -> WeightsError:
    return WeightsError(
        f"'{name}' is not what the manifest says: {found}; expected {wanted}",
        hint="the file was damaged or changed: remove it, if it is there, and try again",
    )


def load(
    entry: ManifestEntry, file: WeightFile, progress: Progress | None = None
) -> tuple[Snapshot, WeightFile]:
    """Return a file's bytes, whose hash is that of the manifest.

    Raises:
        WeightsError: It cannot be had, or is not what the manifest says.
    """
    path, copy = fetch(entry, file, progress)
    _require_inside(path, copy)
    if copy.kind == "imported":  # its hash lies beside it, so that who writes there writes both
        _require_private(path)
    found = snapshot.take(path)
    # It may have been changed since it was fetched.
    require_hash(copy, found, name=path.name)
    return found, copy


def _require_inside(path: Path, file: WeightFile) -> None:
    """Refuse a link in the cache that leads out of it."""
    # Not Path.resolve, to which a link to itself is an error of another kind.
    real, ours = (Path(os.path.realpath(place)) for place in (path, home()))
    if file.kind != "bundled" and not real.is_relative_to(ours):
        raise WeightsError(
            f"'{path}' is a link to a file outside the cache",
            hint="remove it, or name the folder it leads to in UNMIXCLI_MIRROR",
        )


def _require_private(path: Path) -> None:
    """Refuse a file that anybody on this computer may write, or exchange for another.

    Windows says in other ways who may.
    """
    for place in (path, path.parent, path.parent.parent):
        if os.name == "posix" and place.stat().st_mode & stat.S_IWOTH:
            raise WeightsError(
                f"anybody may write to '{place}', so that its weights may be anybody's",
                hint=f"type 'chmod -R o-w {imported_home()}', and import them again",
            )
