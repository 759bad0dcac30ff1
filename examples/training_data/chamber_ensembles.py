"""Who plays together: formations that there are, and sets that make all labels equally frequent."""

import numpy as np
from chamber_instruments import INSTRUMENTS, LABELS
from numpy.typing import NDArray

_SIZES = {2: 0.35, 3: 0.30, 4: 0.25, 5: 0.10}  # players
FORMATION_CHANCE = 0.45  # of a track that follows a score
_DOUBLED_CHANCE = 0.1  # that a random set has two players of one label

_FORMATIONS = """
vn vc, vn va, va vc, fl cl, fl vn, tpt vn, tpt tbn, tpt sax, ob vc, cl bn, ob bn, fl bn, hn tba,
tbn tba, fl va, cl va, vn db, vc db, sax bn, sax db, vn hn, hn bn, cl sax, tpt hn, ob hn, cl vc,

vn va vc, vn vn vc, vn vn va, va vc db, fl fl cl, fl ob cl, ob cl bn, fl cl bn, ob hn bn, fl va vc,
tpt tpt tbn, tpt hn tbn, hn tbn tba, tbn tbn tba, tpt tpt sax, vn fl cl, vn fl tpt, cl vn vc,
tpt vn vc, vn hn vc, cl tbn tba, sax tbn tba, cl sax tba, sax sax bn, sax tbn db, fl hn bn,

vn vn va vc, vn vn va sax, vn vn va db, vn va vc db, fl vn va vc, ob vn va vc, cl vn va vc,
hn vn va vc, fl vn va cl, fl ob cl bn, fl fl ob cl, fl fl ob sax, ob cl hn bn, tpt tpt hn tbn,
tpt tpt tbn tba, hn hn tbn tba, tpt tbn tba db, sax sax sax bn, cl sax tba db, hn tbn tba db,

vn vn va vc db, vn vn va va vc, vn vn va sax db, vn vn va vc cl, vn vn va vc fl, vn vn va vc ob,
fl ob cl hn bn, fl fl ob cl bn, fl fl ob sax bn, tpt tpt hn tbn tba, tpt tpt tbn tbn tba,
hn hn tbn tba db, cl sax hn tba db
"""

FORMATIONS: dict[int, list[tuple[str, ...]]] = {size: [] for size in _SIZES}
for _formation in _FORMATIONS.replace("\n", " ").split(","):
    FORMATIONS[len(_formation.split())].append(tuple(_formation.split()))


def draw_size(rng: np.random.Generator) -> int:
    """Return how many play."""
    return int(rng.choice(list(_SIZES), p=list(_SIZES.values())))


def draw_players(
    size: int, rng: np.random.Generator, *, formation_chance: float, balance: NDArray[np.float64]
) -> list[str]:
    """Return the labels of ``size`` players, high to low, though not strictly."""
    if rng.random() < formation_chance:
        known = FORMATIONS[size]
        players = list(known[int(rng.integers(len(known)))])
    else:
        chosen = rng.choice(len(LABELS), size, replace=False, p=balance)
        players = [LABELS[index] for index in chosen]
        if size > 2 and rng.random() < _DOUBLED_CHANCE:
            players[-1] = players[0]
    heights = {index: INSTRUMENTS[label].centre for index, label in enumerate(players)}
    order = sorted(heights, key=lambda index: -heights[index] + rng.normal(0, 3))
    return [players[index] for index in order]


def balance_labels(formation_share: float) -> NDArray[np.float64]:
    """Return the weights of labels in random sets that even out what formations favour.

    Args:
        formation_share: Of all tracks, how many have a formation.
    """
    used = dict.fromkeys(LABELS, 0.0)
    for size, chance in _SIZES.items():
        for formation in FORMATIONS[size]:
            for label in set(formation):
                used[label] += chance / len(FORMATIONS[size])
    wanted = sum(size * chance for size, chance in _SIZES.items()) / len(LABELS)
    missing = np.array([wanted - formation_share * used[label] for label in LABELS])
    weights = np.maximum(missing, 0.1 * wanted)
    return np.asarray(weights / weights.sum())
