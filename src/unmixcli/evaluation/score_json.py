"""Scores as JSON that any program reads, with nothing rounded or lost.

JSON has no infinity and no NaN. Void windows are ``null``; what is infinite is ``null`` too and
stands in a list of its own, since a perfect estimate and a silent reference are not the
same.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from unmixcli.errors import ConfigError, DatasetError
from unmixcli.evaluation.options import Options
from unmixcli.evaluation.scores import METRICS, FrameScores, TrackScores

SCHEMA = 1
WHOLE = ("sdr", "si_sdr", "energy_at_silence")


def to_json(scores: TrackScores) -> dict[str, Any]:
    """Return scores as plain JSON values."""
    return {
        "schema": SCHEMA,
        "track": scores.name,
        "options": asdict(scores.options),
        "warnings": list(scores.warnings),
        "sources": {stem: _source(scores, stem) for stem in scores.sources},
    }


def dump_json(scores: TrackScores) -> str:
    """Return the text of a file of scores."""
    return json.dumps(to_json(scores), indent=1, allow_nan=False)


def load_json(text: str, name: str) -> TrackScores:
    """Read what :func:`dump_json` wrote.

    Args:
        text: Of the file.
        name: What errors call the file.

    Raises:
        DatasetError: It is no such file, or one of another version.
    """
    try:
        given = json.loads(text)
        if given["schema"] != SCHEMA:
            raise DatasetError(f"{name}: scores of schema {given['schema']}, not {SCHEMA}")
        return _scores(given)
    except (ValueError, LookupError, TypeError, AttributeError, ConfigError) as error:
        raise DatasetError(f"{name}: not a file of scores") from error


def _source(scores: TrackScores, stem: str) -> dict[str, Any]:
    frames = scores.sources[stem]
    whole = {name: getattr(scores, name)[stem] for name in WHOLE}
    windows = {metric: values.tolist() for metric, values in frames.metrics().items()}
    infinite = [
        {"metric": name, "sign": _sign(value)} for name, value in whole.items() if math.isinf(value)
    ]
    infinite += [
        {"metric": metric, "window": index, "sign": _sign(value)}
        for metric, values in windows.items()
        for index, value in enumerate(values)
        if math.isinf(value)
    ]
    return {
        **{name: _finite([value])[0] for name, value in whole.items()},
        "void": frames.void,
        "windows": {metric: _finite(values) for metric, values in windows.items()},
        "infinite": infinite,
    }


def _scores(given: Mapping[str, Any]) -> TrackScores:
    options = Options(**given["options"])
    sources: dict[str, FrameScores] = {}
    whole: dict[str, dict[str, float]] = {name: {} for name in WHOLE}
    for stem, source in given["sources"].items():
        windows = {metric: _numbers(values) for metric, values in source["windows"].items()}
        scalars = {name: _numbers([source[name]]) for name in WHOLE}
        for flag in source["infinite"]:
            where = scalars | windows
            where[flag["metric"]][flag.get("window", 0)] = math.copysign(math.inf, flag["sign"])
        sources[stem] = FrameScores(
            **{metric.lower(): windows[metric] for metric in METRICS if metric in windows},
            window=options.window,
            hop=options.hop,
        )
        for name, value in scalars.items():
            whole[name][stem] = float(value[0])
    return TrackScores(
        name=given["track"],
        sources=sources,
        **whole,
        options=options,
        warnings=tuple(given["warnings"]),
    )


def _finite(values: Iterable[float]) -> list[float | None]:
    return [value if math.isfinite(value) else None for value in values]


def _numbers(values: Iterable[float | None]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array([math.nan if value is None else float(value) for value in values])


def _sign(value: float) -> int:
    return 1 if value > 0 else -1
