"""museval itself, as the judge of our own engine; the only place that loads it.

Importing museval imports musdb and with it stempeg, which refuses to be imported where there is
no ffmpeg. Its metrics need numpy and scipy only, so they are loaded by themselves, from
the file of the installed package.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np

from unmixcli.errors import ConfigError, DatasetError
from unmixcli.evaluation.options import Options, Style
from unmixcli.evaluation.ratios import Array, is_silent
from unmixcli.evaluation.windows import Windows


@cache
def metrics() -> ModuleType:
    """Return ``museval.metrics``.

    Raises:
        ConfigError: museval is not installed, or is another one.
    """
    # Finding a package, unlike a module inside of it, imports nothing.
    package = importlib.util.find_spec("museval")
    if package is None or package.origin is None:
        raise ConfigError(
            "museval is not installed",
            hint="run 'pip install museval', or leave out '--engine museval'",
        )
    path = Path(package.origin).with_name("metrics.py")
    spec = importlib.util.spec_from_file_location("unmixcli_museval_metrics", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ConfigError(
            f"museval has no file '{path}'", hint="this version is not known here: take 0.4.1"
        )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def score(
    references: Sequence[Array],
    estimates: Sequence[Array],
    window: int,
    hop: int,
    options: Options,
) -> Windows:
    """Score windows with museval.

    Args:
        references: (channels, samples) each, all of one shape.
        estimates: As many, in the same order and of the same shape.
        window: In samples.
        hop: In samples.
        options: How.

    Raises:
        ConfigError: museval cannot be had.
        DatasetError: museval cannot solve for these references.
    """
    true, guess = _stacked(references), _stacked(estimates)
    museval = metrics()
    if any(is_silent(signal, summed=True) for signal in (*references, *estimates)):
        # It raises for the track, and would void each window for the same reason.
        count = museval.Framing(window, hop, true.shape[1]).nwin
        return Windows(np.full((4, len(references), count), np.nan))
    try:
        with np.errstate(divide="ignore", invalid="ignore"):
            found = museval.bss_eval(
                true,
                guess,
                window=window,
                hop=hop,
                framewise_filters=options.style is not Style.V4,
                bsseval_sources_version=options.style is Style.V3,
            )
    except (AttributeError, np.linalg.LinAlgError) as error:
        # Its way out of a singular matrix names a module that numpy 2 no longer has.
        raise DatasetError(
            "museval cannot solve for references that depend on each other",
            hint="leave out '--engine museval', ours can",
        ) from error
    return Windows(np.stack(found[:4]))


def _stacked(signals: Sequence[Array]) -> Array:
    """Return signals as museval wants them, (stems, samples, channels), float64."""
    return np.stack([signal.T.astype(np.float64) for signal in signals])
