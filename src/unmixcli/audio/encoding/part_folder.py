"""A hidden folder where results wait until they are all there."""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import sys
from contextlib import suppress
from pathlib import Path

from unmixcli.audio.naming import shorten

if sys.platform != "win32":
    import fcntl

_SUFFIX = ".part"
_LONGEST = 200  # bytes of the folder's own name in the hidden one; 255 is the usual limit
_ATTEMPTS = 100


class PartFolder:
    """A temporary folder on the file system of the final one.

    It stands beside the final folder, which a single rename can then make of it; or
    inside, if there is one already, where files replace files. A lock on it says that its
    owner lives: what a killed process left is recognised by the lock being free.

    Nothing is made before :meth:`open`, and :meth:`discard` may be called at any time, so
    that an interruption finds no moment in which something would be left behind.

    Args:
        final: The folder the files are for, all links resolved; need not exist.

    Attributes:
        path: The temporary folder.
    """

    def __init__(self, final: Path) -> None:
        self._final = final
        self._base = final if final.is_dir() else final.parent
        self._prefix = f".{shorten(final.name, _LONGEST)}."
        self._made: list[Path] = []
        self._lock: int | None = None
        self.path = self._name()

    def open(self) -> None:
        """Make the folder, after removing those that dead owners left.

        Raises:
            OSError: It cannot be made.
        """
        self._make_parents(self._base)
        for place in {self._base, self._final.parent}:
            _remove_abandoned(place, re.escape(self._prefix))
        for _ in range(_ATTEMPTS):
            if self._make():
                return
            self.path = self._name()
        raise FileExistsError(errno.EEXIST, "no free name for a temporary folder", str(self._base))

    def _name(self) -> Path:
        return self._base / f"{self._prefix}{secrets.token_hex(4)}{_SUFFIX}"

    def _make(self) -> bool:
        """Make the folder and lock it; says whether it is ours."""
        try:
            self.path.mkdir()
        except FileExistsError:
            return False
        try:
            self._lock = _lock(self.path)
        except (BlockingIOError, FileNotFoundError):
            return False  # between mkdir and lock, another process took it for abandoned
        except OSError:
            return True  # a file system without locks
        return self.path.exists()

    def commit(self, names: list[str], *, replace: bool) -> None:
        """Move files to the final folder, all at once if it does not exist.

        Otherwise they go one by one, each replacing the old file in one step; a link of
        that name is replaced itself, what it points to is left alone.

        Args:
            names: Their names in this folder, closed and synchronised.
            replace: Whether files of these names may be there already.

        Raises:
            OSError: They cannot be moved.
        """
        _synchronise(self.path)
        if not self._became_final():
            if not replace:
                _require_absent(self._final, names)
            for name in names:
                (self.path / name).replace(self._final / name)
            _synchronise(self._final)
            self.path.rmdir()
        _synchronise(self._final.parent)
        self._release()

    def discard(self) -> None:
        """Remove the folder, and every parent made for it, as if nothing had been done."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._release()
        self._remove_parents()

    def _became_final(self) -> bool:
        if self._final.exists():
            return False
        try:
            self.path.rename(self._final)
        except OSError:
            if self._final.is_dir():  # another writer was faster by a moment
                return False
            raise
        return True

    def _release(self) -> None:
        _unlock(self._lock)
        self._lock = None

    def _make_parents(self, folder: Path) -> None:
        if folder.is_dir():
            return
        self._make_parents(folder.parent)
        self._made.append(folder)  # first: nothing may come between making and knowing it
        try:
            folder.mkdir()
        except FileExistsError:  # someone else made it just now, or it is a file
            self._made.remove(folder)
            if not folder.is_dir():
                raise

    def _remove_parents(self) -> None:
        for parent in reversed(self._made):
            try:
                parent.rmdir()
            except OSError:  # no longer empty: not ours alone
                break


def _remove_abandoned(base: Path, prefix: str) -> None:
    """Remove the folders that :meth:`PartFolder._name` may have named and no one holds."""
    for path in list(base.iterdir()):
        if re.fullmatch(f"{prefix}[0-9a-f]{{8}}{re.escape(_SUFFIX)}", path.name):
            with suppress(OSError):  # its owner lives, or nobody can tell
                lock = _lock(path)
                shutil.rmtree(path, ignore_errors=True)
                _unlock(lock)


def _lock(folder: Path) -> int:
    """Lock a folder and return the descriptor that holds the lock.

    Raises:
        BlockingIOError: Another process holds it.
        OSError: There are no locks here.
    """
    if sys.platform == "win32":
        raise OSError(errno.ENOLCK, "no locks on folders")
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _unlock(descriptor: int | None) -> None:
    if descriptor is not None:
        os.close(descriptor)


def _require_absent(folder: Path, names: list[str]) -> None:
    for name in names:
        if os.path.lexists(folder / name):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(folder / name))


def _synchronise(folder: Path) -> None:
    """Make a folder's entries last through a power failure; Windows cannot."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
