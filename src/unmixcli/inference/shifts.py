"""Shift offsets, drawn as the published code draws them but from a seed of our own."""

from collections.abc import Iterable, Sequence
from random import Random

from unmixcli.inference.plan import Draw
from unmixcli.schedule import Schedule, ShiftScope


def seeded(schedule: Schedule, seed: int) -> Draw:
    """Return a source of offsets for a schedule; the same seed gives the same offsets.

    Demucs v1 draws without replacement from 0..max_shift - 1, later versions with
    replacement from 0..max_shift.
    """
    random = Random(seed)
    most = schedule.max_shift

    def draw(count: int) -> Sequence[int]:
        if schedule.shift_scope is ShiftScope.WINDOW:
            return random.sample(range(most), count)
        return [random.randint(0, most) for _ in range(count)]

    return draw


def recorded(offsets: Iterable[int]) -> Draw:
    """Return a source that replays offsets recorded elsewhere, in order."""
    remaining = iter(offsets)
    return lambda count: [next(remaining) for _ in range(count)]
