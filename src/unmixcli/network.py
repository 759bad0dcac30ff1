"""The contract between networks and everything that runs them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Protocol

from unmixcli.errors import ConfigError

if TYPE_CHECKING:
    from torch import Tensor, nn


KINDS: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "str": (str,),
}
"""What a hyper-parameter of each annotated type may be."""


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """What every network's configuration says; each network adds its own.

    Attributes:
        sources: Names of the estimates, in the order of the output's source axis.
        sample_rate: Rate the network was trained at, in Hz.
        channels: Audio channels it reads and writes; 1 mono, 2 stereo.
    """

    sources: tuple[str, ...]
    sample_rate: int
    channels: int

    def __post_init__(self) -> None:
        for field in fields(self):
            value, kinds = getattr(self, field.name), KINDS.get(str(field.type))
            # A bool is an int to Python, but no count of anything.
            if kinds and (
                not isinstance(value, kinds) or isinstance(value, bool) != (bool in kinds)
            ):
                raise ConfigError(f"{field.name} must be of type {field.type}, got {value!r}")
        named = isinstance(self.sources, tuple) and all(isinstance(s, str) for s in self.sources)
        if not named or not self.sources or len(set(self.sources)) != len(self.sources):
            raise ConfigError(f"sources must be distinct names, at least one, got {self.sources!r}")
        require_range("sample_rate", self.sample_rate, 1, 1_000_000)
        require_range("channels", self.channels, 1, 64)

    @property
    def told(self) -> tuple[str, ...]:
        """What its labels stand for, in order; empty for a network that takes none."""
        return ()


def require_range(name: str, value: float, least: float, most: float) -> None:
    """Refuse a hyper-parameter outside ``[least, most]``.

    Raises:
        ConfigError: It is outside, or not a number.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise ConfigError(f"{name} must be in {least}..{most}, got {value!r}")


def require_count(name: str, value: int, least: int, most: int = 1 << 40) -> None:
    """Refuse what is no whole number in ``[least, most]``.

    Raises:
        ConfigError: It is none.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ConfigError(f"{name} must be an integer in {least}..{most}, got {value!r}")


@dataclass(frozen=True, slots=True)
class Geometry:
    """How many samples a network reads in order to predict how many.

    A zero-padded network has ``input_length == output_length``. A network of
    valid convolutions predicts only the centre of what it reads; the rest is
    context. Demucs sits between: it wants a length its strides divide.

    Attributes:
        input_length: Samples it reads.
        output_length: Samples it predicts, centred on them.
        edge: How many of them, at either end, depend on where the input ends: where a
            network reads a little less than it looks at, and takes the rest as zero.
            Counted only for networks that can be cut seamlessly.
    """

    input_length: int
    output_length: int
    edge: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.output_length <= self.input_length:
            raise ConfigError(
                f"cannot predict {self.output_length} samples from {self.input_length}"
            )


class Cuttable(Protocol):
    """What every network says of itself, so that a track can be cut for it."""

    @property
    def config(self) -> ModelConfig:
        """The configuration the network was built from."""
        ...

    @property
    def alignment(self) -> int | None:
        """What chunk starts must be multiples of to reproduce one long pass exactly.

        1 for a network that commutes with every shift, 2**depth for one that
        decimates, ``None`` where an output depends on the whole input (recurrent
        layers, global normalisation, attention), so that no cut can be seamless.
        """
        ...

    def geometry(self, target: int) -> Geometry:
        """Return the smallest valid geometry that predicts at least ``target`` samples."""
        ...


class Network(Cuttable, Protocol):
    """A separation network: mixture in, one estimate per source out."""

    def __call__(self, mixture: Tensor) -> Tensor:
        """Map (batch, channels, input) to (batch, sources, channels, output)."""
        ...


class ConditionedNetwork(Cuttable, Protocol):
    """A separation network that is told what sounds in the mixture."""

    @property
    def labels(self) -> tuple[str, ...]:
        """What each label stands for, in the order of the labels' last axis."""
        ...

    def __call__(self, mixture: Tensor, labels: Tensor) -> Tensor:
        """Map (batch, channels, input) to (batch, sources, channels, output).

        Args:
            mixture: Waveform, (batch, channels, input).
            labels: What sounds in each, (batch, labels): 1 where it does, 0 where not.
        """
        ...


@dataclass(frozen=True, slots=True)
class Architecture:
    """A kind of network: what configures it, and what builds it.

    Attributes:
        config: Its :class:`ModelConfig`.
        build: Makes the network, with freshly initialised weights.
    """

    config: type[ModelConfig]
    build: Callable[[Any], nn.Module]
