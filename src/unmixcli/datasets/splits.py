"""Which tracks are for training, for validation and for testing, as the field has it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from unmixcli.errors import ConfigError

TRAIN, VALID, TEST = "train", "valid", "test"

FOLDERS = {TRAIN: TRAIN, VALID: VALID, "validation": VALID, TEST: TEST}
"""The folders that divide a data set, in lower case, and the splits they are."""

MUSDB_VALIDATION = frozenset(
    {
        "ANiMAL - Rockshow",
        "Actions - One Minute Smile",
        "Alexander Ross - Goodbye Bolero",
        "Clara Berry And Wooldog - Waltz For My Victims",
        "Fergessen - Nos Palpitants",
        "James May - On The Line",
        "Johnny Lokke - Promises & Lies",
        "Leaf - Summerghost",
        "Meaxic - Take A Step",
        "Patrick Talbot - A Reason To Leave",
        "Skelpolu - Human Mistakes",
        "Traffic Experiment - Sirens",
        "Triviul - Angelsaint",
        "Young Griffo - Pennies",
    }
)
"""The tracks in ``train`` that the ``musdb`` package has for validation: 14 of 100."""

URMP_TEST = frozenset({1, 9, 13, 16, 18, 24, 28, 31, 35, 42, 44})
"""Pieces that the paper on conditioned separation tests on (Slizovskaia et al. 2019)."""

URMP_UNUSED = frozenset({2, 4, 5, 6})
"""Duets of one instrument: merged, they are one source, and there is nothing to separate."""


def urmp_split(piece: int) -> str | None:
    """Return the split of a piece by its number; ``None`` for those that are in none."""
    if piece in URMP_UNUSED:
        return None
    return TEST if piece in URMP_TEST else TRAIN


def drawn(names: Sequence[str], count: int, *, seed: int = 1337) -> frozenset[str]:
    """Draw tracks for validation as Wave-U-Net and the Wavenet do: 25 of MUSDB18's 100.

    Args:
        names: Of all tracks of the training set, in any order.
        count: How many to draw.
        seed: Of numpy's legacy generator, whose stream never changes.

    Raises:
        ConfigError: There are fewer.
    """
    if not 0 <= count <= len(names):
        raise ConfigError(f"cannot draw {count} tracks for validation out of {len(names)}")
    ordered = sorted(names)
    legacy = np.random.RandomState(seed)
    chosen = legacy.choice(len(ordered), count, replace=False)
    return frozenset(ordered[index] for index in chosen)
