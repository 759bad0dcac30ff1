"""Watches what happens while a hostile file is read: nothing may run, connect or be written.

CPython tells an audit hook of every process, socket, import and opened file. A hook
cannot be taken back, so there is one, which is blind but for the time of an attack. What
it sees it also stops.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

try:
    import resource
except ImportError:  # not on Windows
    resource = None

CANARY = "attacks.canary"

SPAWNS = ("subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "pty.")
CONNECTS = ("socket.", "urllib.", "http.", "ftplib.", "smtplib.", "webbrowser.")
RUNS = ("pickle.find_class", "code.__new__", "ctypes.dlopen", "builtins.input")
CHANGES = (
    "os.rename",
    "os.remove",
    "os.mkdir",
    "os.rmdir",
    "os.link",
    "os.symlink",
    "os.chmod",
    "os.chown",
    "os.truncate",
    "shutil.",
)
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

MOST_MEMORY = 300 << 20
"""Bytes that an attack may make us hold at once, however little it is itself."""
MOST_ADDRESSES = 4 << 30
"""Bytes of addresses: a bomb that gets past ends as an error here, not as a dead machine."""
MOST_SECONDS = 5.0
"""Of the processor, not of the wall: other processes are not the attack's fault."""


class Caught(BaseException):
    """Something happened that no file may cause; no reader may catch it."""


@dataclass
class Guard:
    """What an attack may touch, and what it did.

    Attributes:
        allowed: The folder that may be written to.
        seen: What happened that must not.
        memory: Bytes held at once, beyond those held before; ``None`` where not known.
        seconds: Time of the processor.
    """

    allowed: Path
    seen: list[str] = field(default_factory=list)
    memory: int | None = None
    seconds: float = 0.0

    def judge(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._is_forbidden(event, arguments):
            self.seen.append(f"{event}{arguments!r:.200}")
            raise Caught(self.seen[-1])

    def _is_forbidden(self, event: str, arguments: tuple[Any, ...]) -> bool:
        if event == "import":
            return str(arguments[0]).startswith(CANARY)
        if event == "open":
            path, _, flags = arguments
            return bool((flags or 0) & WRITING) and not self._is_inside(path)
        if event.startswith(CHANGES):
            # Relative to an opened folder: how that was come by has been judged.
            if isinstance(arguments[-1], int) and arguments[-1] >= 0:
                return False
            return not all(self._is_entry(a) for a in arguments if isinstance(a, str | Path))
        return event.startswith((*SPAWNS, *CONNECTS, *RUNS))

    def _is_entry(self, path: str | Path) -> bool:
        """Say whether a name lies in the folder, wherever it would lead as a link."""
        return self._is_inside(Path(path).parent) or os.path.realpath(path) == str(self.allowed)

    def _is_inside(self, path: object) -> bool:
        if isinstance(path, int):  # already open
            return True
        return Path(os.path.realpath(os.fsdecode(path))).is_relative_to(self.allowed)


_active: Guard | None = None


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _active is not None:
        _active.judge(event, arguments)


sys.addaudithook(_hook)


@contextmanager
def watch(allowed: Path) -> Iterator[Guard]:
    """Stop and remember what must not happen, for the length of the block."""
    global _active  # noqa: PLW0603 the hook knows nothing else
    guard = Guard(Path(os.path.realpath(allowed)))
    before, begun = _start_of_memory(), time.process_time()
    with _limits():
        _active = guard
        try:
            yield guard
        finally:
            _active = None
    guard.seconds = time.process_time() - begun
    guard.memory = None if before is None else _status("VmHWM") - before


def _start_of_memory() -> int | None:
    """Forget the highest memory so far, where the system can, and return what is held."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
        return _status("VmRSS")
    except (OSError, LookupError):
        return None


def _status(key: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{key}:"):
            return 1024 * int(line.split()[1])
    raise LookupError(key)


@contextmanager
def _limits() -> Iterator[None]:
    """Turn what would take all memory or time into an error that names the attack."""
    if resource is None or not hasattr(signal, "setitimer"):
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    with suppress(OSError, LookupError, ValueError):
        resource.setrlimit(resource.RLIMIT_AS, (_status("VmSize") + MOST_ADDRESSES, hard))
    old = signal.signal(signal.SIGPROF, _too_slow)
    signal.setitimer(signal.ITIMER_PROF, 2 * MOST_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, old)
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _too_slow(*_: object) -> None:
    raise Caught(f"more than {2 * MOST_SECONDS} s of the processor")
