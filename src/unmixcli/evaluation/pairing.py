"""From what a caller gives to references and estimates that can be compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from unmixcli.errors import DatasetError
from unmixcli.evaluation.ratios import Array

TOLERANCE = 0.1
"""Seconds by which lengths may differ, as those of encoders and resamplers do."""


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """References and estimates of one track, all of one shape.

    Attributes:
        references: By stem, (channels, samples), finite.
        estimates: The same stems in the same order, the same shape, finite.
        warnings: What was done to them that the user should know.
    """

    references: dict[str, Array]
    estimates: dict[str, Array]
    warnings: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The stems, in the order of the references."""
        return tuple(self.references)

    @property
    def length(self) -> int:
        """Samples per channel."""
        return int(next(iter(self.references.values())).shape[-1])


def pair(
    references: Mapping[str, Any],
    estimates: Mapping[str, Any],
    sample_rate: int,
    *,
    track: str,
    compat: bool,
) -> Pairs:
    """Pair estimates with references by name.

    Args:
        references: By stem, (channels, samples), floats of full scale 1.
        estimates: Likewise.
        sample_rate: Of all of them, in Hz.
        track: What errors call the track.
        compat: Give estimates the length of the references, whatever theirs is, as museval
            does; otherwise cut all to the shortest where they differ by up to 0.1 s.

    Raises:
        DatasetError: Nothing pairs, or channels or lengths disagree, or a sample is not finite.
    """
    names = [name for name in references if name in estimates]
    if not names:
        raise DatasetError(
            f"{track}: no estimate has the name of a reference",
            hint=f"references are {_listed(references)}; estimates are {_listed(estimates)}",
        )
    warnings = [
        f"{name}: no {other}, not scored"
        for kind, given, other in (
            (references, names, "estimate"),
            (estimates, names, "reference"),
        )
        for name in kind
        if name not in given
    ]
    true = {name: _signal(references[name], track, f"reference '{name}'") for name in names}
    guess = {name: _signal(estimates[name], track, f"estimate '{name}'") for name in names}
    _require_channels(true, guess, track)
    if compat:
        true, guess, said = _fitted(true, guess, track)
    else:
        true, guess, said = _cut(true, guess, sample_rate, track)
    return Pairs(references=true, estimates=guess, warnings=(*warnings, *said))


def _signal(given: Any, track: str, what: str) -> Array:
    signal: Array = np.asarray(given)
    if signal.ndim != 2 or not np.issubdtype(signal.dtype, np.floating):
        raise DatasetError(
            f"{track}: {what} is not (channels, samples) of floats, "
            f"but {signal.shape} of {signal.dtype}"
        )
    if not signal.size:
        raise DatasetError(f"{track}: {what} holds no samples")
    if not np.isfinite(signal).all():
        first = int(np.argmin(np.isfinite(signal).all(axis=0)))
        raise DatasetError(
            f"{track}: {what} is not finite at sample {first}",
            hint="look for what made NaN or infinity; no score could be trusted",
        )
    return signal


def _require_channels(true: dict[str, Array], guess: dict[str, Array], track: str) -> None:
    counts = {f"reference '{name}'": len(signal) for name, signal in true.items()}
    counts |= {f"estimate '{name}'": len(signal) for name, signal in guess.items()}
    (first, expected), *others = counts.items()
    for what, count in others:
        if count != expected:
            raise DatasetError(f"{track}: {what} has {count} channels, {first} has {expected}")


def _fitted(
    true: dict[str, Array], guess: dict[str, Array], track: str
) -> tuple[dict[str, Array], dict[str, Array], list[str]]:
    """Give each estimate the length of the references: zeros at the end, or cut."""
    lengths = {name: signal.shape[-1] for name, signal in true.items()}
    if len(set(lengths.values())) > 1:
        raise DatasetError(f"{track}: references differ in length: {_counted(lengths)}")
    length, fitted, said = next(iter(lengths.values())), dict(guess), []
    for name, signal in guess.items():
        missing = length - signal.shape[-1]
        if missing > 0:
            fitted[name] = np.pad(signal, [(0, 0), (0, missing)])
            said.append(f"{name}: estimate padded by {missing} samples")
        elif missing < 0:
            fitted[name] = signal[:, :length]
            said.append(f"{name}: estimate cut by {-missing} samples")
    return true, fitted, said


def _cut(
    true: dict[str, Array], guess: dict[str, Array], sample_rate: int, track: str
) -> tuple[dict[str, Array], dict[str, Array], list[str]]:
    """Cut all signals to the shortest one."""
    lengths = {f"reference '{name}'": signal.shape[-1] for name, signal in true.items()}
    lengths |= {f"estimate '{name}'": signal.shape[-1] for name, signal in guess.items()}
    shortest, longest = min(lengths, key=lengths.__getitem__), max(lengths, key=lengths.__getitem__)
    length, excess = lengths[shortest], lengths[longest] - lengths[shortest]
    if not excess:
        return true, guess, []
    if excess > TOLERANCE * sample_rate:
        raise DatasetError(
            f"{track}: {longest} has {lengths[longest]} samples, {shortest} has {length}",
            hint="check that they are of one track; --museval-compat pads or cuts the estimates",
        )
    said = f"cut to the {length} samples of {shortest}; {longest} has {excess} more"
    return (
        {name: signal[:, :length] for name, signal in true.items()},
        {name: signal[:, :length] for name, signal in guess.items()},
        [said],
    )


def _listed(names: Mapping[str, Any]) -> str:
    return ", ".join(names) or "none"


def _counted(lengths: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in lengths.items())
