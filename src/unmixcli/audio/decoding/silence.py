"""Keep libmpg123's remarks off standard error."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_LOCK = threading.Lock()


@contextmanager
def silenced() -> Iterator[None]:
    """Send file descriptor 2 to nowhere for the length of one call into libsndfile.

    libmpg123 prints there ("Xing stream size off by more than 1%…"), and libsndfile
    offers no way to tell it not to. The descriptor belongs to the whole process: what
    other threads print meanwhile is lost, and one thread at a time may be here, so this
    is held around single calls for MP3 only, never across a ``yield``.
    """
    if sys.__stderr__ is None:  # started with it closed: descriptor 2 may be anything
        yield
        return
    with _LOCK:
        saved = os.dup(2)
        try:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 2)
            os.close(nowhere)
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)
