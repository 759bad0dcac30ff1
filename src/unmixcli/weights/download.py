"""A file from an address, over https only; http only from this very computer."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

Progress = Callable[[int, int | None], None]
"""Called with bytes done and bytes in all."""

PIECE = 1 << 20
TIMEOUT = 30.0
LOCAL = ("127.0.0.1", "::1", "localhost")


class _SecureRedirects(HTTPRedirectHandler):
    """Follows to https only: a redirect must not undo what the address promised."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> Request | None:
        if urlsplit(req.full_url).scheme == "https" != urlsplit(newurl).scheme:
            raise OSError(f"'{req.full_url}' leads to '{newurl}', which is not an https address")
        _require_https(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def download(
    address: str, part: Path, size: int | None = None, progress: Progress | None = None
) -> None:
    """Write what is at an address to a new file, and to the disk.

    Args:
        address: Where it is; https.
        part: Where to write it; must not exist.
        size: How many bytes there should be; more are not taken.
        progress: Told of the bytes that have come.

    Raises:
        OSError: It cannot be had or written.
        HTTPException: The connection broke.
    """
    _require_https(address)
    with build_opener(_SecureRedirects).open(address, timeout=TIMEOUT) as source:
        _copy(source, part, size, progress)


def _require_https(address: str) -> None:
    parts = urlsplit(address)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOCAL):
        raise OSError(f"'{address}' is not an https address")


def _copy(source: IO[bytes], part: Path, size: int | None, progress: Progress | None) -> None:
    done = 0
    with part.open("xb") as sink:
        while piece := source.read(PIECE):
            done += len(piece)
            if size is not None and done > size:
                raise OSError(f"more than the {size} bytes that there should be")
            sink.write(piece)
            if progress:
                progress(done, size)
        sink.flush()
        os.fsync(sink.fileno())
