"""Stems to score, and museval to score them with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.signal import lfilter

from unmixcli.evaluation import museval_engine

RATE = 8000
STEMS = ("drums", "bass")
ORDER = ("SDR", "ISR", "SIR", "SAR")
"""Of what museval returns."""

Signals = dict[str, np.ndarray]


def pcm(signal: np.ndarray) -> np.ndarray:
    """Return what a 16-bit file holds of a signal, float32."""
    return (np.round(np.clip(signal, -1, 1) * 32767) / 32768).astype(np.float32)


def references(
    seconds: float = 2.5,
    *,
    stems: Sequence[str] = STEMS,
    channels: int = 2,
    rate: int = RATE,
    seed: int = 0,
) -> Signals:
    """Return coloured noise, each stem of another colour, partly alike in all channels."""
    rng = np.random.default_rng(seed)
    made = {}
    for index, stem in enumerate(stems):
        noise = rng.standard_normal((channels, round(seconds * rate)))
        noise = 0.6 * noise + 0.4 * noise[:1]
        coloured = lfilter([1.0], [1.0, -0.9 + 0.3 * index], noise, axis=-1)
        made[stem] = pcm(0.3 * coloured / np.abs(coloured).max())
    return made


def estimates(true: Mapping[str, np.ndarray], *, seed: int = 1) -> Signals:
    """Return references that are filtered, leak into each other, and are noisy."""
    rng = np.random.default_rng(seed)
    mixture = sum(true.values())
    return {
        stem: pcm(
            lfilter([0.8, 0.1], [1.0], signal, axis=-1)
            + 0.1 * mixture
            + 0.005 * rng.standard_normal(signal.shape)
        )
        for stem, signal in true.items()
    }


def museval(
    true: Mapping[str, np.ndarray],
    guess: Mapping[str, np.ndarray],
    *,
    window: int = RATE,
    hop: int = RATE,
    framewise: bool = False,
    sources: bool = False,
) -> dict[str, np.ndarray]:
    """Return museval's scores by metric, (stems, windows)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found = museval_engine.metrics().bss_eval(
            np.stack([signal.T.astype(np.float64) for signal in true.values()]),
            np.stack([signal.T.astype(np.float64) for signal in guess.values()]),
            window=window,
            hop=hop,
            framewise_filters=framewise,
            bsseval_sources_version=sources,
        )
    return dict(zip(ORDER, found[:4], strict=True))
