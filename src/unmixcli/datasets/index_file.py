"""A file of what was measured, one row for each track; losing it costs time, never truth.

It is SQLite: rows are written whole or not at all, by any number of processes, and a
process reads the row it needs instead of holding all of them. A row is believed only if
its check sum is right and its signature is that of the files as they are now.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
import weakref
import zlib
from pathlib import Path
from typing import Any

from unmixcli.errors import DatasetError

VERSION = 1
"""Of what a row holds; a file of another version is made anew."""

_PATIENCE = 60.0
"""Seconds to wait for another process that writes."""

_TABLE = (
    "CREATE TABLE IF NOT EXISTS tracks (track TEXT PRIMARY KEY, signature TEXT NOT NULL, "
    "facts TEXT NOT NULL, levels BLOB NOT NULL, checksum INTEGER NOT NULL) WITHOUT ROWID"
)


class IndexFile:
    """Rows by track; may be pickled, and used after a fork.

    Args:
        path: The file; it and its folder are made if need be. Where that cannot be, or
            another process keeps it locked, a temporary one takes its place.

    Attributes:
        path: Where the rows really are.
        notes: What became of an old file.
    """

    def __init__(self, path: Path) -> None:
        self._connection: tuple[int, sqlite3.Connection] | None = None
        self.path = path
        self.notes: list[str] = []
        try:
            self._prepare()
        except (sqlite3.Error, OSError) as error:
            self._move(error)

    def __del__(self) -> None:
        self._close()

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "notes": self.notes, "_connection": None}

    def get(self, track: str, signature: str) -> tuple[str, bytes] | None:
        """Return the facts and the levels of a track; ``None`` where they are not known."""
        query = "SELECT signature, facts, levels, checksum FROM tracks WHERE track = ?"
        for found, facts, levels, checksum in self._asked(query, track):
            whole = isinstance(facts, str) and isinstance(levels, bytes)
            if whole and found == signature and checksum == _checksum(facts, levels):
                return facts, levels
        return None

    def knows(self, track: str) -> bool:
        """Say whether there is a row of a track, of whatever signature."""
        return bool(self._asked("SELECT 1 FROM tracks WHERE track = ?", track))

    def put(self, track: str, signature: str, facts: str, levels: bytes) -> None:
        """Keep the facts and the levels of a track.

        Raises:
            DatasetError: Not even a temporary file can be written.
        """
        row = (track, signature, facts, levels, _checksum(facts, levels))
        statement = "INSERT OR REPLACE INTO tracks VALUES (?, ?, ?, ?, ?)"
        try:
            self._execute(statement, *row)
        except (sqlite3.Error, OSError) as error:
            self._move(error)
            self._execute(statement, *row)

    def _prepare(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        [[version]] = self._execute("PRAGMA user_version")
        if version not in (0, VERSION):
            self._renew(f"of version {version}")
        self._create()

    def _create(self) -> None:
        self._execute(_TABLE)
        self._execute(f"PRAGMA user_version = {VERSION}")

    def _renew(self, what: str) -> None:
        """Put a new file in the place of one that is of no use."""
        self._close()
        self.notes.append(f"the index '{self.path}' is {what}, and is made anew")
        self.path.with_name(f"{self.path.name}-journal").unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)
        self._create()

    def _move(self, error: Exception) -> None:
        """Go on with a file of our own, which goes away with this process.

        Raises:
            DatasetError: That cannot be written either.
        """
        self._close()
        self.notes.append(f"the index cannot be kept in '{self.path}': {error}")
        try:
            folder = tempfile.mkdtemp(prefix="unmixcli-index-")
            weakref.finalize(self, _remove, folder, os.getpid())
            self.path = Path(folder) / "index.sqlite"
            self._create()
        except (sqlite3.Error, OSError) as worse:
            raise DatasetError(
                f"an index of the data set cannot be kept anywhere: {worse}",
                hint="free some space, or set TMPDIR",
            ) from worse

    def _asked(self, statement: str, *values: Any) -> list[Any]:
        """Return rows; none where the file cannot be read just now."""
        try:
            return self._execute(statement, *values)
        except (sqlite3.OperationalError, OSError):
            return []

    def _execute(self, statement: str, *values: Any) -> list[Any]:
        try:
            return self._connected().execute(statement, values).fetchall()
        except sqlite3.OperationalError:  # locked, read-only, no space: the file may be whole
            raise
        except (sqlite3.DatabaseError, UnicodeDecodeError):
            self._renew("damaged")
            return self._connected().execute(statement, values).fetchall()

    def _connected(self) -> sqlite3.Connection:
        """Return a connection of this process: one from before a fork must not be used."""
        if self._connection is None or self._connection[0] != os.getpid():
            connection = sqlite3.connect(
                self.path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False
            )
            self._connection = os.getpid(), connection
            # A kill loses nothing; after a power failure the file may be damaged: it is a cache.
            connection.execute("PRAGMA synchronous = OFF")
        return self._connection[1]

    def _close(self) -> None:
        if self._connection is not None and self._connection[0] == os.getpid():
            self._connection[1].close()
        self._connection = None


def _checksum(facts: str, levels: bytes) -> int:
    return zlib.crc32(levels, zlib.crc32(facts.encode()))


def _remove(folder: str, owner: int) -> None:
    if os.getpid() == owner:  # a fork of it has the same object
        shutil.rmtree(folder, ignore_errors=True)
