"""Scores in the format of museval, which other tools read and SiSEC's results are in.

Numbers have five decimals; a window that is void or perfect is ``NaN``, a token that JSON does not
know but museval and Python write and read. What that format cannot hold is in
``score_json.py``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from unmixcli import __version__
from unmixcli.errors import DatasetError
from unmixcli.evaluation.options import Engine, Options
from unmixcli.evaluation.scores import METRICS, FrameScores, TrackScores, Values

VERSION = f"0.4.1 (unmixcli {__version__})"
"""The museval whose format and numbers these are, and who computed them."""

DECIMALS = 5


def to_museval(scores: TrackScores) -> dict[str, Any]:
    """Return scores as museval's ``TrackStore`` lays them out.

    A metric that was not asked for is NaN in each window, since readers expect all four.
    """
    targets = [
        {
            "name": stem,
            "frames": [
                {
                    "time": index * frames.hop,
                    "duration": frames.window,
                    "metrics": {
                        metric: _rounded(frames.metrics().get(metric), index) for metric in METRICS
                    },
                }
                for index in range(len(frames.sdr))
            ],
        }
        for stem, frames in scores.sources.items()
    ]
    return {"targets": targets, "museval_version": VERSION}


def dump_museval(scores: TrackScores) -> str:
    """Return the text of a museval file."""
    return json.dumps(to_museval(scores), indent=2, allow_nan=True)


def load_museval(text: str, name: str) -> TrackScores:
    """Read a museval file; ``null`` counts as ``NaN``.

    Args:
        text: Of the file.
        name: Of the track, which the file does not say.

    Raises:
        DatasetError: It is no such file.
    """
    try:
        targets = {target["name"]: target["frames"] for target in json.loads(text)["targets"]}
        sources = {stem: _frames(frames) for stem, frames in targets.items()}
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise DatasetError(f"{name}: not a file of museval's scores") from error
    timing = next(iter(sources.values()), FrameScores(sdr=np.empty(0), window=1.0, hop=1.0))
    options = Options(window=timing.window, hop=timing.hop, engine=Engine.MUSEVAL)
    unknown = dict.fromkeys(sources, math.nan)
    return TrackScores(
        name=name,
        sources=sources,
        sdr=unknown,
        si_sdr=unknown,
        energy_at_silence=unknown,
        options=options,
    )


def _frames(frames: list[Mapping[str, Any]]) -> FrameScores:
    def values(metric: str) -> Values:
        given = [frame["metrics"].get(metric) for frame in frames]
        return np.array([math.nan if value is None else float(value) for value in given])

    window = float(frames[0]["duration"])
    hop = float(frames[1]["time"]) if len(frames) > 1 else window
    return FrameScores(
        sdr=values("SDR"),
        sir=values("SIR"),
        sar=values("SAR"),
        isr=values("ISR"),
        window=window,
        hop=hop,
    )


def _rounded(values: Values | None, index: int) -> float:
    if values is None or math.isinf(values[index]):
        return math.nan
    return round(float(values[index]), DECIMALS)
