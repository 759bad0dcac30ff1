"""Golden cases of the oracles: masks and filters that know the answer."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from unmixcli.evaluation import oracles

if TYPE_CHECKING:
    from golden.judge import Case

FILTERS = {
    "IRM": lambda stems, mixture, alpha=2: oracles.ratio_mask(stems, mixture, alpha),
    "IBM": lambda stems, mixture, alpha=1, theta=0.5: oracles.binary_mask(
        stems, mixture, alpha, theta
    ),
    "MWF": oracles.wiener,
}


def _oracle(case: Case) -> Tensor:
    """Return (estimates, time, channels): the stems, and the accompaniment."""
    names = re.search(r"order ([\w,]+)", case.facts["input"])[1].split(",")
    stems = np.load(case.folder / "sources.npy").astype(np.float64).transpose(0, 2, 1) / 128
    apply = FILTERS[case.facts["variant"]]
    found = apply(list(stems), stems.sum(axis=0), **case.facts["config"])
    estimates = oracles.with_accompaniment(dict(zip(names, found, strict=True)))
    return torch.from_numpy(np.stack([*estimates.values()]).transpose(0, 2, 1))


KINDS: dict[str, Callable[[Case], Tensor]] = {"oracle": _oracle}
