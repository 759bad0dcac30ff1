"""What a signal does: leave at once while nothing is written, in good order after that."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from threading import Event
from types import FrameType

# A terminal that closes and a container that stops are as good as a Ctrl-C.
SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]


def leave_at_once() -> None:
    """Let signals end the process on the spot.

    For the time of imports: an exception raised among them can be swallowed there, and
    there is nothing yet that an exception would have to clean up.
    """
    _handle(lambda number, _: os._exit(128 + number))


def leave_in_order() -> None:
    """Let the first signal unwind the stack, so that nothing half-written stays behind.

    The second is ignored, since it would interrupt the cleaning up; who insists with a
    third is obeyed at once.
    """
    _handle(_unwind)


def stop_in_order(cancel: Event) -> Callable[[], int | None]:
    """Let the first signal ask to stop, for who will look; the second is obeyed at once.

    Args:
        cancel: Set by the first.

    Returns:
        What says which signal that was; ``None`` if there was none.
    """
    received: list[int] = []

    def ask(number: int, _: FrameType | None) -> None:
        leave_at_once()
        received.append(number)
        cancel.set()

    _handle(ask)
    return lambda: received[0] if received else None


def _unwind(number: int, _: FrameType | None) -> None:
    _handle(_wait)
    sys.exit(128 + number)


def _wait(_: int, __: FrameType | None) -> None:
    leave_at_once()


def _handle(handler: Callable[[int, FrameType | None], object]) -> None:
    for number in SIGNALS:
        # What is ignored from the start (nohup, a job in the background) stays ignored.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)
