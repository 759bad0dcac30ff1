"""How weights follow gradients, how fast, and for how long."""

from __future__ import annotations

from dataclasses import dataclass, field

from unmixcli.errors import ConfigError
from unmixcli.network import require_count, require_range
from unmixcli.training.settings.bounds import MOST, require_choice, require_rate
from unmixcli.training.settings.data import Table

OPTIMISERS = ("adam", "adamw", "sgd")
SCHEDULERS = ("constant", "plateau", "cosine", "exponential")
STARTS = ("last", "best")


@dataclass(frozen=True, kw_only=True)
class LossTerm:
    """One term of the loss.

    Attributes:
        name: See :data:`unmixcli.training.losses.LOSSES`.
        weight: Its factor in the sum.
        params: Its parameters.
    """

    name: str
    weight: float = 1.0
    params: Table = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_range("loss.weight", self.weight, 0, 1e9)


@dataclass(frozen=True, kw_only=True)
class OptimSettings:
    """How weights follow gradients.

    Attributes:
        name: ``adam``, ``adamw`` or ``sgd``.
        lr: Learning rate.
        betas: Decay of Adam's two means; the first is the momentum of SGD.
        eps: What Adam adds to the square root of the second.
        weight_decay: Share of the learning rate by which weights decay (AdamW), or that is
            added to the gradient (the others).
        clip: Largest norm of all gradients together; 0 leaves them.
        accumulate: Parts that a batch is computed in, one after the other.
        ema: Decay of a mean of the weights over the steps, which then is what is validated
            and kept; 0 keeps the weights themselves.
    """

    name: str = "adam"
    lr: float = 1e-4
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0
    clip: float = 0.0
    accumulate: int = 1
    ema: float = 0.0

    def __post_init__(self) -> None:
        require_choice("optim.name", self.name, OPTIMISERS)
        require_rate("optim.lr", self.lr)
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise ConfigError(f"optim.betas must be two numbers in [0, 1), got {self.betas!r}")
        require_range("optim.eps", self.eps, 0, 1)
        require_range("optim.weight_decay", self.weight_decay, 0, 10)
        require_range("optim.clip", self.clip, 0, 1e9)
        require_count("optim.accumulate", self.accumulate, 1, 65_536)
        if not 0 <= self.ema < 1:
            raise ConfigError(f"optim.ema must be in [0, 1), got {self.ema!r}")


@dataclass(frozen=True, kw_only=True)
class SchedulerSettings:
    """How the learning rate changes; steps are the optimiser's.

    Attributes:
        name: ``constant``; ``exponential``, times ``factor`` every ``every`` steps, smoothly;
            ``cosine``, down to ``floor`` at the last of ``steps``; ``plateau``, times
            ``factor`` after ``patience`` validations without a better one.
        factor: See there.
        every: See there.
        patience: See there.
        floor: Least learning rate, as a share of the first.
        steps: Where the cosine ends; 0 is the end of the run.
        warmup: Steps over which the rate rises from zero first.
    """

    name: str = "constant"
    factor: float = 0.96
    every: int = 2000
    patience: int = 5
    floor: float = 0.0
    steps: int = 0
    warmup: int = 0

    def __post_init__(self) -> None:
        require_choice("scheduler.name", self.name, SCHEDULERS)
        if not 0 < self.factor <= 1:
            raise ConfigError(f"scheduler.factor must be in (0, 1], got {self.factor!r}")
        require_count("scheduler.every", self.every, 1, MOST)
        require_count("scheduler.patience", self.patience, 0, MOST)
        require_range("scheduler.floor", self.floor, 0, 1)
        require_count("scheduler.steps", self.steps, 0, MOST)
        require_count("scheduler.warmup", self.warmup, 0, MOST)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A part of the training, ended by whichever of its limits comes first.

    Attributes:
        lr: Learning rate; 0 is the recipe's.
        batch_size: Examples of a batch; 0 is the recipe's.
        patience: Validations without a better one that end it; 0 never does.
        epochs: Epochs that end it; 0 never does.
        steps: Steps that end it; 0 never does.
        start: Weights it begins with: those of the ``last`` step so far, or the ``best``.
            The best of a run are tracked over all its stages.
    """

    lr: float = 0.0
    batch_size: int = 0
    patience: int = 0
    epochs: int = 0
    steps: int = 0
    start: str = "last"

    def __post_init__(self) -> None:
        if self.lr:
            require_rate("stages.lr", self.lr)
        require_count("stages.batch_size", self.batch_size, 0, 65_536)
        require_count("stages.patience", self.patience, 0, MOST)
        require_count("stages.epochs", self.epochs, 0, MOST)
        require_count("stages.steps", self.steps, 0, MOST)
        require_choice("stages.start", self.start, STARTS)
