"""Where files of weights are on this computer, and how they get there.

``UNMIXCLI_HOME`` names the folder they are kept in (else the platform's cache),
``UNMIXCLI_MIRROR`` a folder laid out as ``<entry name>/<file name>`` to take them
from, ``UNMIXCLI_OFFLINE=1`` forbids the network. A file gets its final name only
after its size and hash are found right.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import sys
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from typing import IO
from urllib.parse import urlsplit
from urllib.request import urlopen

from unmixcli.errors import WeightsError
from unmixcli.weights.manifest import ManifestEntry, WeightFile

Progress = Callable[[int, int | None], None]
"""Called with bytes done and bytes in all."""

PIECE = 1 << 20
TIMEOUT = 30.0


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


def place(entry: ManifestEntry, file: WeightFile) -> Path:
    """Return where a file of weights is, or would be."""
    if file.kind == "bundled":
        return Path(__file__).parent.parent / "bundled" / file.path
    return home() / "weights" / entry.name / PurePosixPath(urlsplit(file.path).path).name


def fetch(entry: ManifestEntry, file: WeightFile, progress: Progress | None = None) -> Path:
    """Return the path of a file of weights, getting it first where it is not here yet.

    Raises:
        WeightsError: It cannot be had, or what came is not what the manifest says.
    """
    final = place(entry, file)
    if final.is_file():
        return final
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        part = final.with_name(f".{final.name}.{secrets.token_hex(4)}.part")
        try:
            with _open(entry, final.name, file) as source, part.open("xb") as sink:
                digest = _copy(source, sink, file.size, progress)
            require_hash(file, digest, part.stat().st_size)
            part.replace(final)
        finally:
            part.unlink(missing_ok=True)
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", None) or error  # urllib wraps what went wrong
        raise WeightsError(
            f"the weights of '{entry.name}' are not at '{final}' and cannot be fetched: {reason}",
            hint=f"connect and run again, or put the file there by hand: {file.path}; "
            "the embedded model 'mini' needs no download",
        ) from error
    return final


def _open(entry: ManifestEntry, name: str, file: WeightFile) -> IO[bytes]:
    if mirror := os.environ.get("UNMIXCLI_MIRROR"):
        return (Path(mirror) / entry.name / name).open("rb")
    if os.environ.get("UNMIXCLI_OFFLINE", "0") not in ("", "0"):
        raise OSError("UNMIXCLI_OFFLINE is set")
    if urlsplit(file.path).scheme != "https":
        raise OSError(f"'{file.path}' is not an https address")
    stream: IO[bytes] = urlopen(file.path, timeout=TIMEOUT)
    return stream


def _copy(source: IO[bytes], part: IO[bytes], size: int | None, progress: Progress | None) -> str:
    digest, done = hashlib.sha256(), 0
    while piece := source.read(PIECE):
        part.write(piece)
        digest.update(piece)
        done += len(piece)
        if progress:
            progress(done, size)
    part.flush()
    os.fsync(part.fileno())
    return digest.hexdigest()


def require_hash(file: WeightFile, digest: str, size: int) -> None:
    """Refuse bytes that are not those of the manifest.

    Raises:
        WeightsError: Hash or size differ, or the manifest has no hash.
    """
    wanted = file.sha256 or file.sha256_prefix
    if wanted is None:
        raise WeightsError(f"the manifest has no hash of '{file.path}'")
    if not digest.startswith(wanted) or file.size not in (None, size):
        raise WeightsError(
            f"'{file.path}' is not what the manifest says: sha256 {digest}, {size} bytes; "
            f"expected {wanted}, {file.size or 'unknown'} bytes",
            hint="the file was damaged or changed: remove it, if it is there, and try again",
        )
