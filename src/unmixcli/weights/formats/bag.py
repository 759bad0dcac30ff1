"""A bag of Demucs: several networks whose estimates are averaged, told in YAML."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from unmixcli.errors import WeightsError
from unmixcli.weights.plain import brief, is_share

LARGEST = 1 << 14
MOST_MODELS = 64
DEEPEST = 3
SUFFIXES = (".yaml", ".yml")
OTHERS = (ArithmeticError, AttributeError, LookupError, RecursionError)


@dataclass(frozen=True, kw_only=True)
class Bag:
    """Several networks.

    Attributes:
        files: Their weights, beside the description.
        shares: Of each network, the weight of each of its sources; ``None`` is 1 for all.
        segment: Length of a chunk, in seconds; ``None`` is that of the networks.
    """

    files: tuple[Path, ...]
    shares: tuple[tuple[float, ...], ...] | None
    segment: float | None


def read(path: Path) -> Bag:
    """Read a bag's description, and find its files.

    Raises:
        WeightsError: It is damaged, or a file is missing.
    """
    try:
        if path.exists() and not path.is_file():  # reading a pipe would wait for ever
            raise ValueError("not a regular file")
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
        if len(raw) > LARGEST:
            raise ValueError("too large")
        text = raw.decode()
        _require_flat(text)
        return _bag(path.parent, yaml.safe_load(text))
    # YAML's tags for plain values raise whatever their text provokes.
    except (OSError, ValueError, TypeError, *OTHERS, yaml.YAMLError) as error:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WeightsError(f"'{path}' is not a bag of models: {brief(said)}") from error


def _require_flat(text: str) -> None:
    """Refuse what its library takes minutes for, before it goes on.

    Raises:
        ValueError: It has aliases, which can repeat what they name a billion times over,
            or is nested deeper than two lists in a table.
    """
    depth = 0
    for event in yaml.parse(text):
        if isinstance(event, yaml.AliasEvent):
            raise ValueError("aliases")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise ValueError("nested too deeply")


def _bag(folder: Path, values: Any) -> Bag:
    if not isinstance(values, dict) or set(values) - {"models", "weights", "segment"}:
        raise ValueError("other keys than models, weights and segment")
    models, weights, segment = (values.get(key) for key in ("models", "weights", "segment"))
    if not isinstance(models, list) or not 1 <= len(models) <= MOST_MODELS:
        raise ValueError(f"not 1 to {MOST_MODELS} models")
    if segment is not None and not _is_positive(segment):
        raise ValueError(f"a segment of {segment!r:.20} s")
    return Bag(
        files=tuple(_file(folder, model) for model in models),
        shares=_shares(weights, len(models)),
        segment=segment,
    )


def _shares(weights: Any, models: int) -> tuple[tuple[float, ...], ...] | None:
    if weights is None:
        return None
    if not isinstance(weights, list) or len(weights) != models:
        raise ValueError(f"weights for another number of models than {models}")
    rows = tuple(tuple(row) for row in weights)
    if len({len(row) for row in rows}) != 1 or not all(map(is_share, sum(rows, ()))):
        raise ValueError("weights that are not as many finite numbers for each model")
    if any(sum(column) <= 0 for column in zip(*rows, strict=True)):
        raise ValueError("a source to which no model contributes")
    return rows


def _is_positive(value: Any) -> bool:
    return is_share(value) and value > 0


def _file(folder: Path, signature: Any) -> Path:
    """Find the weights of a signature: ``<signature>[-<hash>].th`` or ``.safetensors``."""
    if not isinstance(signature, str) or not signature.isalnum():
        raise ValueError("a signature that is not letters and digits")
    for pattern in (f"{signature}.safetensors", f"{signature}.th", f"{signature}-*.th"):
        if found := sorted(folder.glob(pattern)):
            return found[0]
    raise ValueError(f"no weights of '{signature}' beside it")
