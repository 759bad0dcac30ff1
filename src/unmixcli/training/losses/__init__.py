"""What is to become small.

Every term is a function of estimates and references, both (batch, sources, channels,
samples), in float32 whatever the network computed in, and finite with a finite gradient
for any finite input: sources and whole items may be silent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from unmixcli.errors import ConfigError, nearest
from unmixcli.training.losses.spectral import MultiResolution, Spectrum
from unmixcli.training.losses.term import Term
from unmixcli.training.losses.waveform import L1, L2, Dissimilarity, Sdr, SiSdr
from unmixcli.training.settings import LossTerm
from unmixcli.training.tables import read

LOSSES: dict[str, type[Term]] = {
    "dissimilarity": Dissimilarity,
    "l1": L1,
    "l2": L2,
    "sdr": Sdr,
    "si-sdr": SiSdr,
    "spectrum": Spectrum,
    "stft": MultiResolution,
}
"""By the name that a recipe gives."""

TOTAL = "loss"
"""What the weighted sum is called among the terms."""

__all__ = ["LOSSES", "TOTAL", "Loss", "build"]


@dataclass(frozen=True)
class Loss:
    """A weighted sum of terms.

    Attributes:
        terms: By name, with their weights.
        names: Of all sources, in their order; needed where a term names any.
    """

    terms: Mapping[str, tuple[float, Term]]
    names: tuple[str, ...] = ()

    def __call__(self, estimates: Tensor, references: Tensor) -> dict[str, Tensor]:
        """Return the sum under ``loss``, and each term, without its weight, under its name.

        Args:
            estimates: (batch, sources, channels, samples).
            references: The same shape.

        Raises:
            ValueError: The shapes differ.
        """
        if estimates.shape != references.shape:
            raise ValueError(
                f"estimates are {tuple(estimates.shape)}, references {tuple(references.shape)}"
            )
        estimates, references = estimates.float(), references.float()
        values = {
            name: term(estimates, references, self._chosen(term, estimates))
            for name, (_, term) in self.terms.items()
        }
        weighted = [self.terms[name][0] * value for name, value in values.items()]
        return {TOTAL: torch.stack(weighted).sum(), **values}

    def _chosen(self, term: Term, estimates: Tensor) -> Tensor:
        indices = [self.names.index(name) for name in term.sources] or [*range(estimates.shape[1])]
        return torch.tensor(indices, device=estimates.device)


def build(terms: Sequence[LossTerm], *, sources: Sequence[str] = ()) -> Loss:
    """Make what a recipe lists.

    Args:
        terms: In any order; of the same name, later ones get a number behind it.
        sources: Names of the sources, in their order; needed where a term names any.

    Raises:
        ConfigError: A term, a parameter or a source is unknown, or a value out of bounds.
    """
    made: dict[str, tuple[float, Term]] = {}
    for index, term in enumerate(terms):
        repeated = sum(other.name == term.name for other in terms[:index])
        name = f"{term.name}-{repeated + 1}" if repeated else term.name
        made[name] = (term.weight, _term(term, tuple(sources), f"loss.{index}"))
    return Loss(made, tuple(sources))


def _term(term: LossTerm, sources: tuple[str, ...], where: str) -> Term:
    kind = LOSSES.get(term.name)
    if kind is None:
        hint = nearest(term.name, LOSSES) or f"known are: {', '.join(LOSSES)}"
        raise ConfigError(f"{where}: no loss named '{term.name}'", hint=hint)
    try:
        made = read(kind, term.params)
    except ConfigError as error:
        raise ConfigError(f"{where} ({term.name}): {error}", hint=error.hint) from error
    for name in made.sources:
        if name not in sources:
            raise ConfigError(
                f"{where} ({term.name}): no source named '{name}' is separated",
                hint=nearest(name, sources) or f"there are: {', '.join(sources) or 'none named'}",
            )
    return made
