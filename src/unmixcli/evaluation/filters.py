"""Distortion filters: the least-squares projection of estimates on delayed references.

The normal equations of Vincent, Gribonval & Févotte 2006, section III: a Gram matrix of blocks,
each Toeplitz, of (reference channels · taps) unknowns, 4096 for four stereo stems.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, lapack

TAPS = 512
"""Length of the distortion filters of BSSEval, in samples, at any rate."""

EPSILON = float(np.finfo(np.float64).eps)
"""What museval adds to the diagonal, so that a silent channel does not stop it."""

ILL_POSED = 1e-13
"""Reciprocal condition below which solvers differ by more than 1e-3 dB. References of 16-bit
samples stay above 1e-12, and what a lossy codec gave back falls to 1e-16."""


@dataclass(frozen=True)
class Filters:
    """Filters that map references to their best likeness of estimates.

    Attributes:
        taps: (reference channels, estimate channels, taps).
        ill_posed: The references are so nearly dependent that others' filters may
            differ, and with them SIR, SAR and ISR; SDR does not.
    """

    taps: NDArray[np.float64]
    ill_posed: bool


def solve(among: NDArray[np.float64], across: NDArray[np.float64]) -> Filters:
    """Solve the normal equations.

    Args:
        among: Correlations of references with references, (channels, channels, taps).
        across: Correlations of the references with estimates, (channels, estimates, taps).
    """
    # A silent channel has nothing to give: without it the others stay independent.
    heard = np.flatnonzero(np.einsum("iit->it", among)[:, 0])
    filters = np.zeros_like(across)
    if not heard.size:
        return Filters(filters, ill_posed=False)
    among, across = among[np.ix_(heard, heard)], across[heard]
    right = np.ascontiguousarray(across.transpose(0, 2, 1)).reshape(-1, across.shape[1])
    solved = _cholesky(_gram(among), right)
    solution, reciprocal = solved or _pivoted(_gram(among), right)
    filters[heard] = solution.reshape(len(heard), -1, across.shape[1]).transpose(0, 2, 1)
    return Filters(filters, ill_posed=reciprocal < ILL_POSED)


def _gram(among: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the inner products of all delayed references, (channels · taps) squared."""
    channels, _, taps = among.shape
    gram = np.empty((channels, taps, channels, taps))
    for row in range(channels):
        for column in range(channels):
            lags = np.concatenate([among[column, row, :0:-1], among[row, column]])
            gram[row, :, column] = sliding_window_view(lags, taps)[:, ::-1]
    square = gram.reshape(channels * taps, channels * taps)
    square.flat[:: channels * taps + 1] += EPSILON
    return square


def _cholesky(
    gram: NDArray[np.float64], right: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float] | None:
    """Solve in place of ``gram``, with half the work of elimination; ``None`` if it is singular.

    Returns:
        The solution, and an estimate of the reciprocal condition.
    """
    norm = lapack.dlange("1", gram.T)
    try:
        # The transpose of what is symmetric is itself, in the order that LAPACK overwrites.
        factor = scipy.linalg.cholesky(gram.T, lower=True, overwrite_a=True, check_finite=False)
    except LinAlgError:
        return None
    return _substitute(factor, right), _reciprocal(factor, norm)


def _pivoted(
    gram: NDArray[np.float64], right: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Solve in place of ``gram`` what has no Cholesky factor: with pivots.

    Where references depend on each other (two channels alike, two stems alike), pivots choose
    delayed references that do not, as many as there are. They span the same projections;
    the others get no weight.
    """
    norm = lapack.dlange("1", gram.T)
    factor, pivots, rank, _ = lapack.dpstrf(gram.T, lower=1, overwrite_a=1)
    chosen, factor = pivots[:rank] - 1, np.asfortranarray(factor[:rank, :rank])
    solution = np.zeros_like(right)
    solution[chosen] = _substitute(factor, right[chosen])
    return solution, _reciprocal(factor, norm)


def _substitute(factor: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    solution: NDArray[np.float64] = scipy.linalg.cho_solve(
        (factor, True), right, check_finite=False
    )
    return solution


def _reciprocal(factor: NDArray[np.float64], norm: float) -> float:
    """Estimate the reciprocal condition in the 1-norm from a Cholesky factor."""
    reciprocal, _ = lapack.dpocon(factor, norm, uplo="L")
    return float(reciprocal)
