"""Tables and JSON of ``embedded.py``."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

from unmixcli.datasets.collection import Dataset
from unmixcli.datasets.layouts import open_dataset
from unmixcli.datasets.splits import TEST
from unmixcli.evaluation.aggregate import describe
from unmixcli.weights.checkpoint import SUFFIX


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a Markdown table."""
    for row in (header, ["---"] * len(header), *rows):
        print(f"| {' | '.join(row)} |", flush=True)
    print()


def decibels(value: float, digits: int = 2) -> str:
    """Return a level as a cell; empty for none."""
    return "" if math.isnan(value) else f"{value:z.{digits}f}"


def mean(values: Iterable[float]) -> float:
    """Return the mean of what is finite; NaN of nothing."""
    return describe(values).mean


def titles(models: Sequence[str]) -> dict[str, str]:
    """Return models by a short name, with as much of their paths as tells them apart."""
    paths = {model: Path(model.removesuffix(SUFFIX)).parts for model in dict.fromkeys(models)}
    for length in range(1, max(map(len, paths.values()), default=1) + 1):
        named = {"/".join(parts[-length:]): model for model, parts in paths.items()}
        if len(named) == len(paths):
            return named
    return {model: model for model in paths}  # one.safetensors beside one


def tested(folder: Path, limit: int | None) -> Dataset:
    """Return the test tracks of a data set; all of them where it is not divided."""
    whole = open_dataset(folder)
    return open_dataset(folder, split=TEST if TEST in whole.splits else None, subset=limit)


def write_json(path: Path, found: Mapping[str, Any]) -> None:
    """Write what was found; what is not finite becomes null."""
    path.write_text(json.dumps(plain(found), indent=1) + "\n", encoding="utf-8")


def plain(value: Any) -> Any:
    """Return what JSON can say of a value."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return round(float(value), 4) if math.isfinite(value) else None
    return value
