"""Shuffling without a list: where each item of an epoch comes, computed when asked.

A Feistel network over as many bits as the count needs permutes all numbers of so many
bits; those that are too large are sent through again until they are not. An epoch over
a hundred thousand tracks so takes no memory, and a run can begin anywhere in it.
"""

from __future__ import annotations

ROUNDS = 6
MASK = (1 << 64) - 1


def shuffled(index: int, count: int, key: int) -> int:
    """Return which of ``count`` items comes at a place.

    Args:
        index: The place, in 0..count - 1; distinct places have distinct items.
        count: How many items there are.
        key: Which of the orders; any integer.
    """
    half = max((max(count - 1, 1).bit_length() + 1) // 2, 1)
    place = index
    while True:
        place = _permuted(place, half, key)
        if place < count:
            return place


def _permuted(value: int, half: int, key: int) -> int:
    low = (1 << half) - 1
    left, right = value >> half, value & low
    for turn in range(ROUNDS):
        left, right = right, left ^ (_mixed(right + (turn << 48), key) & low)
    return left << half | right


def _mixed(value: int, key: int) -> int:
    """Return 64 bits that look drawn (the finaliser of SplitMix64)."""
    value = (value + key) * 0x9E3779B97F4A7C15 & MASK
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 & MASK
    value = (value ^ value >> 27) * 0x94D049BB133111EB & MASK
    return value ^ value >> 31
